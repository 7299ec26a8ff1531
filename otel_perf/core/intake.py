"""The intake: two queues and one switch, all that ``@tool`` and ``tool_call`` know of the rest.

An application thread appends a record when a call starts and again when it ends; both appends are atomic and
take no lock. Everything else happens on the worker, which takes the records out again.
"""

import itertools
from collections import deque
from collections.abc import Callable
from typing import Final

from otel_perf.core import clock
from otel_perf.core.records import Scope, ToolCall

__all__ = ["Intake", "intake"]

FULLY_SAMPLED: Final = Scope(sampled=True)


def _nothing() -> None:
    return None


class Intake:
    """The queues, their bound, and what is switched on.

    Attributes:
        deferred: True while calls are recorded as deferred spans (the fast path).
        finished: Calls that ended, oldest first.
        started: Calls that began, oldest first; the worker keeps those which have not ended.
        high_water: Length of ``finished`` above which ``relieve`` is called. 0 while the worker sleeps long, so
            that the first call after quiet wakes it.
        relieve: Wakes the worker, helps it, or drops, when ``finished`` is above ``high_water``.
        root_scope: Scope of a call without a parent; ``None`` when a sampler must be asked.
        now_ns: The monotonic clock, in nanoseconds.
    """

    __slots__ = ("_disabled", "deferred", "finished", "high_water", "now_ns", "relieve", "root_scope", "started")

    def __init__(self) -> None:
        """Start switched off: a decorated function just runs, and its call is counted as disabled."""
        self.finished: deque[ToolCall] = deque()
        self.started: deque[ToolCall] = deque()
        self.now_ns: Callable[[], int] = clock.monotonic_ns
        self._disabled = itertools.count()
        self.switch_off()

    def switch_off(self) -> None:
        """Stop recording. Calls that are under way still end up in ``finished``."""
        self.deferred = False
        self.high_water = 1 << 62
        self.relieve: Callable[[], None] = _nothing
        self.root_scope: Scope | None = FULLY_SAMPLED

    def count_disabled(self) -> None:
        """Count one call that ran without being recorded (atomic: one step of a C iterator)."""
        next(self._disabled)

    @property
    def disabled(self) -> int:
        """Calls so far that ran without being recorded."""
        return int(repr(self._disabled)[len("count(") : -1])

    def forget(self) -> None:
        """Empty everything: what a forked child does, whose parent delivers what was queued."""
        self.finished.clear()
        self.started.clear()
        self._disabled = itertools.count()


intake: Final = Intake()
