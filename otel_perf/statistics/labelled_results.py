"""Labelled results gathered one by one: what was expected, what came, and the indicators that follow."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from otel_perf.core.kpis import record_kpi
from otel_perf.statistics.classification import Average, BinaryCounts, ClassificationCounts, Scores

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

__all__ = ["LabelledResults"]


class LabelledResults:
    """Counts pairs of an expected and a predicted label, from any thread.

    >>> results = LabelledResults(positive="spam")
    >>> results.add(expected="spam", predicted="ham")
    >>> results.scores().recall
    0.0
    >>> results.record(model="small-1", dataset="mails-2026")

    Args:
        positive: With one, F1, precision and recall are those of this label against all others; without, they are
            averaged over all labels.
        average: How: ``macro``, ``micro`` or ``weighted``.
        most_pairs: Different pairs of labels that are kept, so that free text as a label cannot fill the memory;
            results beyond are counted in ``left_out`` and take no part.
    """

    def __init__(self, positive: Hashable = None, average: Average = "macro", most_pairs: int = 10_000) -> None:
        """Start empty.

        Raises:
            ValueError: ``average`` is none of the three, or ``most_pairs`` is below 1.
        """
        if average not in ("macro", "micro", "weighted"):
            raise ValueError(f"average must be macro, micro or weighted, not {average!r}")
        if most_pairs < 1:
            raise ValueError("most_pairs must be at least 1")
        self._positive = positive
        self._average: Average = average
        self._most_pairs = most_pairs
        self._lock = threading.RLock()  # a label's own __hash__ runs under it
        self._pairs: Counter[tuple[Hashable, Hashable]] = Counter()
        self.left_out = 0

    def __repr__(self) -> str:
        return f"LabelledResults({len(self)} results, {self.scores()})"

    def __len__(self) -> int:
        """Results so far."""
        with self._lock:
            return self._pairs.total()

    def add(self, expected: Hashable, predicted: Hashable) -> None:
        """Count one result."""
        pair = (expected, predicted)
        with self._lock:
            if pair in self._pairs or len(self._pairs) < self._most_pairs:
                self._pairs[pair] += 1
            else:
                self.left_out += 1

    def extend(self, results: Iterable[tuple[Hashable, Hashable]]) -> None:
        """Count several (expected, predicted)."""
        for expected, predicted in results:
            self.add(expected, predicted)

    def counts(self) -> ClassificationCounts:
        """The counts so far."""
        with self._lock:
            return ClassificationCounts(dict(self._pairs))

    def scores(self) -> Scores:
        """The indicators so far; ``None`` for those that nothing is known of."""
        counts = self.counts()
        if self._positive is None:
            return counts.scores(self._average)
        one = counts.by_class().get(self._positive, BinaryCounts(true_negatives=counts.total)).scores
        return Scores(one.precision, one.recall, one.f1, counts.accuracy)

    def record(self, **labels: str | None) -> Scores:
        """Hand the indicators to ``record_kpi`` (those that are known), and give them.

        Args:
            **labels: As of ``record_kpi``: model, provider, agent, tool, dataset.
        """
        scores = self.scores()
        named = {
            "f1_score": scores.f1,
            "precision": scores.precision,
            "recall": scores.recall,
            "accuracy": scores.accuracy,
        }
        for name, value in named.items():
            if value is not None:
                record_kpi(name, value, **labels)
        return scores
