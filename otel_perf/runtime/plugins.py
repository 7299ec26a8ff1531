"""All plugins of a pipeline: found by their entry points, off the thread that starts the application.

Looking through the installed packages takes 3 ms warm and 10 to 60 ms cold, by their number. It is done on a thread
that ends with it; what is recorded meanwhile is kept for the plugins that may be found.
"""

import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from otel_perf.core import clock
from otel_perf.core.background import background_thread
from otel_perf.core.events import Event
from otel_perf.core.guard import guard, logger
from otel_perf.core.measurements import Measurement
from otel_perf.core.records import ToolCall

if TYPE_CHECKING:
    from otel_perf.runtime.plugin_runner import Loadable, PluginRunner, Topic

__all__ = ["GROUP", "Plugins", "installed_plugins"]

GROUP: Final = "otel_perf.plugins"
"""The group of entry points."""

MOST_PLUGINS: Final = 32
MOST_EARLY: Final = 10_000
"""Records that are kept until it is known which plugins there are."""


def installed_plugins() -> "Iterable[Loadable]":
    """The entry points of the group ``otel_perf.plugins``, by name, each name once."""
    from importlib.metadata import entry_points

    found = {entry_point.name: entry_point for entry_point in entry_points(group=GROUP)}
    return [found[name] for name in sorted(found)]


class Plugins:
    """A reader of calls, measurements and events that hands them to every plugin."""

    def __init__(self, *, enabled: bool) -> None:
        """Look for nothing yet; without ``enabled`` never."""
        self._enabled = enabled
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._early: list[tuple[Topic, Sequence[Any]]] | None = None
        self._early_items = self._early_lost = 0
        self._runners: tuple[PluginRunner, ...] = ()
        self._search: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look for plugins."""
        if self._enabled:
            self._early = []
            self._search = background_thread(self._begin, "otel_perf-plugins")
            self._search.start()

    def _begin(self) -> None:
        runners = guard.call("plugins", self._started) or ()
        with self._lock:
            for topic, records in self._early or ():
                for runner in runners:
                    runner.offer(topic, records)
            for runner in runners:
                runner.dropped += self._early_lost
            self._early = None
            self._runners = runners

    @staticmethod
    def _started() -> "tuple[PluginRunner, ...]":
        """A runner for each plugin that there is; nothing more is imported where there is none."""
        found = list(installed_plugins())
        if not found:
            return ()
        from otel_perf.runtime.plugin_runner import PluginRunner

        if len(found) > MOST_PLUGINS:
            logger.warning("otel_perf: %d plugins are installed; the first %d are used", len(found), MOST_PLUGINS)
        runners = tuple(map(PluginRunner, found[:MOST_PLUGINS]))
        for runner in runners:
            runner.start()
        return runners

    def notes(self) -> Iterable[str]:
        """What a user should know of plugins, one line each."""
        for runner in self._runners:
            if runner.state == "broken":
                yield f"plugin {runner.name} is skipped: it could not be loaded, or did not want to"
            elif runner.dropped:
                yield f"plugin {runner.name} is too slow: {runner.dropped} records were not handed to it"

    def begin_to_stop(self, deadline_ns: int) -> None:
        """Have every plugin take what waits and end. Waits for nothing but the search, at most until the deadline."""
        search, self._search = self._search, None
        if search is not None:
            search.join(max(0.0, (deadline_ns - clock.monotonic_ns()) / 1e9))
        for runner in self._runners:
            runner.stop()

    def join(self, deadline_ns: int) -> None:
        """Wait for them until the deadline (monotonic ns)."""
        for runner in self._runners:
            runner.join(deadline_ns)

    def after_fork_in_child(self) -> None:
        """Start anew: the parent's threads do not exist in the child, and each process has plugins of its own."""
        self._reset()
        self.start()

    # -- as a reader, on the worker ------------------------------------------------------------------------------

    def on_calls(self, calls: Sequence[ToolCall]) -> None:
        """Calls that ended."""
        self._offer("on_calls", calls)

    on_foreign_calls = on_calls

    def on_measurements(self, measurements: Sequence[Measurement]) -> None:
        """Values that were measured."""
        self._offer("on_measurements", measurements)

    def on_events(self, events: Sequence[Event]) -> None:
        """Events."""
        self._offer("on_events", events)

    def on_starts(self, calls: Sequence[ToolCall]) -> None:
        """A start alone is not told."""

    def on_overflow(self, call: ToolCall) -> None:
        """A dropped call is in the ledger."""

    def _offer(self, topic: "Topic", records: Sequence[Any]) -> None:
        if records and self._early is not None:
            with self._lock:
                if self._early is not None:
                    self._keep(topic, records)
                    return
        for runner in self._runners:
            runner.offer(topic, records)

    def _keep(self, topic: "Topic", records: Sequence[Any]) -> None:
        if self._early is not None and self._early_items + len(records) <= MOST_EARLY:
            self._early.append((topic, records))
            self._early_items += len(records)
        else:
            self._early_lost += len(records)
