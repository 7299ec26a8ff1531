"""One plugin at work: a thread of its own, a bounded queue in front of it, a guard around all it does."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar

from otel_perf.core import clock
from otel_perf.core.background import background_thread
from otel_perf.core.guard import guard, logger
from otel_perf.core.measurements import Measurement
from otel_perf.core.plugin import FinishedCall, MeasuredValue, PluginHost
from otel_perf.core.records import ToolCall

__all__ = ["Loadable", "PluginRunner", "Topic"]

Topic: TypeAlias = Literal["on_calls", "on_measurements", "on_events"]
State: TypeAlias = Literal["loading", "running", "broken", "ended"]

R = TypeVar("R")

MOST_WAITING: Final = 10_000
"""Records that wait for one plugin; about 1 MB. What a slower plugin does not take in time is dropped and counted."""


class Loadable(Protocol):
    """An entry point."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    def load(self) -> Any:
        """Import and give the object."""
        ...


class PluginRunner:
    """Hands one plugin what it wants to read.

    Attributes:
        name: Name of the entry point.
        state: What the plugin is doing; ``broken`` when it could not be loaded, ``ended`` when it wants nothing.
        dropped: Records that it did not take in time.
    """

    def __init__(self, name: str, load: Callable[[], Any]) -> None:
        """Load the plugin here: the object of the entry point, which is called later, on the plugin's own thread.

        Args:
            name: Name of the entry point.
            load: Imports and gives the object.
        """
        self.name = name
        self.dropped = 0
        self.state: State = "loading"
        self._make: Callable[[PluginHost], Any] | None = self._guarded(load)
        self._begin()

    def _begin(self) -> None:
        self._plugin: Any = None
        self._changed = threading.Condition()
        self._queue: deque[tuple[Topic, Sequence[Any]]] = deque()
        self._waiting = 0
        self._stopping = False
        self._thread = background_thread(self._run, f"otel_perf-plugin-{self.name}")

    def start(self) -> None:
        """Make the plugin on its own thread, and begin."""
        if self._make is not None:
            self._thread.start()

    def again(self) -> "PluginRunner":
        """The same plugin from the start, for a forked child."""
        make = self._make
        fresh = PluginRunner(self.name, lambda: make)
        fresh.state = "broken" if make is None else "loading"
        return fresh

    def offer(self, topic: Topic, records: Sequence[Any]) -> None:
        """Take records in for the plugin; never waits for it."""
        if self.state in ("broken", "ended") or (self.state == "running" and not hasattr(self._plugin, topic)):
            return
        with self._changed:
            room = max(0, MOST_WAITING - self._waiting)
            self.dropped += len(records) - len(records[:room])
            if room and records:
                self._queue.append((topic, records[:room]))
                self._waiting += len(records[:room])
                self._changed.notify()

    def stop(self) -> None:
        """Hand over what waits, then end; ``join`` waits for it."""
        with self._changed:
            self._stopping = True
            self._changed.notify()

    def join(self, deadline_ns: int) -> None:
        """Wait until the plugin has ended; one that hangs is left behind at the deadline (monotonic ns)."""
        if self._thread.ident is not None:
            self._thread.join(max(0.0, (deadline_ns - clock.monotonic_ns()) / 1e9))
            if self._thread.is_alive():
                logger.warning("otel_perf: plugin %r has not ended in time; it is left behind", self.name)

    # -- on the plugin's thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        make = self._make
        self._plugin = None if make is None else self._guarded(lambda: make(PluginHost(self.name)))
        if self._plugin is None:
            self.state = "broken" if self.state == "broken" else "ended"
            self._queue.clear()
            return
        self.state = "running"
        while (entry := self._next()) is not None:
            topic, records = entry
            self._call(topic, guard.call(self._stage, CONVERT[topic], records) or ())
        self._call("shutdown")
        self.state = "ended"

    @property
    def _stage(self) -> str:
        return f"plugin.{self.name}"

    def _guarded(self, load: Callable[[], R]) -> R | None:
        try:
            return load()
        except BaseException as error:  # noqa: BLE001 - a plugin may raise anything, and ends itself alone
            self.state = "broken"
            guard.counts[self._stage] += 1
            logger.error(
                "otel_perf: plugin %r is skipped, it could not be loaded: %s: %s",
                self.name,
                type(error).__name__,
                str(error)[:200],
            )
            return None

    def _next(self) -> tuple[Topic, Sequence[Any]] | None:
        with self._changed:
            while not self._queue and not self._stopping:
                self._changed.wait()
            if not self._queue:
                return None
            topic, records = self._queue.popleft()
            self._waiting -= len(records)
            return topic, records

    def _call(self, method: str, *arguments: Sequence[Any]) -> None:
        function = getattr(self._plugin, method, None)
        if not callable(function):
            return
        try:
            guard.call(self._stage, function, *arguments)
        except BaseException as error:  # noqa: BLE001 - SystemExit too: nothing that a plugin does ends its thread
            guard.report(self._stage, error)


# -- from records to what stays the same -----------------------------------------------------------------------------


def _finished(calls: Sequence[ToolCall]) -> Sequence[FinishedCall]:
    return [
        FinishedCall(
            name=call.tool.name,
            kind=call.tool.kind,
            caller=None if call.caller is None else call.caller.tool.name,
            agent=None if call.scope.identity is None else call.scope.identity.agent_name,
            outcome=call.outcome,
            error_type=None if call.failure is None else call.failure.error_type,
            duration_seconds=call.duration_ns / 1e9,
            ended_unix_ns=clock.system_clock.unix_ns(call.end_ns or 0),
            trace_id=None if call.context is None else f"{call.context.trace_id:032x}",
        )
        for call in calls
    ]


def _measured(measurements: Sequence[Measurement]) -> Sequence[MeasuredValue]:
    return [
        MeasuredValue(
            entry.metric.name,
            entry.metric.instrument,
            entry.metric.unit,
            entry.value,
            {
                attribute.name: label
                for attribute, label in zip(entry.metric.attributes, entry.labels, strict=False)
                if label is not None
            },
            entry.times,
        )
        for entry in measurements
    ]


def _as_they_are(events: Sequence[Any]) -> Sequence[Any]:
    return events


CONVERT: Final[dict[Topic, Callable[[Sequence[Any]], Sequence[Any]]]] = {
    "on_calls": _finished,
    "on_measurements": _measured,
    "on_events": _as_they_are,
}
