"""The statistics of all calls, from calls made by hand: late children, bounds, order, snapshots."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.core.records import ToolCall
from otel_perf.pipeline import call_statistics as module
from otel_perf.pipeline.call_statistics import MAX_FAMILIES, MAX_HELD, MAX_STARTS, CallStatistics
from otel_perf.statistics.call_graph import TreeNode
from otel_perf.statistics.critical_path import critical_path
from otel_perf.statistics.trace_sample import MAX_NODES
from tests.pipeline.calls import FAILED, end, ended, running


def paths(nodes: list[TreeNode] | tuple[TreeNode, ...], above: str = "") -> dict[str, tuple[int, int, int]]:
    """Calls, total and self time of the tree's nodes by path."""
    found = {}
    for node in nodes:
        path = f"{above} > {node.name}"
        found[path] = (node.calls, node.total_ns, node.self_ns)
        found |= paths(node.children, path)
    return found


def tree_of(statistics: CallStatistics) -> dict[str, tuple[int, int, int]]:
    """The call tree as a flat dictionary."""
    return paths(statistics.snapshot(1 << 60).tree.tree())


def test_children_are_taken_out_of_the_caller() -> None:
    """Self time is the time in which no child ran: parallel ones count once, overhanging parts not at all."""
    statistics = CallStatistics()
    root = running("root", start_ns=0)
    left, right = ended("left", root, 10, 40), ended("right", root, 20, 60)
    statistics.on_calls([left, right, end(root, 100)])
    assert tree_of(statistics) == {
        " > root": (1, 100, 50),
        " > root > left": (1, 30, 30),
        " > root > right": (1, 40, 40),
    }


def test_a_late_child_counts_at_its_place_and_leaves_nothing_behind() -> None:
    """A call that outlives its caller is counted below it; its caller's time was settled already."""
    statistics = CallStatistics()
    root = running("root")
    late, below = running("late", root, 10), running("below", start_ns=20)
    below.caller = late
    statistics.on_calls([end(root, 50), end(below, 60), end(late, 100)])
    assert tree_of(statistics) == {
        " > root": (1, 50, 50),
        " > root > late": (1, 90, 50),
        " > root > late > below": (1, 40, 40),
    }
    edges = {(edge.caller, edge.callee): edge.calls for edge in statistics.snapshot(200).graph.edges()}
    assert edges == {(None, "root"): 1, ("root", "late"): 1, ("late", "below"): 1}
    assert nothing_kept(statistics)


def nothing_kept(statistics: CallStatistics) -> bool:
    """Whether no record and no family is held any more."""
    return not statistics._families and statistics._held == 0  # noqa: SLF001 - what memory holds is the subject


