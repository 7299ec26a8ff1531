"""The statistics of all calls: per tool, per edge, per path, and the slowest traces whole."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from otel_perf.core.records import ToolCall
from otel_perf.statistics.call_graph import CallGraph, CallNode, CallTree
from otel_perf.statistics.critical_path import TraceNode
from otel_perf.statistics.intervals import ChildTime
from otel_perf.statistics.tool_stats import ToolTable
from otel_perf.statistics.tool_summary import ToolSummary
from otel_perf.statistics.trace_sample import SampledTrace, SlowestTraces

__all__ = ["CallStatistics", "StatisticsSnapshot"]

MAX_FAMILIES: Final = 20_000
"""Callers with ended children kept at a time. Beyond, the oldest is given up: its self time then includes theirs."""
MAX_HELD: Final = 100_000
"""Records held at a time for traces that have not ended: about 25 MB at worst."""


class _Family:
    """What is known of a running caller from its ended children."""

    __slots__ = ("caller", "children", "node", "trace")

    def __init__(self, caller: ToolCall, node: CallNode, trace: "_OpenTrace") -> None:
        self.caller = caller
        self.children = ChildTime()
        self.node = node
        self.trace = trace


class _OpenTrace:
    """The ended calls of a trace whose root is running."""

    __slots__ = ("calls", "left_out")

    def __init__(self) -> None:
        self.calls: list[ToolCall] = []
        self.left_out = 0


@dataclass(frozen=True, slots=True)
class StatisticsSnapshot:
    """All statistics at one moment.

    Attributes:
        tools: One summary per tool, agent and model.
        graph: Edges from callers to callees; a live object, read it under the worker's lock.
        tree: Aggregated call tree by path; live as well.
        slowest: The slowest traces, slowest first.
    """

    tools: list[ToolSummary]
    graph: CallGraph
    tree: CallTree
    slowest: list[SampledTrace]


class CallStatistics:
    """Reads every record, sampled or not. All methods run under the worker's lock, ``on_overflow`` excepted."""

    def __init__(self, *, slowest: int = 5) -> None:
        """Start empty; ``slowest`` is the number of traces to keep whole."""
        self._slowest = slowest
        self.forget()

    def forget(self) -> None:
        """Start again at zero: after a fork, the parent's calls are the parent's."""
        self.tools = ToolTable()
        self.graph = CallGraph()
        self.tree = CallTree()
        self.slowest_traces = SlowestTraces(keep=self._slowest)
        self._families: dict[int, _Family] = {}
        self._starts: deque[ToolCall] = deque()
        self._overflowed: deque[ToolCall] = deque()
        self._held = 0

    def on_starts(self, calls: Sequence[ToolCall]) -> None:
        """Calls that began. They are in flight from their start time on, so they wait for the ends before it."""
        self._starts.extend(calls)

    def on_overflow(self, call: ToolCall) -> None:
        """A call whose record was dropped: it is not in flight any more."""
        self._overflowed.append(call)

    def on_calls(self, calls: Sequence[ToolCall]) -> None:
        """Calls that ended, in the order of their ends."""
        while self._overflowed:
            dropped = self._overflowed.popleft().tool
            self.tools.get(dropped.name, dropped.kind).ended()
        for call in calls:
            self._apply_starts(call.end_ns or 0)
            self._record(call)

    def on_foreign_calls(self, calls: Sequence[ToolCall]) -> None:
        """Calls that were read off the spans of other libraries: their starts were never announced."""
        for call in calls:
            self._record(call, announced=False)

    def _apply_starts(self, until_ns: int) -> None:
        starts = self._starts
        while starts and starts[0].start_ns <= until_ns:
            call = starts.popleft()
            self.tools.get(call.tool.name, call.tool.kind).started(call.start_ns)

    def _record(self, call: ToolCall, *, announced: bool = True) -> None:
        start_ns, end_ns = call.start_ns, call.end_ns or call.start_ns
        duration_ns = end_ns - start_ns
        name, caller, failure = call.tool.name, call.caller, call.failure
        family = self._families.pop(id(call), None)
        self_ns = duration_ns if family is None else duration_ns - family.children.covered_ns(start_ns, end_ns)
        if caller is None:
            caller_name = None
            node = self.tree.child(None, name)
            self._end_trace(call, duration_ns, family)
        else:
            caller_name = caller.tool.name
            home = self._family_of(caller)
            home.children.add(start_ns, end_ns)
            node = self.tree.child(home.node, name) if family is None else family.node
            self._hold(call, home.trace)
            if caller.end_ns is not None and caller.end_ns < end_ns:
                self._families.pop(id(caller), None)
        outcome, error_type = ("ok", None) if failure is None else (failure.outcome, failure.error_type)
        statistics = self.tools.get(name, call.tool.kind)
        statistics.record(duration_ns, self_ns, outcome, error_type, end_ns)
        if announced:
            statistics.ended()
        self.graph.record(caller_name, name, duration_ns, self_ns, outcome)
        node.record(duration_ns, self_ns, outcome)

    def _family_of(self, caller: ToolCall) -> _Family:
        """The family of a running caller; made with those of its own callers, outermost first."""
        family = self._families.get(id(caller))
        if family is not None:
            return family
        line = [caller]
        while line[-1].caller is not None and id(line[-1].caller) not in self._families:
            line.append(line[-1].caller)
        outermost = line[-1].caller
        family = None if outermost is None else self._families[id(outermost)]
        for member in reversed(line):
            parent_node = None if family is None else family.node
            trace = _OpenTrace() if family is None else family.trace
            family = _Family(member, self.tree.child(parent_node, member.tool.name), trace)
            self._families[id(member)] = family
        while len(self._families) > MAX_FAMILIES:
            given_up = self._families.pop(next(iter(self._families)))
            if given_up.caller.caller is None:
                self._held -= len(given_up.trace.calls)
        return family  # type: ignore[return-value]

    def _hold(self, call: ToolCall, trace: _OpenTrace) -> None:
        if self._held < MAX_HELD:
            trace.calls.append(call)
            self._held += 1
        else:
            trace.left_out += 1

    def _end_trace(self, root: ToolCall, duration_ns: int, family: _Family | None) -> None:
        calls = [] if family is None else family.trace.calls
        self._held -= len(calls)
        if self.slowest_traces.would_keep(duration_ns):
            nodes = [_node(call) for call in calls]
            self.slowest_traces.offer(_node(root), nodes, 0 if family is None else family.trace.left_out)

    def snapshot(self, now_ns: int) -> StatisticsSnapshot:
        """Everything at one moment, calls in flight included."""
        self._apply_starts(now_ns)
        return StatisticsSnapshot(self.tools.summaries(now_ns), self.graph, self.tree, self.slowest_traces.traces())

    def self_seconds(self) -> dict[str, float]:
        """Self time of each tool in seconds."""
        return {entry.name: entry.self_total_ns / 1e9 for entry in self.tools if entry.kind == "tool"}


def _node(call: ToolCall) -> TraceNode:
    return TraceNode(
        key=id(call),
        parent_key=None if call.caller is None else id(call.caller),
        name=call.tool.name,
        start_ns=call.start_ns,
        end_ns=call.end_ns or call.start_ns,
        outcome=call.outcome,
    )
