"""CPU time of an operation: of its own thread, and only where no other work ran on it meanwhile.

The steps of coroutines and generators are timed one by one. Of a block in a coroutine it is known whether the event
loop ran meanwhile: then other tasks' time would be in the reading, and it is absent instead.
"""

import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from otel_perf.core import clock

if TYPE_CHECKING:
    from asyncio import Handle

__all__ = ["SHORTEST_NS", "CpuTime"]

TICK_NS: Final = 10_000_000
"""The tick by which operating systems account CPU time (1/100 s) where they have nothing finer."""
RESOLUTION_NS: Final = max(1, round(time.get_clock_info("thread_time").resolution * 1e9))
SHORTEST_NS: Final = max(TICK_NS, RESOLUTION_NS)
"""A shorter operation has no CPU time: it would be a share of one tick."""

TOO_SHORT: Final = "the operation was shorter than a clock tick of 10 ms"
MOVED: Final = "it ended on another thread than it began on"
SHARED: Final = "the event loop ran other tasks on this thread meanwhile; decorate the coroutine function instead"


class CpuTime:
    """CPU time of the calling thread, added up between ``resume`` and ``pause``."""

    __slots__ = ("_marker", "_moved", "_shared", "_since_ns", "_thread", "_total_ns")

    def __init__(self) -> None:
        """Nothing was used yet."""
        self._total_ns = self._since_ns = self._thread = 0
        self._moved = self._shared = False
        self._marker: Handle | None = None

    def watch_event_loop(self) -> None:
        """Notice when the event loop of this thread runs before ``pause``: by a callback that it would then run."""
        asyncio = sys.modules.get("asyncio.events")
        loop = None if asyncio is None else asyncio._get_running_loop()  # noqa: SLF001 - the other one raises: 1 us
        if loop is not None:
            self._marker = loop.call_soon(self._loop_ran)

    def _loop_ran(self) -> None:
        self._shared = True

    def resume(self) -> None:
        """The operation runs on this thread from now on."""
        self._thread = threading.get_ident()
        self._since_ns = clock.thread_cpu_ns()

    def pause(self) -> None:
        """It does not any more."""
        self._total_ns += clock.thread_cpu_ns() - self._since_ns
        self._moved = self._moved or threading.get_ident() != self._thread
        if self._marker is not None:
            self._marker.cancel()

    def used(self, duration_ns: int) -> tuple[int | None, str | None]:
        """Nanoseconds used by an operation of this duration; or ``None``, and why."""
        if self._moved:
            return None, MOVED
        if self._shared:
            return None, SHARED
        if duration_ns < SHORTEST_NS or self._total_ns < RESOLUTION_NS:
            return None, TOO_SHORT
        return self._total_ns, None
