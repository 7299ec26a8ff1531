"""The cell: everything that is counted about the calls that share all their labels.

One call adds to one cell; every metric of calls is a sum over cells. So the histogram's count, the calls and the
edges can never disagree.
"""

import sys
from dataclasses import dataclass
from typing import Final, NamedTuple

from otel_perf.core.operation_signals import OPERATION_SECONDS
from otel_perf.core.records import Kind, Outcome
from otel_perf.core.tool_signals import AGENT_SECONDS, TOOL_SECONDS

__all__ = ["CallExemplar", "Cell", "CellKey", "CellSnapshot"]

NANOSECONDS: Final = 1_000_000_000


def _nanoseconds(seconds: tuple[float, ...]) -> tuple[int, ...]:
    return tuple(round(bound * NANOSECONDS) for bound in seconds)


BOUNDS_NS: Final[dict[Kind, tuple[int, ...]]] = {
    "tool": _nanoseconds(TOOL_SECONDS),
    "agent": _nanoseconds(AGENT_SECONDS),
    "model": (),
    "operation": _nanoseconds(OPERATION_SECONDS),
}
"""Bounds of the catalogue in nanoseconds: comparing integers is exact. A model call has no histogram of ours."""


class CellKey(NamedTuple):
    """The labels that the calls of a cell share; all are bounded.

    Attributes:
        kind: Tool, agent, model or operation.
        name: Name of the tool, agent, model or operation.
        agent: Name of the agent that made the call; ``None`` without one.
        error_type: ``error.type``; ``None`` when the call ended well or was cancelled.
        outcome: How the call ended.
        caller: Name of the nearest enclosing call; empty for a root.
    """

    kind: Kind
    name: str
    agent: str | None
    error_type: str | None
    outcome: Outcome
    caller: str


class CallExemplar(NamedTuple):
    """One sampled call that stands for its bucket."""

    duration_ns: int
    trace_id: int
    span_id: int
    time_unix_ns: int


@dataclass(frozen=True, slots=True)
class CellSnapshot:
    """A cell at one moment.

    Attributes:
        key: Its labels.
        counts: Calls per bucket, not cumulative; the last bucket has no upper bound.
        total_ns: Sum of the durations.
        min_ns: Shortest duration.
        max_ns: Longest duration.
        exemplars: Bucket number and newest exemplar, of each bucket that has one.
    """

    key: CellKey
    counts: tuple[int, ...]
    total_ns: int
    min_ns: int
    max_ns: int
    exemplars: tuple[tuple[int, CallExemplar], ...]


class Cell:
    """Counts per duration bucket, sum, extremes and exemplars. Its owner locks.

    Plain integers and lists, not ``statistics.BucketHistogram``: the fold adds to them in line, since one method
    call per tool call would double its cost.

    Attributes:
        due_ns: Per bucket, the monotonic time from which a newer exemplar is taken.
    """

    __slots__ = ("bounds_ns", "counts", "due_ns", "exemplars", "key", "max_ns", "min_ns", "total_ns")

    def __init__(self, key: CellKey) -> None:
        """Start at zero."""
        self.key = key
        self.bounds_ns = BOUNDS_NS[key.kind]
        self.counts = [0] * (len(self.bounds_ns) + 1)
        # A perf_counter may start below zero; the first sampled call of a bucket always becomes its exemplar.
        self.due_ns = [-sys.maxsize] * len(self.counts)
        self.exemplars: dict[int, CallExemplar] = {}
        self.total_ns = 0
        self.min_ns = sys.maxsize
        self.max_ns = 0

    def snapshot(self) -> CellSnapshot:
        """The present state."""
        return CellSnapshot(
            self.key, tuple(self.counts), self.total_ns, self.min_ns, self.max_ns, tuple(self.exemplars.items())
        )
