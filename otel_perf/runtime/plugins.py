"""All plugins of a pipeline: found by their entry points, loaded where ``instrument()`` is called, run on threads.

Nothing is imported on a thread of ours: a fork in the middle of an import would leave the child, and so the
application, with half a module. What is installed is looked through without ``importlib.metadata``, which alone takes
10 ms to import: 1 ms for 80 packages. Only where there is a plugin the rest is loaded.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

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
METADATA_FOLDERS: Final = (".dist-info", ".egg-info")


def installed_plugins() -> "Iterable[Loadable]":
    """The entry points of the group ``otel_perf.plugins``, by name, each name once."""
    if not any(map(_offers_plugins, sys.path)):
        return []
    from importlib.metadata import entry_points

    found = {entry_point.name: entry_point for entry_point in entry_points(group=GROUP)}
    return [found[name] for name in sorted(found)]


def _offers_plugins(folder: str) -> bool:
    """Whether the metadata of a package in a folder of ``sys.path`` names our group."""
    return any(GROUP.encode() in text for text in _entry_points(folder))


def _entry_points(folder: str) -> Iterator[bytes]:
    try:
        with os.scandir(folder or ".") as entries:
            paths = [entry.path for entry in entries if entry.name.endswith(METADATA_FOLDERS)]
    except OSError:  # not there, or no folder
        return
    for path in paths:
        try:
            with open(os.path.join(path, "entry_points.txt"), "rb") as file:  # noqa: PTH118, PTH123 - 80 of them: 1 ms less
                yield file.read()
        except OSError:  # most packages have none
            continue


class Plugins:
    """A reader of calls, measurements and events that hands them to every plugin."""

    def __init__(self, *, enabled: bool) -> None:
        """Look for nothing yet; without ``enabled`` never."""
        self._enabled = enabled
        self._runners: tuple[PluginRunner, ...] = ()

    def start(self) -> None:
        """Find, load and start all plugins."""
        if self._enabled:
            self._runners = guard.call("plugins", self._loaded) or ()
            for runner in self._runners:
                runner.start()

    @staticmethod
    def _loaded() -> "tuple[PluginRunner, ...]":
        """A runner for each plugin that there is; nothing more is imported where there is none."""
        found = list(installed_plugins())
        if not found:
            return ()
        from otel_perf.runtime.plugin_runner import PluginRunner

        if len(found) > MOST_PLUGINS:
            logger.warning("otel_perf: %d plugins are installed; the first %d are used", len(found), MOST_PLUGINS)
        return tuple(PluginRunner(entry_point.name, entry_point.load) for entry_point in found[:MOST_PLUGINS])

    def notes(self) -> Iterator[str]:
        """What a user should know of plugins, one line each."""
        for runner in self._runners:
            if runner.state == "broken":
                yield f"plugin {runner.name} is skipped: it could not be loaded"
            elif runner.dropped:
                yield f"plugin {runner.name} is too slow: {runner.dropped} records were not handed to it"

    def begin_to_stop(self) -> None:
        """Have every plugin take what waits and end; ``join`` waits for them."""
        for runner in self._runners:
            runner.stop()

    def join(self, deadline_ns: int) -> None:
        """Wait for them until the deadline (monotonic ns)."""
        for runner in self._runners:
            runner.join(deadline_ns)

    def after_fork_in_child(self) -> None:
        """Start anew: the parent's threads do not exist in the child, and each process has plugins of its own."""
        self._runners = tuple(runner.again() for runner in self._runners)
        for runner in self._runners:
            runner.start()

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
        for runner in self._runners:
            runner.offer(topic, records)
