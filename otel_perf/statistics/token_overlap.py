"""Exact match and token-overlap F1 of two answers, as the SQuAD evaluation defines them.

Source: Rajpurkar et al., SQuAD: 100,000+ Questions for Machine Comprehension of Text (2016), section 6.1: texts are
lower-cased, punctuation and the articles a, an, the are taken out; F1 treats both answers as bags of words.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["best_overlap_f1", "is_exact_match", "normalized_answer", "overlap_f1"]

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalized_answer(text: str) -> str:
    """Lower case, without ASCII punctuation, articles and superfluous space."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def is_exact_match(expected: str, predicted: str) -> bool:
    """Whether both are the same once normalized."""
    return normalized_answer(expected) == normalized_answer(predicted)


def overlap_f1(expected: str, predicted: str) -> float:
    """Harmonic mean of the shares of words that both have in common, 0 to 1.

    An answer without words matches only one without words (1.0 then, else 0.0): SQuAD 2.0's rule for questions that
    have no answer.
    """
    wanted, given = normalized_answer(expected).split(), normalized_answer(predicted).split()
    if not wanted or not given:
        return float(wanted == given)
    common = (Counter(wanted) & Counter(given)).total()
    return 2 * common / (len(wanted) + len(given))


def best_overlap_f1(expected: Sequence[str], predicted: str) -> float | None:
    """The best F1 over several answers that would be right; ``None`` when there is none to compare with."""
    return max((overlap_f1(one, predicted) for one in expected), default=None)
