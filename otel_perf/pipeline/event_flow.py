"""Events on their way from the intake to the parts that read them, and their exact account."""

import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

from otel_perf.core.events import Event, EventBalance
from otel_perf.core.guard import guard
from otel_perf.core.intake import Intake, so_far

__all__ = ["EventFlow", "EventReader"]

SLICE: Final = 16
MOST_WAITING: Final = 4096
"""Events are rare: so many at once are a loop gone wild. At 1 KB each they take 4 MB."""


class EventReader(Protocol):
    """A part that reads every event. Called on the worker, under its lock; must not block, must not do I/O."""

    def on_events(self, events: Sequence[Event]) -> None:
        """Events in the order in which they were handed in."""
        ...


class EventFlow:
    """Takes events out of the intake. ``handle`` and ``balance`` run under the worker's lock.

    Attributes:
        readers: Who is told of events.
        prepare: Called once, by the first event, on the thread that hands it in: what starts threads must do so
            while threads can still be started, and that is before the end of the process begins.
        wake: Rouses the worker: an event is rare, and somebody may wait for it.
        on_overflow: Called for each event that is dropped, on the thread that hands it in.
    """

    def __init__(self, intake: Intake, most_waiting: int = MOST_WAITING) -> None:
        """Prepare; nothing is taken before ``handle``."""
        self._intake = intake
        self._most_waiting = most_waiting
        self.readers: Sequence[EventReader] = ()
        self.prepare: Callable[[], object] = _nothing
        self.wake: Callable[[], object] = _nothing
        self.on_overflow: Callable[[Event], object] = _ignored
        self.reset()

    def reset(self) -> None:
        """Start at zero."""
        self._firsts = itertools.count()
        self._prepared = False
        self._recorded = 0
        self._dropped = itertools.count()

    def open(self) -> None:
        """Let events in."""
        self._intake.take_event = self._take

    def _take(self, event: Event) -> None:
        if not self._intake.accepting:
            self._intake.count_disabled_event(event)
            return
        if not self._prepared:
            self._prepare()
        if len(self._intake.events) < self._most_waiting:
            self._intake.events.append(event)
            guard.call("events", self.wake)
        else:
            next(self._dropped)
            guard.call("events", self.on_overflow, event)

    def _prepare(self) -> None:
        first = next(self._firsts) == 0
        self._prepared = True
        if first:
            guard.call("events", self.prepare)

    def handle(self, size: int = SLICE) -> int:
        """Take up to ``size`` and hand them on; how many."""
        queue = self._intake.events
        if not queue:
            return 0
        taken: list[Event] = []
        with suppress(IndexError):
            taken.extend(queue.popleft() for _ in range(min(size, len(queue))))
        self._recorded += len(taken)
        for reader in self.readers:
            guard.call("events", reader.on_events, taken)
        return len(taken)

    def balance(self) -> EventBalance:
        """The account; those which wait count as recorded."""
        recorded = self._recorded + len(self._intake.events)
        dropped = so_far(self._dropped)
        disabled = self._intake.disabled_events
        return EventBalance(recorded + dropped + disabled, recorded, dropped, disabled)


def _nothing() -> None:
    return None


def _ignored(event: Event) -> None:
    del event
