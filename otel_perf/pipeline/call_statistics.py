"""The statistics of all calls: per tool, per edge, per path, and the slowest traces whole."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, cast

from otel_perf.core.records import Kind, ParentSpan, ToolCall
from otel_perf.statistics.bounds import MAX_DEPTH
from otel_perf.statistics.call_graph import CallGraph, CallNode, CallTree
from otel_perf.statistics.critical_path import TraceNode
from otel_perf.statistics.intervals import ChildTime
from otel_perf.statistics.tool_stats import ToolTable
from otel_perf.statistics.tool_summary import ToolSummary
from otel_perf.statistics.trace_sample import MAX_NODES, SampledTrace, SlowestTraces
from otel_perf.statistics.turn_breakdown import Part

__all__ = ["CallStatistics", "StatisticsSnapshot"]

TURN_PART: Final = "otel_perf.turn.part"
"""Attribute of a tool or a call: ``waiting`` where its own time is a wait, not work."""
_PARTS: Final[Mapping[Kind, Part]] = {"model": "model", "tool": "tools", "agent": "own", "operation": "own"}

MAX_FAMILIES: Final = 20_000
"""Callers with ended children kept at a time. Beyond, the oldest is given up: its self time then includes theirs."""
MAX_HELD: Final = 100_000
"""Records held at a time for traces that have not ended: about 25 MB at worst. One trace holds a tenth of these at
most, as many as are kept of a slow one, so that a root that runs for days leaves room for the others."""
MAX_STARTS: Final = 100_000
"""Starts that wait for the end of an earlier call. Beyond, the older count at once; a peak may then be too high."""


class _Family:
    """Strictly private: what is known of a running caller from its ended children."""

    __slots__ = ("caller", "children", "node", "trace")

    def __init__(self, caller: ToolCall, node: CallNode, trace: "_OpenTrace | None") -> None:
        self.caller = caller
        self.children = ChildTime()
        self.node = node
        self.trace = trace


class _OpenTrace:
    """Strictly private: the ended calls of a trace whose root is running; closed when it is over or given up."""

    __slots__ = ("calls", "closed", "left_out")

    def __init__(self) -> None:
        self.calls: list[ToolCall] = []
        self.closed = False
        self.left_out = 0


_NOTHING_HELD: Final = _OpenTrace()


@dataclass(frozen=True, slots=True)
class StatisticsSnapshot:
    """All statistics at one moment.

    Attributes:
        tools: One summary per tool, agent and model.
        graph: Edges from callers to callees.
        tree: Aggregated call tree by path.
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
        self._overflow_due = 0
        self._held = 0

    def on_starts(self, calls: Sequence[ToolCall]) -> None:
        """Calls that began. They are in flight from their start time on, so they wait for the ends before it."""
        self._starts.extend(calls)
        if len(self._starts) > MAX_STARTS:
            self._apply_starts(next(islice(self._starts, MAX_STARTS // 2, None)).start_ns)

    def on_overflow(self, call: ToolCall) -> None:
        """A call whose record was dropped: it is not in flight any more."""
        self._overflowed.append(call)

    def on_calls(self, calls: Sequence[ToolCall]) -> None:
        """Calls that ended, in the order of their ends."""
        self._settle_overflow()
        for call in calls:
            self._apply_starts(call.end_ns or 0)
            self._record(call)

    def _settle_overflow(self) -> None:
        """End the dropped calls that were known a round ago: by now their starts have come as well."""
        for _ in range(self._overflow_due):
            dropped = self._overflowed.popleft()
            self._apply_starts(dropped.end_ns or 0)
            self.tools.get(dropped.tool.name, dropped.tool.kind).ended()
        self._overflow_due = len(self._overflowed)

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
            home = self._family_of(caller, end_ns)
            if home is not None:
                home.children.add(start_ns, end_ns)
                self._hold(call, home.trace)
            if family is not None:
                node = family.node
            else:
                node = self.tree.child(self._place_of(caller) if home is None else home.node, name)
        outcome, error_type = ("ok", None) if failure is None else (failure.outcome, failure.error_type)
        statistics = self.tools.get(name, call.tool.kind)
        statistics.record(duration_ns, self_ns, outcome, error_type, end_ns)
        if announced:
            statistics.ended()
        self.graph.record(caller_name, name, duration_ns, self_ns, outcome)
        node.record(duration_ns, self_ns, outcome)

    def _family_of(self, caller: ToolCall, end_ns: int) -> _Family | None:
        """The family of a caller, made with those of its own callers, outermost first.

        ``None`` for a caller that was over before ``end_ns``, the end of a call below it, and is not known any more:
        it was recorded, and nothing would ever take a new family of it away.
        """
        family = self._families.get(id(caller))
        if family is not None or _was_over(caller, end_ns):
            return family
        line = [caller]
        above = caller.caller
        while above is not None and id(above) not in self._families and not _was_over(above, end_ns):
            line.append(above)
            above = above.caller
        family = None if above is None else self._families.get(id(above))
        node = self._place_of(above) if family is None else family.node
        trace = family.trace if family is not None else _OpenTrace() if above is None else None
        for member in reversed(line):
            node = self.tree.child(node, member.tool.name)
            family = self._families[id(member)] = _Family(member, node, trace)
        self._give_up_oldest()
        return family

    def _place_of(self, call: ToolCall | None) -> CallNode | None:
        """Where a call that is over stands in the tree, found by the names of its callers.

        Calls of which each outlives its caller (a callback that schedules the next) form a chain without end: it is
        cut above as many levels as the tree has, so that the rest can be freed.
        """
        names: list[str] = []
        node = None
        while call is not None:
            known = self._families.get(id(call))
            if known is not None:
                node = known.node
                break
            names.append(call.tool.name)
            if len(names) >= MAX_DEPTH and call.end_ns is not None:
                _cut_above(call)
            call = call.caller
        for name in reversed(names):
            node = self.tree.child(node, name)
        return node

    def _give_up_oldest(self) -> None:
        while len(self._families) > MAX_FAMILIES:
            given_up = self._families.pop(next(iter(self._families)))
            if given_up.caller.caller is None and given_up.trace is not None:
                self._held -= len(given_up.trace.calls)
                given_up.trace.calls.clear()
                given_up.trace.closed = True

    def _hold(self, call: ToolCall, trace: _OpenTrace | None) -> None:
        if trace is None or trace.closed:
            return
        if self._held < MAX_HELD and len(trace.calls) < MAX_NODES:
            trace.calls.append(call)
            self._held += 1
        else:
            trace.left_out += 1

    def _end_trace(self, root: ToolCall, duration_ns: int, family: _Family | None) -> None:
        trace = _NOTHING_HELD if family is None or family.trace is None else family.trace
        trace.closed = True
        self._held -= len(trace.calls)
        if self.slowest_traces.would_keep(duration_ns):
            self.slowest_traces.offer(_node(root), [_node(call) for call in trace.calls], trace.left_out)

    def snapshot(self, now_ns: int) -> StatisticsSnapshot:
        """Everything at one moment, calls in flight included; later calls do not change it."""
        self._settle_overflow()
        self._apply_starts(now_ns)
        tools, slowest = self.tools.summaries(now_ns), self.slowest_traces.traces()
        return StatisticsSnapshot(tools, self.graph.copy(), self.tree.copy(), slowest)

    def self_seconds(self) -> dict[str, float]:
        """Self time of each tool in seconds."""
        return {entry.name: entry.self_total_ns / 1e9 for entry in self.tools if entry.kind == "tool"}


def _cut_above(call: ToolCall) -> None:
    if call.context is None:  # those below belong to its trace, whose identifier it has to know first
        cast("ParentSpan", call).get_span_context()
    call.caller = call.parent = None


def _was_over(call: ToolCall, now_ns: int) -> bool:
    return call.end_ns is not None and call.end_ns < now_ns


def _node(call: ToolCall) -> TraceNode:
    return TraceNode(
        key=id(call),
        parent_key=None if call.caller is None else id(call.caller),
        name=call.tool.name,
        start_ns=call.start_ns,
        end_ns=call.end_ns or call.start_ns,
        outcome=call.outcome,
        part=_part(call),
    )


def _part(call: ToolCall) -> Part:
    """What a call's own time counts as; it says itself when it only waits, for a limit, a retry or a human."""
    carried = getattr(call.readable, "attributes", None)  # of an SDK span
    if any(
        there is not None and there.get(TURN_PART) == "waiting"
        for there in (call.details, call.tool.attributes, carried)
    ):
        return "waiting"
    # A measured piece of a tool's work is the tool's.
    around = call
    while around.tool.kind == "operation" and around.caller is not None:
        around = around.caller
    return _PARTS[around.tool.kind]