def test_late_children_without_end_use_no_memory_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many calls outlive their root, traces afterwards are still held whole."""
    monkeypatch.setattr(module, "MAX_HELD", 50)
    statistics = CallStatistics()
    root = ended("root", end_ns=5)
    statistics.on_calls([root])
    for number in range(200):
        statistics.on_calls([ended("late", root, 1, 100 + number)])
    assert nothing_kept(statistics)
    slow = running("slow", start_ns=1_000)
    statistics.on_calls([ended("child", slow, 1_000, 2_000), end(slow, 9_000_000)])
    slowest = statistics.snapshot(1).slowest[0]
    assert [node.name for node in slowest.nodes] == ["slow", "child"]
    assert not slowest.truncated


def test_a_root_that_never_ends_leaves_room_for_others() -> None:
    """One endless trace holds a bounded number of records; another trace next to it is kept whole."""
    statistics = CallStatistics()
    endless, other = running("endless"), running("other", start_ns=5)
    for number in range(MAX_NODES + 500):
        statistics.on_calls([ended("step", endless, number, number + 1)])
    assert statistics._held == MAX_NODES < MAX_HELD  # noqa: SLF001 - as above
    statistics.on_calls([ended("child", other, 6, 7), end(other, 1_000)])
    assert [node.name for node in statistics.snapshot(1).slowest[0].nodes] == ["other", "child"]
    statistics.on_calls([end(endless, 1 << 40)])
    slowest = statistics.snapshot(1).slowest[0]
    assert slowest.root.name == "endless"
    assert slowest.truncated
    assert len(slowest.nodes) + slowest.left_out == MAX_NODES + 501
    assert nothing_kept(statistics)


def test_callers_that_never_end_are_bounded() -> None:
    """Beyond the bound the oldest running callers are given up with all they hold; counts stay exact."""
    statistics = CallStatistics()
    roots = [running("root", start_ns=number) for number in range(MAX_FAMILIES + 3_000)]
    for number, root in enumerate(roots):
        statistics.on_calls([ended("child", root, number, number + 1)])
    assert len(statistics._families) == MAX_FAMILIES  # noqa: SLF001 - as above
    assert statistics._held == MAX_FAMILIES  # noqa: SLF001 - as above
    statistics.on_calls([end(root, 1 << 30) for root in roots])
    assert nothing_kept(statistics)
    found = tree_of(statistics)
    assert found[" > root"][0] == found[" > root > child"][0] == MAX_FAMILIES + 3_000


def test_a_given_up_root_holds_nothing_for_its_descendants(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls below a caller whose root was given up are counted and not held, so that nothing is left at the end."""
    monkeypatch.setattr(module, "MAX_FAMILIES", 2)
    statistics = CallStatistics()
    root = running("root")
    middle, inner = running("middle", root, 1), running("inner", start_ns=2)
    inner.caller = middle
    statistics.on_calls([ended("leaf", inner, 3, 4)])  # root, middle and inner: one too many
    statistics.on_calls([ended("leaf", inner, 5, 6), end(inner, 7), end(middle, 8), end(root, 9)])
    assert nothing_kept(statistics)
    assert {path: counted[0] for path, counted in tree_of(statistics).items()} == {
        " > root": 1,
        " > root > middle": 1,
        " > root > middle > inner": 1,
        " > root > middle > inner > leaf": 2,
    }


def test_calls_that_only_start_are_bounded() -> None:
    """100,000 calls that never end are in flight as a number; the records themselves are let go."""
    statistics = CallStatistics()
    for number in range(0, 2 * MAX_STARTS, 1_000):
        statistics.on_starts([running("hung", start_ns=number + i) for i in range(1_000)])
    assert len(statistics._starts) <= MAX_STARTS  # noqa: SLF001 - as above
    (tool,) = statistics.snapshot(1 << 60).tools
    assert (tool.in_flight, tool.in_flight_peak, tool.count) == (2 * MAX_STARTS, 2 * MAX_STARTS, 0)


def test_records_are_let_go_when_their_trace_has_ended() -> None:
    """Of a fast trace nothing is kept but numbers: no record is referred to any more."""
    statistics = CallStatistics(slowest=0)
    root = running("root")
    child = ended("child", root, 1, 2)
    before = sys.getrefcount(child)
    statistics.on_starts([root, child])
    statistics.on_calls([child, end(root, 3)])
    assert sys.getrefcount(child) == before


def test_dropped_calls_are_no_longer_in_flight() -> None:
    """A call whose record was dropped has ended all the same; its duration is not known and not invented."""
    statistics = CallStatistics()
    dropped, kept = ended("tool", None, 1, 3), running("tool", start_ns=2)
    statistics.on_overflow(dropped)  # by its own thread, before the worker has come to its start
    statistics.on_calls([ended("other", None, 1, 2)])
    statistics.on_starts([dropped, kept])
    statistics.on_calls([end(kept, 5)])
    tool = next(tool for tool in statistics.snapshot(10).tools if tool.name == "tool")
    assert (tool.count, tool.in_flight, tool.in_flight_peak) == (1, 0, 2)


