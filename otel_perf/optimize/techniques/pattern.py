"""Phrases that come again replaced by short references, with a legend."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from otel_perf.optimize.techniques.technique import Goal, NotApplicableError, Technique, byte_size

__all__ = ["PATTERN", "abbreviate", "expand_abbreviations"]

MARKS: Final = "§¤¶‡¦"
"""The first of these that the text does not hold encloses the references: ``§1§``."""

SEED_WORDS: Final = 4
"""Words, blank space and punctuation marks that must agree before a repetition is looked at."""

SHORTEST_PHRASE: Final = 16
"""Characters. A reference is about three tokens, so a shorter phrase would save none."""

MOST_PHRASES: Final = 64
"""Entries of the legend. Each costs a pass over the text."""

SAMPLE_CHARACTERS: Final = 1_000_000
SAMPLE_SLICES: Final = 16
"""Phrases are learnt from at most so much of the text, in slices spread evenly, and replaced everywhere."""

_WORD: Final = re.compile(r"\w+|\s+|[^\w\s]")
_HEADER: Final = re.compile(r"\[(.)n\1 stands for:\]\n", re.DOTALL)


def abbreviate(text: str, size: Callable[[str], int] = byte_size) -> str:
    """The text with repeated phrases as references, after a legend that says what they stand for.

    The legend is a line ``[§n§ stands for:]``, a line ``§1§="…"`` with a JSON string per phrase, and a blank line.
    Only phrases are replaced that save more than their entry costs; without any the text is as it was.

    Args:
        text: What to shorten.
        size: What must be saved beside bytes: tokens, usually.

    Raises:
        NotApplicableError: The text holds all characters that could mark a reference.
    """
    mark = next((mark for mark in MARKS if mark not in text), None)
    if mark is None:
        raise NotApplicableError("the text uses every mark of references itself")
    legend: list[str] = []
    body = text
    for phrase in _candidates(text):
        reference = f"{mark}{len(legend) + 1}{mark}"
        entry = f"{reference}={json.dumps(phrase, ensure_ascii=False)}\n"
        times = body.count(phrase)
        if all(times * (measure(phrase) - measure(reference)) > measure(entry) for measure in (byte_size, size)):
            body = body.replace(phrase, reference)
            legend.append(entry)
        if len(legend) == MOST_PHRASES:
            break
    if not legend:
        return text
    short = "".join((f"[{mark}n{mark} stands for:]\n", *legend, "\n", body))
    return short if byte_size(short) < byte_size(text) else text


def expand_abbreviations(text: str) -> str:
    """What :func:`abbreviate` was given; a text without a legend is returned as it is."""
    header = _HEADER.match(text)
    if header is None:
        return text
    mark = re.escape(header[1])
    entries, blank, body = text[header.end() :].partition("\n\n")
    phrases: dict[str, str] = {}
    for line in entries.split("\n"):
        reference, equals, phrase = line.partition("=")
        if not equals:
            return text
        phrases[reference] = json.loads(phrase)
    return re.sub(f"{mark}[0-9]+{mark}", lambda found: phrases[found[0]], body) if blank else text


def _candidates(text: str) -> list[str]:
    """Phrases that were seen again, those that promise most first."""
    again = Counter(_repeated(_words(text)))
    promise = sorted(((len(phrase) * count, phrase) for phrase, count in again.items()), reverse=True)
    return [phrase for _, phrase in promise[: 4 * MOST_PHRASES]]


def _words(text: str) -> list[str]:
    """The words of the sample; what stands between two slices equals nothing."""
    if len(text) <= SAMPLE_CHARACTERS:
        return _WORD.findall(text)
    words: list[str] = []
    size = SAMPLE_CHARACTERS // SAMPLE_SLICES
    for number in range(SAMPLE_SLICES):
        start = (len(text) - size) * number // (SAMPLE_SLICES - 1)
        words += _WORD.findall(text[start : start + size])
        words.append(f"\0{number}")
    return words


def _repeated(words: list[str]) -> Iterator[str]:
    """Each stretch that was there before, as far as it agrees with the first time. One pass."""
    first: dict[tuple[str, ...], int] = {}
    position, end = 0, len(words) - SEED_WORDS
    while position <= end:
        seed = tuple(words[position : position + SEED_WORDS])
        earlier = first.setdefault(seed, position)
        length = SEED_WORDS if earlier + SEED_WORDS <= position else 0
        while length and position + length < len(words) and earlier + length < position:
            if words[earlier + length] != words[position + length]:
                break
            length += 1
        phrase = "".join(words[position : position + length]).strip()
        if len(phrase) >= SHORTEST_PHRASE:
            yield phrase
            position += length
        else:
            position += 1


def _shrink(text: str, goal: Goal) -> str:
    return abbreviate(text, goal.size)


PATTERN: Final = Technique(
    "pattern",
    "reversible",
    "Phrases of at least 16 characters that come again are replaced by references such as §1§; a legend at the "
    "beginning says what each stands for.",
    _shrink,
    expand_abbreviations,
)
