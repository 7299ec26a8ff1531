"""How late an asyncio event loop runs what is due: what blocks it delays everything on it."""

import asyncio
from contextvars import Context
from typing import Final
from weakref import WeakKeyDictionary, ref

from otel_perf.core.intake import intake
from otel_perf.core.process_signals import EVENT_LOOP_LAG
from otel_perf.core.recording import record

__all__ = ["EventLoopWatch", "watch_event_loop"]

INTERVAL_SECONDS: Final = 0.5
SHORTEST_SECONDS: Final = 0.01


class EventLoopWatch:
    """A timer on one loop that measures how late it is, and sets itself again.

    It is one more timer, so it neither keeps a loop running nor outlives it. Timers share a loop's thread with
    everything else: the lag is the time that a task which is ready waits for its turn.

    Attributes:
        interval_seconds: Time between two measurements.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, interval_seconds: float) -> None:
        """Made by ``watch_event_loop``."""
        self.interval_seconds = interval_seconds
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._set()

    def __repr__(self) -> str:
        """Whether it runs, and how often."""
        state = "running" if self.running else "stopped"
        return f"<EventLoopWatch {state}, every {self.interval_seconds} s>"

    @property
    def running(self) -> bool:
        """Whether it measures: until ``stop()``, or until the loop is closed."""
        return self._timer is not None and not self._loop.is_closed()

    def stop(self) -> None:
        """Measure no more. Call it on the loop's thread; safe twice."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _set(self) -> None:
        due = self._loop.time() + self.interval_seconds
        # An empty context: the timer must not keep alive what the caller's context holds.
        self._timer = self._loop.call_at(due, self._measure, due, context=Context())

    def _measure(self, due: float) -> None:
        if self._timer is None:
            return
        if intake.accepting:
            # A loop may run a timer early by the resolution of its clock.
            record(EVENT_LOOP_LAG, max(0.0, self._loop.time() - due))
        self._set()


_WATCHES: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, ref[EventLoopWatch]]] = WeakKeyDictionary()
"""The timer keeps its watch alive; a watch held here would keep its loop, which is the key."""


def watch_event_loop(interval_seconds: float = INTERVAL_SECONDS) -> EventLoopWatch:
    """Measure the lag of the running event loop, as the histogram ``otel_perf.event_loop.lag``.

    Costs some 10 us per interval. A loop that is watched already keeps its watch, with its interval.

    Args:
        interval_seconds: Time between two measurements; at least 0.01.

    Returns:
        The watch; ``stop()`` ends it before the loop does.

    Raises:
        RuntimeError: No event loop is running in this thread.
        ValueError: The interval is too short.
    """
    if not interval_seconds >= SHORTEST_SECONDS:
        raise ValueError(f"interval_seconds must be a number >= {SHORTEST_SECONDS}")
    loop = asyncio.get_running_loop()
    known = _WATCHES.get(loop)
    watch = None if known is None else known()
    if watch is None or not watch.running:
        watch = EventLoopWatch(loop, interval_seconds)
        _WATCHES[loop] = ref(watch)
    return watch
