"""F1, precision, recall and accuracy from labelled results. What has a zero denominator is ``None``, never 0.

Definitions: van Rijsbergen, Information Retrieval (1979), for the F-measure; for the averages over classes those that
scikit-learn documents, except that a class without a value takes no part in a mean instead of counting as 0.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

__all__ = ["Average", "BinaryCounts", "ClassificationCounts", "Scores", "binary_counts", "classification_counts"]

Average = Literal["macro", "micro", "weighted"]


@dataclass(frozen=True, slots=True)
class Scores:
    """The four shares, 0 to 1; ``None`` where there is nothing to divide by."""

    precision: float | None
    recall: float | None
    f1: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class BinaryCounts:
    """One class against all others.

    Attributes:
        true_positives: Found, and right.
        false_positives: Found, and wrong.
        false_negatives: Right, and not found.
        true_negatives: Neither found nor right.
    """

    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0
    true_negatives: int = 0

    @property
    def total(self) -> int:
        """All results."""
        return self.true_positives + self.false_positives + self.false_negatives + self.true_negatives

    @property
    def precision(self) -> float | None:
        """Right ones among those found; ``None`` when nothing was found."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float | None:
        """Found ones among those that are right; ``None`` when nothing is right."""
        return _share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of both, ``2 tp / (2 tp + fp + fn)``; ``None`` when nothing was found and nothing is right."""
        twice = 2 * self.true_positives
        return _share(twice, twice + self.false_positives + self.false_negatives)

    @property
    def accuracy(self) -> float | None:
        """Results that equal their label; ``None`` without a result."""
        return _share(self.true_positives + self.true_negatives, self.total)

    @property
    def scores(self) -> Scores:
        """All four."""
        return Scores(self.precision, self.recall, self.f1, self.accuracy)


@dataclass(frozen=True, slots=True)
class ClassificationCounts:
    """Results of any number of classes.

    Attributes:
        pairs: How often each pair of (expected, predicted) occurred.
    """

    pairs: Mapping[tuple[Hashable, Hashable], int]

    @property
    def total(self) -> int:
        """All results."""
        return sum(self.pairs.values())

    @property
    def accuracy(self) -> float | None:
        """Results that equal their label; ``None`` without a result."""
        right = sum(count for (expected, predicted), count in self.pairs.items() if expected == predicted)
        return _share(right, self.total)

    def by_class(self) -> dict[Hashable, BinaryCounts]:
        """Each class against all others, in the order of their first appearance."""
        expected: Counter[Hashable] = Counter()
        predicted: Counter[Hashable] = Counter()
        right: Counter[Hashable] = Counter()
        for (label, answer), count in self.pairs.items():
            expected[label] += count
            predicted[answer] += count
            if label == answer:
                right[label] += count
        total = self.total
        return {
            name: BinaryCounts(
                right[name],
                predicted[name] - right[name],
                expected[name] - right[name],
                total - expected[name] - predicted[name] + right[name],
            )
            for name in dict.fromkeys((*expected, *predicted))
        }

    def scores(self, average: Average = "macro") -> Scores:
        """Precision, recall and F1 over all classes.

        Args:
            average: ``macro``: the mean of the classes' values; ``weighted``: the same, each class weighing as often
                as it was expected; ``micro``: of all results together (every one of the three then is the accuracy).
        """
        classes = self.by_class()
        if average == "micro":
            return Scores(self.accuracy, self.accuracy, self.accuracy, self.accuracy)
        weights = {
            name: 1 if average == "macro" else counts.true_positives + counts.false_negatives
            for name, counts in classes.items()
        }
        return Scores(
            _mean((counts.precision, weights[name]) for name, counts in classes.items()),
            _mean((counts.recall, weights[name]) for name, counts in classes.items()),
            _mean((counts.f1, weights[name]) for name, counts in classes.items()),
            self.accuracy,
        )


def binary_counts(expected: Iterable[object], predicted: Iterable[object]) -> BinaryCounts:
    """Count truth values pair by pair; both have to be of the same length, or ``ValueError`` says so."""
    pairs = Counter((bool(label), bool(answer)) for label, answer in zip(expected, predicted, strict=True))
    return BinaryCounts(pairs[True, True], pairs[False, True], pairs[True, False], pairs[False, False])


def classification_counts(expected: Iterable[Hashable], predicted: Iterable[Hashable]) -> ClassificationCounts:
    """Count labels pair by pair; both have to be of the same length, or ``ValueError`` says so."""
    return ClassificationCounts(Counter(zip(expected, predicted, strict=True)))


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _mean(weighed: Iterable[tuple[float | None, int]]) -> float | None:
    known = [(value, weight) for value, weight in weighed if value is not None]
    return _share(sum(value * weight for value, weight in known), sum(weight for _, weight in known))
