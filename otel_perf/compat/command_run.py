"""Commands that are measured, and the numbers of each that are kept."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from otel_perf.compat.forks import ForkSafeLock
from otel_perf.core.guard import guard
from otel_perf.core.records import AttributeValue, Failure
from otel_perf.core.tallies import Names
from otel_perf.probes.interactions import Interaction, InteractionBlock, command
from otel_perf.probes.occurrence import NANOSECONDS, label_text
from otel_perf.probes.speed import Speed

__all__ = ["CommandDurations", "CommandTallies", "MonitoredCommand"]

NAME_LIMIT: Final = 200
"""Commands with numbers of their own, as many as the metrics tell apart; further ones share ``_OTHER``."""

OnEnd = Callable[["CommandRun", float, bool], object]
"""(run, seconds, whether it failed)."""


class CommandRun(Interaction):
    """One run of a command.

    Attributes:
        command_name: Name of the command.
    """

    __slots__ = ("_on_end", "command_name")

    def __init__(self, block: "MonitoredCommand") -> None:
        """Begin."""
        self._on_end = block.on_end
        self.command_name = block.name
        super().__init__(block, block.labels())

    def conclude(self, duration_ns: int, failure: Failure | None, speed: Speed) -> dict[str, AttributeValue]:
        """Tell the monitor, then record it."""
        guard.call("monitor.command", self._on_end, self, duration_ns / NANOSECONDS, failure is not None)
        return super().conclude(duration_ns, failure, speed)


class MonitoredCommand(InteractionBlock):
    """A command for ``with``, ``async with`` and as a decorator: ``probes.interactions.command``, and one is told.

    Attributes:
        on_end: Called at the end of each run, on its thread.
        name: Name of the command.
    """

    __slots__ = ("name", "on_end")

    def __init__(self, name: str, on_end: OnEnd) -> None:
        """Keep what holds for every run."""
        self.name = label_text(name)
        self.on_end = on_end
        plain = command(self.name)
        super().__init__(plain.work.described, plain.metric, plain.labels(), counter=plain.counter)

    def occur(self, function: Callable[..., Any] | None = None) -> CommandRun:  # noqa: ARG002 - the protocol
        """Begin one run."""
        return CommandRun(self)


@dataclass(frozen=True, slots=True)
class CommandDurations:
    """The runs of one command.

    Attributes:
        count: All runs.
        failed: Those that an exception ended.
        total_seconds: Sum of their durations.
        recent_seconds: Durations of the last ones, in the order of their ends.
    """

    count: int
    failed: int
    total_seconds: float
    recent_seconds: tuple[float, ...]


class CommandTallies:
    """The runs of all commands. Thread-safe."""

    def __init__(self, max_samples: int) -> None:
        """Start without any.

        Args:
            max_samples: Durations that are kept of each command.
        """
        self._max_samples = max_samples
        self._lock = ForkSafeLock()
        self._names = Names(NAME_LIMIT)
        self._counts: dict[str, list[float]] = {}
        self._recent: dict[str, deque[float]] = {}

    def add(self, name: str, seconds: float, *, failed: bool) -> str:
        """Count one run; the name under which it counts."""
        with self._lock:
            label = self._names.label(name)
            counts = self._counts.setdefault(label, [0, 0, 0.0])
            counts[0] += 1
            counts[1] += failed
            counts[2] += seconds
            self._recent.setdefault(label, deque(maxlen=self._max_samples)).append(seconds)
            return label

    def read(self) -> dict[str, CommandDurations]:
        """All commands so far, by name."""
        with self._lock:
            return {
                name: CommandDurations(int(counts[0]), int(counts[1]), counts[2], tuple(self._recent[name]))
                for name, counts in sorted(self._counts.items())
            }
