"""The sentences that say most, as they stand: an extract, not a new text."""

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from otel_perf.optimize.techniques.technique import Goal, NotApplicableError, Technique

__all__ = ["SUMMARIZE", "extract", "sentences"]

_SENTENCE_END: Final = re.compile(
    r"""\n+|(?:(?<=[.!?…])|(?<=[.!?…]["')\]]))[ \t]+(?=[^\W\d_a-zß-ÿ]|["'(\[])|(?<=[\u3002\uff01\uff1f])"""
)
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
COUNTED_SENTENCES: Final = 50_000
PULLS: Final = 8
"""How often the budget is lowered when a counter gives more for the whole than for the parts."""


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where each sentence begins and ends, in characters: up to a full stop before a capital, or a line end."""
    start = 0
    for end in _SENTENCE_END.finditer(text):
        if text[start : end.start()].strip():
            yield start, end.start()
        start = end.end()
    if text[start:].strip():
        yield start, len(text)


def extract(text: str, goal: Goal) -> str:
    """The sentences with the highest scores that fit the limit, in their order, each as it stands in the text.

    A sentence scores the mean, over its words, of the logarithm of how often the text uses the word, times the
    square root of its number of different words; the first of a paragraph scores a quarter more. No randomness.

    Raises:
        NotApplicableError: Not one sentence fits.
    """
    whole = goal.size(text)
    limit = goal.limit_for(whole)
    found = list(sentences(text))
    costs = _costs(text, found, goal, whole)
    order = sorted(range(len(found)), key=_scores(text, found).__getitem__, reverse=True)
    budget: float = limit
    for _ in range(PULLS):
        extracted = _join(text, [found[index] for index in _chosen(order, costs, budget)])
        if not extracted:
            break
        if goal.size(extracted) <= limit:
            return extracted
        budget *= 0.9
    raise NotApplicableError("no sentence fits the limit")


def _costs(text: str, found: list[tuple[int, int]], goal: Goal, whole: int) -> list[float]:
    """The size of each sentence: counted, or its share of the whole by characters when there are very many."""
    if len(found) <= COUNTED_SENTENCES:
        return [goal.size(f"{text[start:end]}\n") for start, end in found]
    each = whole / len(text)
    return [(end - start + 1) * each for start, end in found]


def _chosen(order: list[int], costs: list[float], budget: float) -> list[int]:
    """The best first, as long as there is room; then the order of the text."""
    chosen: list[int] = []
    for index in order:
        if costs[index] <= budget:
            budget -= costs[index]
            chosen.append(index)
    return sorted(chosen)


def _scores(text: str, found: list[tuple[int, int]]) -> list[float]:
    words = [_WORD.findall(text[start:end].lower()) for start, end in found]
    frequency: Counter[str] = Counter()
    for sentence in words:
        frequency.update(sentence)
    weight = {word: math.log1p(count) for word, count in frequency.items()}
    scores: list[float] = []
    for (start, _), sentence in zip(found, words, strict=True):
        different = dict.fromkeys(sentence)
        mean = sum(weight[word] for word in different) / len(different) if different else 0.0
        leads = start == 0 or text[max(0, start - 2) : start] == "\n\n"
        scores.append(mean * math.sqrt(len(different)) * (1.25 if leads else 1.0))
    return scores


def _join(text: str, kept: list[tuple[int, int]]) -> str:
    """Neighbours as they stood, a line end where something was left out."""
    parts: list[str] = []
    before = 0
    for start, end in kept:
        gap = text[before:start]
        parts += (gap if parts and not gap.strip() else "\n" * bool(parts), text[start:end])
        before = end
    return "".join(parts)


SUMMARIZE: Final = Technique(
    "summarize",
    "lossy",
    "An extract: the sentences whose words the text uses most, each as it stands, in their order. Deterministic, no "
    "model, no network. Without a limit up to half of the text is kept.",
    extract,
)
