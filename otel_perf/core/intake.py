"""The intake: the queues and one switch, all that ``@tool``, ``tool_call`` and ``record`` know of the rest.

An application thread appends a record when a call starts and again when it ends; both appends are atomic and
take no lock. Everything else happens on the worker, which takes the records out again.
"""

import itertools
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from otel_perf.core import clock
from otel_perf.core.records import Identity, Scope, Tool, ToolCall

if TYPE_CHECKING:
    from otel_perf.core.events import Event
    from otel_perf.core.measurements import Measurement

__all__ = ["Begun", "ForeignEnd", "Intake", "Lifecycle", "intake", "so_far"]

FULLY_SAMPLED: Final = Scope(sampled=True)

Begun: TypeAlias = tuple[ToolCall, Any, Any]
"""A call that has begun: its record, its OpenTelemetry span, and the OpenTelemetry context in which it is current."""


ForeignEnd: TypeAlias = tuple[Any, ToolCall | None, int]
"""A span of another library that has ended, the record made at its start, if any, and when it was handed over."""


class Lifecycle(Protocol):
    """How a call begins and ends."""

    def begin(self, tool: Tool, identity: Identity | None = None) -> Begun | None:
        """Begin a call; ``None`` when it is not recorded (it is then counted as disabled)."""
        ...

    def end(self, call: ToolCall, error: BaseException | None, end_ns: int | None = None) -> None:
        """End a call, now or at the monotonic time ``end_ns``; ``error`` is what left it, if anything."""
        ...


class SwitchedOff:
    """No recording: a call is counted and runs."""

    def begin(self, tool: Tool, identity: Identity | None = None) -> Begun | None:  # noqa: ARG002 - the protocol
        """Count the call as disabled."""
        intake.count_disabled()
        return None

    def end(self, call: ToolCall, error: BaseException | None, end_ns: int | None = None) -> None:
        """Do nothing: nothing was begun."""


def _nothing() -> None:
    return None


def so_far(counter: "itertools.count[int]") -> int:
    """How often the counter was stepped; reading it takes no step."""
    return int(repr(counter)[len("count(") : -1])


class Intake:
    """The queues, their bound, and what is switched on.

    Attributes:
        accepting: True while a pipeline takes records out, so that measurements and spans of other libraries may be
            handed in.
        deferred: True while calls are recorded as deferred spans (the fast path).
        finished: Calls that ended, oldest first.
        started: Calls that began, oldest first; the worker keeps those which have not ended.
        high_water: Length of ``finished`` above which ``relieve`` is called. 0 while the worker sleeps long, so
            that the first call after quiet wakes it.
        relieve: Wakes the worker, helps it, or drops, when ``finished`` is above ``high_water``.
        root_scope: Scope of a call without a parent; ``None`` when a sampler must be asked.
        now_ns: The monotonic clock, in nanoseconds.
        foreign: Spans of other libraries that ended, oldest first.
        lifecycle: How calls begin and end that do not take the fast path.
        measurements: Measurements, oldest first.
        measurement_mark: Length of ``measurements`` above which ``relieve_measurements`` is called.
        relieve_measurements: Wakes the worker, helps it, or drops.
        events: Events, oldest first.
        take_event: Takes an event in, or counts it as disabled.
        max_weight: Bound in bytes of the large values that waiting calls carry.
    """

    __slots__ = (
        "_disabled",
        "_disabled_events",
        "_disabled_measurements",
        "_weight",
        "_weight_lock",
        "accepting",
        "deferred",
        "events",
        "finished",
        "foreign",
        "high_water",
        "lifecycle",
        "max_weight",
        "measurement_mark",
        "measurements",
        "now_ns",
        "relieve",
        "relieve_measurements",
        "root_scope",
        "started",
        "take_event",
    )

    def __init__(self) -> None:
        """Start switched off: a decorated function just runs, and its call is counted as disabled."""
        self.finished: deque[ToolCall] = deque()
        self.started: deque[ToolCall] = deque()
        self.foreign: deque[ForeignEnd] = deque()
        self.measurements: deque[Measurement] = deque()
        self.events: deque[Event] = deque()
        self.now_ns: Callable[[], int] = clock.monotonic_ns
        self._disabled = itertools.count()
        self._disabled_measurements = itertools.count()
        self._disabled_events = itertools.count()
        self._weight = 0
        self._weight_lock = threading.Lock()
        self.max_weight = 64 * 1024 * 1024
        self.switch_off()

    def switch_off(self) -> None:
        """Stop recording. Calls that are under way still end up in ``finished``."""
        self.accepting = False
        self.deferred = False
        self.lifecycle: Lifecycle = SwitchedOff()
        self.high_water = 1 << 62
        self.relieve: Callable[[], None] = _nothing
        self.measurement_mark = 1 << 62
        self.relieve_measurements: Callable[[], None] = _nothing
        self.take_event: Callable[[Event], object] = self.count_disabled_event
        self.root_scope: Scope | None = FULLY_SAMPLED

    def count_disabled(self) -> None:
        """Count one call that ran without being recorded (atomic: one step of a C iterator)."""
        next(self._disabled)

    @property
    def disabled(self) -> int:
        """Calls so far that ran without being recorded."""
        return so_far(self._disabled)

    def count_disabled_measurement(self) -> None:
        """Count one measurement that was made while recording was off (atomic, as above)."""
        next(self._disabled_measurements)

    @property
    def disabled_measurements(self) -> int:
        """Measurements so far that were made while recording was off."""
        return so_far(self._disabled_measurements)

    def count_disabled_event(self, event: "Event") -> None:  # noqa: ARG002 - takes the place of ``take_event``
        """Count one event that was made while recording was off (atomic, as above)."""
        next(self._disabled_events)

    @property
    def disabled_events(self) -> int:
        """Events so far that were made while recording was off."""
        return so_far(self._disabled_events)

    def forget(self) -> None:
        """Empty everything: what a forked child does, whose parent delivers what was queued."""
        self.finished.clear()
        self.started.clear()
        self.foreign.clear()
        self.measurements.clear()
        self.events.clear()
        self._disabled = itertools.count()
        self._disabled_measurements = itertools.count()
        self._disabled_events = itertools.count()
        self._weight = 0
        self._weight_lock = threading.Lock()

    def add_weight(self, size: int) -> None:
        """Bytes of large values that a call now carries; above the bound the next end of a call relieves the queue."""
        with self._weight_lock:
            self._weight += size
        if self._weight > self.max_weight:
            self.high_water = 0

    def remove_weight(self, size: int) -> None:
        """Bytes that left with their call."""
        with self._weight_lock:
            self._weight -= size

    @property
    def too_heavy(self) -> bool:
        """Whether the values carried exceed their bound."""
        return self._weight > self.max_weight


intake: Final = Intake()
