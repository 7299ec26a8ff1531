"""What one run of a program looked like: the recorded object behind the picture at the end of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from otel_perf.statistics.critical_path import PathSegment, critical_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from otel_perf.core.ledger import CallBalance, DestinationBalance
    from otel_perf.reports.metric_values import MetricValue
    from otel_perf.statistics.call_graph import TreeNode
    from otel_perf.statistics.tool_summary import ToolSummary
    from otel_perf.statistics.trace_sample import SampledTrace
    from otel_perf.statistics.turn_breakdown import TurnBreakdown

__all__ = ["OpenCall", "Overhead", "PathStep", "RunSummary", "TracePath"]

MAX_DEPTH = 32
"""Levels of a folded path, as many as a call tree has; what is deeper counts for the last level."""


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that has begun and not ended.

    Attributes:
        name: Name of the tool.
        age_seconds: Time since it began.
        agent_name: The agent that made it; None without one.
    """

    name: str
    age_seconds: float
    agent_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """What the measuring itself cost. None means not measured, never zero.

    Attributes:
        app_ns_per_call: Nanoseconds that one call cost the calling thread.
        app_method: How ``app_ns_per_call`` was obtained, in a few words.
        worker_cpu_seconds: CPU time of the worker thread.
        process_cpu_seconds: CPU time of the whole process over the same time.
        internal_errors: Errors of otel_perf itself, caught and counted.
    """

    app_ns_per_call: float | None = None
    app_method: str | None = None
    worker_cpu_seconds: float | None = None
    process_cpu_seconds: float | None = None
    internal_errors: int = 0

    @property
    def worker_cpu_share(self) -> float | None:
        """The worker's part of the process's CPU time, 0..1."""
        if self.worker_cpu_seconds is None or not self.process_cpu_seconds:
            return None
        return self.worker_cpu_seconds / self.process_cpu_seconds


@dataclass(frozen=True, slots=True)
class PathStep:
    """All segments of a critical path that were reached over the same names.

    Attributes:
        name: Name of the tool.
        depth: 0 for the root.
        count: Number of segments.
        self_ns: Sum of their own parts; over all steps these add up to the trace's duration.
        children: The steps below, in the order in which they first occurred.
    """

    name: str
    depth: int
    count: int
    self_ns: int
    children: tuple[PathStep, ...]


@dataclass(frozen=True, slots=True)
class TracePath:
    """A finished trace and what decided how long it took.

    Attributes:
        name: Name of the root.
        duration_ns: Duration of the root.
        outcome: How the root ended.
        spans: Number of calls and spans in the trace.
        left_out: How many of them were not looked at, since a trace is kept up to a bound.
        segments: The critical path, in the order of time.
        breakdown: Where its time went: model, tools, waiting or its own work.
    """

    name: str
    duration_ns: int
    outcome: str
    spans: int
    left_out: int
    segments: tuple[PathSegment, ...]
    breakdown: TurnBreakdown | None = None

    @classmethod
    def of(cls, trace: SampledTrace) -> Self:
        """Find the critical path of a kept trace."""
        root = trace.root
        return cls(
            name=root.name,
            duration_ns=root.duration_ns,
            outcome=root.outcome,
            spans=len(trace.nodes) + trace.left_out,
            left_out=trace.left_out,
            segments=tuple(critical_path(trace.nodes)),
            breakdown=trace.breakdown(),
        )

    def steps(self) -> PathStep | None:
        """Fold the segments by their names into a tree, direct recursion into one step; None for an empty path."""
        if not self.segments:
            return None
        top = _Fold("")
        above = [top]
        for segment in self.segments:
            del above[segment.depth + 1 :]
            fold = above[-1].below(segment.name) if len(above) <= MAX_DEPTH else above[-1]
            fold.count += 1
            fold.self_ns += segment.self_ns
            above.append(fold)
        return top.step(-1).children[0]


class _Fold:
    """The running numbers of one ``PathStep``."""

    __slots__ = ("children", "count", "name", "self_ns")

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self.self_ns = 0
        self.children: dict[str, _Fold] = {}

    def below(self, name: str) -> _Fold:
        if name == self.name:
            return self
        child = self.children.get(name)
        if child is None:
            child = self.children[name] = _Fold(name)
        return child

    def step(self, depth: int) -> PathStep:
        children = tuple(child.step(depth + 1) for child in self.children.values())
        return PathStep(self.name, depth, self.count, self.self_ns, children)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """Everything that is said about a run.

    Attributes:
        tree: The aggregated call tree, outermost nodes first by total time.
        tools: The numbers of each tool.
        slowest: The slowest traces with their critical paths, slowest first.
        calls: The ledger of calls.
        destinations: The ledger of each destination and signal.
        open_calls: Calls that have not ended, oldest first.
        overhead: What the measuring cost; None when it was not measured.
        elapsed_seconds: Time from ``instrument()`` to this summary; None when not known.
        metrics: What was measured beside the calls.
    """

    tree: tuple[TreeNode, ...]
    tools: tuple[ToolSummary, ...]
    slowest: tuple[TracePath, ...]
    calls: CallBalance
    destinations: tuple[DestinationBalance, ...]
    open_calls: tuple[OpenCall, ...]
    overhead: Overhead | None = None
    elapsed_seconds: float | None = None
    metrics: tuple[MetricValue, ...] = ()

    @classmethod
    def build(  # noqa: PLR0913 - one argument for each attribute
        cls,
        *,
        tree: Iterable[TreeNode],
        tools: Iterable[ToolSummary],
        slowest: Sequence[SampledTrace],
        calls: CallBalance,
        destinations: Iterable[DestinationBalance] = (),
        open_calls: Iterable[OpenCall] = (),
        overhead: Overhead | None = None,
        elapsed_seconds: float | None = None,
        metrics: Iterable[MetricValue] = (),
    ) -> Self:
        """Make a summary of plain statistics; the arguments are those of the attributes, as they are recorded."""
        return cls(
            tree=tuple(tree),
            tools=tuple(tools),
            slowest=tuple(TracePath.of(trace) for trace in slowest),
            calls=calls,
            destinations=tuple(destinations),
            open_calls=tuple(sorted(open_calls, key=lambda call: -call.age_seconds)),
            overhead=overhead,
            elapsed_seconds=elapsed_seconds,
            metrics=tuple(metrics),
        )
