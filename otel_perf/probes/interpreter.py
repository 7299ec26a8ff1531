"""The garbage collector of CPython."""

import gc

from otel_perf.probes.attempts import Attempts
from otel_perf.probes.collected import Collected

__all__ = ["InterpreterProbe"]

METRICS = {
    "collections": "cpython.gc.collections",
    "collected": "cpython.gc.collected_objects",
    "uncollectable": "cpython.gc.uncollectable_objects",
}
"""The interpreter's word to metric."""


class InterpreterProbe:
    """What each generation has collected since the process began. Absent on interpreters without generations."""

    name = "interpreter"
    costly = False

    def __init__(self, attempts: Attempts) -> None:
        """Read through ``gc``."""
        self._attempts = attempts

    def read(self, found: Collected) -> None:
        """See the catalogue: ``cpython.gc.*``."""
        get_stats = getattr(gc, "get_stats", None)
        if get_stats is None:
            return
        for generation, statistics in enumerate(self._attempts.ask("garbage collection", get_stats) or ()):
            for word, name in METRICS.items():
                found.put(name, statistics.get(word), str(generation))
