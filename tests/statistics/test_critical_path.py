"""Tests of the critical path."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.statistics.critical_path import PathSegment, TraceNode, critical_path


def node(name: str, parent: str | None, start: int, end: int) -> TraceNode:
    """A node that is identified by its name."""
    return TraceNode(key=name, parent_key=parent, name=name, start_ns=start, end_ns=end)


def self_times(*nodes: TraceNode) -> list[tuple[str, int]]:
    """Names and own times on the critical path."""
    return [(segment.name, segment.self_ns) for segment in critical_path(nodes)]


def test_children_in_a_row_are_all_on_the_path() -> None:
    """Sequential children are on the path in the order of their starts, the gaps are the parent's."""
    path = critical_path([node("root", None, 0, 100), node("a", "root", 10, 30), node("b", "root", 50, 90)])
    assert path == [
        PathSegment("root", "root", 0, 100, self_ns=40, depth=0),
        PathSegment("a", "a", 10, 30, self_ns=20, depth=1),
        PathSegment("b", "b", 50, 90, self_ns=40, depth=1),
    ]


def test_of_parallel_children_the_last_to_end_is_on_the_path() -> None:
    """A gather waits for its slowest child: the others held nothing up."""
    assert self_times(
        node("root", None, 0, 100),
        node("fast", "root", 5, 40),
        node("slow", "root", 5, 95),
        node("middle", "root", 5, 60),
    ) == [("root", 10), ("slow", 90)]


def test_parallel_groups_follow_each_other() -> None:
    """After the last child of the second group, the search goes on with the last that ended before it began."""
    assert self_times(
        node("root", None, 0, 100),
        node("a1", "root", 0, 30),
        node("a2", "root", 0, 45),
        node("b1", "root", 50, 98),
        node("b2", "root", 50, 70),
    ) == [("root", 7), ("a2", 45), ("b1", 48)]


def test_overlapping_child_that_ended_later_is_passed_over() -> None:
    """A child that still ran when the deciding one began cannot have been waited for."""
    assert self_times(
        node("root", None, 0, 100),
        node("early", "root", 0, 20),
        node("over", "root", 10, 60),
        node("last", "root", 50, 100),
    ) == [("root", 30), ("early", 20), ("last", 50)]


def test_path_goes_down_the_levels() -> None:
    """The path goes on inside of each child on it, not inside of the others."""
    assert self_times(
        node("root", None, 0, 100),
        node("left", "root", 0, 60),
        node("right", "root", 0, 90),
        node("right.1", "right", 10, 40),
        node("right.1.1", "right.1", 20, 25),
        node("right.2", "right", 40, 85),
        node("left.1", "left", 0, 60),
    ) == [("root", 10), ("right", 15), ("right.1", 25), ("right.1.1", 5), ("right.2", 45)]


def test_child_that_outlives_its_parent_is_cut() -> None:
    """Background work counts only as far as its parent ran; so does a child whose clock began too early."""
    path = critical_path(
        [node("root", None, 10, 100), node("child", "root", 0, 150), node("grandchild", "child", 90, 140)]
    )
    assert [(s.name, s.start_ns, s.end_ns, s.self_ns) for s in path] == [
        ("root", 10, 100, 0), ("child", 10, 100, 80), ("grandchild", 90, 100, 10),
    ]  # fmt: skip


def test_of_children_that_ended_together_the_longest_decides() -> None:
    """The order in which nodes are given does not matter."""
    nodes = [node("root", None, 0, 100), node("long", "root", 20, 100), node("short", "root", 80, 100)]
    assert critical_path(nodes) == critical_path(reversed(nodes))
    assert self_times(*nodes) == [("root", 20), ("long", 80)]


def test_empty_and_backward_children_are_no_part() -> None:
    """A child without duration, or outside of its parent's time, is not on the path."""
    assert self_times(
        node("root", None, 0, 100),
        node("empty", "root", 50, 50),
        node("back", "root", 60, 40),
        node("out", "root", 200, 300),
    ) == [("root", 100)]


def test_orphan_belongs_to_the_only_root() -> None:
    """A node whose parent was not kept counts as the root's child."""
    assert self_times(node("root", None, 0, 100), node("orphan", "lost", 20, 70)) == [("root", 50), ("orphan", 50)]


def test_longest_orphan_is_the_root_when_there_is_none() -> None:
    """Below a remote parent, the longest node of this process is the root and the others are not its children."""
    assert self_times(
        node("served", "remote", 0, 100), node("beside", "remote", 10, 50), node("inner", "served", 60, 90)
    ) == [("served", 70), ("inner", 30)]


def test_longest_root_is_taken() -> None:
    """Of several roots the longest is the trace."""
    assert self_times(node("short", None, 0, 10), node("long", None, 5, 90), node("lost", "gone", 6, 80)) == [
        ("long", 85)
    ]


def test_without_root_the_path_is_empty() -> None:
    """No nodes, or only circles of parents, give no path."""
    assert critical_path([]) == []
    assert critical_path([node("a", "b", 0, 9), node("b", "a", 0, 9), node("c", "c", 0, 9)]) == []


def test_first_node_of_a_key_counts() -> None:
    """A node that was reported twice is on the path once."""
    assert self_times(node("root", None, 0, 100), node("a", "root", 0, 50), node("a", "root", 0, 50)) == [
        ("root", 50), ("a", 50),
    ]  # fmt: skip


def test_deep_trace_needs_no_recursion() -> None:
    """A chain of 20,000 nested calls has a path of as many segments."""
    depth = 20_000
    chain = [TraceNode(i, i - 1 if i else None, f"t{i}", i, 3 * depth - i) for i in range(depth)]
    path = critical_path(chain)
    assert [segment.depth for segment in path] == list(range(depth))
    assert sum(segment.self_ns for segment in path) == 3 * depth


@st.composite
def traces(draw: st.DrawFn) -> list[TraceNode]:
    """Any tree, with times that respect nothing."""
    size = draw(st.integers(1, 25))
    times = st.integers(0, 50)
    parents = [None, *(draw(st.integers(0, i - 1)) for i in range(1, size))]
    nodes = [TraceNode(i, parents[i], f"t{i}", draw(times), draw(times)) for i in range(size)]
    return draw(st.permutations(nodes))


@given(traces())
def test_own_times_add_up_to_the_duration(nodes: list[TraceNode]) -> None:
    """Whatever the trace, own times are never negative and add up to the root's duration, moment by moment."""
    root = next(node for node in nodes if node.parent_key is None)
    path = critical_path(nodes)
    assert path[0].key == root.key
    assert sum(segment.self_ns for segment in path) == root.duration_ns
    assert all(segment.self_ns >= 0 for segment in path)
    assert all(root.start_ns <= segment.start_ns <= segment.end_ns for segment in path)
    assert len({segment.key for segment in path}) == len(path)
    for depth in {segment.depth for segment in path}:
        level = [segment for segment in path if segment.depth == depth]
        assert all(a.end_ns <= b.start_ns for a, b in pairwise(level))


@pytest.mark.parametrize("parallel", [1, 50])
def test_wide_trace(parallel: int) -> None:
    """Ten thousand children in a row, each with parallel ones beside it, leave only the slowest of each step."""
    nodes = [TraceNode("root", None, "root", 0, 200_000)]
    steps = 10_000 // parallel
    for step in range(steps):
        begin = step * 20 * parallel
        nodes += [TraceNode((step, i), "root", "t", begin, begin + 10 + i) for i in range(parallel)]
    path = critical_path(nodes)
    assert len(path) == 1 + steps
    assert {segment.key[1] for segment in path[1:]} == {parallel - 1}