def test_in_flight_and_peak_follow_the_times_not_the_batches() -> None:
    """Calls that ran one after the other were never in flight together, though they arrive in one batch."""
    statistics = CallStatistics()
    calls = [ended("tool", None, number * 10, number * 10 + 5) for number in range(10)]
    statistics.on_starts(calls)
    statistics.on_calls(calls)
    (tool,) = statistics.snapshot(1_000).tools
    assert (tool.in_flight, tool.in_flight_peak) == (0, 1)


def test_recursion_folds_into_one_node_and_one_cycle() -> None:
    """A tool that calls itself is one node, its total the outermost call's, its self time all of it."""
    statistics = CallStatistics()
    chain = [running("walk", start_ns=0)]
    for depth in range(1, 2_000):
        chain.append(running("walk", chain[-1], depth))
    statistics.on_calls([end(call, 10_000 - depth) for depth, call in reversed(list(enumerate(chain)))])
    assert tree_of(statistics) == {" > walk": (2_000, 10_000, 10_000)}
    graph = statistics.snapshot(0).graph
    assert graph.cycles() == [["walk"]]
    assert {(edge.caller, edge.calls) for edge in graph.edges()} == {(None, 1), ("walk", 1_999)}


def test_a_snapshot_does_not_change() -> None:
    """What was looked at stays as it was, while the worker goes on counting."""
    statistics = CallStatistics()
    statistics.on_calls([ended("one")])
    snapshot = statistics.snapshot(1)
    statistics.on_calls([ended("one"), ended("two", failure=FAILED)])
    assert [(node.name, node.calls) for node in snapshot.tree.tree()] == [("one", 1)]
    assert [(edge.callee, edge.calls) for edge in snapshot.graph.edges()] == [("one", 1)]
    assert [tool.count for tool in snapshot.tools] == [1]


@st.composite
def traces(draw: st.DrawFn) -> list[ToolCall]:
    """A random tree of calls, children inside or beyond their callers, in the order of their ends."""
    calls = [running("r", start_ns=0)]
    for number in range(draw(st.integers(0, 12))):
        caller = calls[draw(st.integers(0, len(calls) - 1))]
        calls.append(running("abc"[number % 3], caller, caller.start_ns + draw(st.integers(0, 20))))
    for call in calls:
        end(call, call.start_ns + draw(st.integers(1, 60)))
    # Of two that end in the same nanosecond the inner one ends first.
    return [call for _, _, call in sorted((call.end_ns or 0, -number, call) for number, call in enumerate(calls))]


@given(st.lists(traces(), max_size=4))
def test_any_trace_is_counted_whole_and_nothing_is_kept(made: list[list[ToolCall]]) -> None:
    """Whatever outlives what: every call is in tree, graph and tools once, self time is what children leave."""
    statistics = CallStatistics()
    for trace in made:
        statistics.on_calls(trace)
    everything = [call for trace in made for call in trace]
    snapshot = statistics.snapshot(1 << 60)
    assert sum(counted[0] for counted in paths(snapshot.tree.tree()).values()) == len(everything)
    assert sum(edge.calls for edge in snapshot.graph.edges()) == len(everything)
    assert sum(tool.count for tool in snapshot.tools) == len(everything)
    by_hand = sum(self_time(call, everything) for call in everything)
    assert round(sum(tool.self_seconds for tool in snapshot.tools) * 1e9) == by_hand
    assert nothing_kept(statistics)
    for kept in snapshot.slowest:
        assert sum(segment.self_ns for segment in critical_path(kept.nodes)) == kept.root.duration_ns


def self_time(call: ToolCall, everything: list[ToolCall]) -> int:
    """Nanoseconds of a call in which no child that ended by its end was running."""
    assert call.end_ns is not None
    children = [each for each in everything if each.caller is call and (each.end_ns or 0) <= call.end_ns]
    covered = {tick for each in children for tick in range(each.start_ns, each.end_ns or 0)}
    return call.end_ns - call.start_ns - len(covered)
