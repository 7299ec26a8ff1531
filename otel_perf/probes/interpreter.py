"""The garbage collector of CPython."""

import gc
from collections.abc import Hashable, Mapping

from otel_perf.probes.attempts import Attempts
from otel_perf.probes.collected import Collected
from otel_perf.probes.totals import Totals

__all__ = ["InterpreterProbe", "collections_so_far"]

METRICS = {
    "collections": "cpython.gc.collections",
    "collected": "cpython.gc.collected_objects",
    "uncollectable": "cpython.gc.uncollectable_objects",
}
"""The interpreter's word to metric."""


class InterpreterProbe:
    """What each generation has collected since the process began. Absent on interpreters without ``gc.get_stats``."""

    name = "interpreter"
    costly = False

    def __init__(self, attempts: Attempts, shown: Mapping[Hashable, float] | None = None) -> None:
        """Read through ``gc``; ``shown`` is what was collected, and told, before: by a parent, or an earlier probe."""
        self._attempts = attempts
        self._totals = Totals(shown)
        self.shown = self._totals.shown

    def read(self, found: Collected) -> None:
        """See the catalogue: ``cpython.gc.*``."""
        collected = self._attempts.ask("garbage collection", _collected) or {}
        for (name, generation), value in collected.items():
            found.put(name, self._totals.since_start((name, generation), value), generation)


def collections_so_far() -> dict[Hashable, float]:
    """What the interpreter counts, as ``shown()`` says it. A forked child goes on from its parent's numbers."""
    return {key: value for key, value in _collected().items()}  # noqa: C416 - a wider type


def _collected() -> dict[tuple[str, str], int]:
    """By metric and generation."""
    return {
        (name, str(generation)): statistics[word]
        for generation, statistics in enumerate(gc.get_stats())
        for word, name in METRICS.items()
        if word in statistics
    }
