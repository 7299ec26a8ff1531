"""Tests of the slowest traces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from otel_perf.statistics.critical_path import TraceNode, critical_path
from otel_perf.statistics.trace_sample import SlowestTraces


def root(key: int, duration: int) -> TraceNode:
    """A root of a duration."""
    return TraceNode(key, None, f"trace{key}", 1000, 1000 + duration)


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(0, 6))
def test_keeps_the_slowest(durations: list[int], keep: int) -> None:
    """After any sequence the slowest are kept, slowest first, the earlier of equal ones."""
    slowest = SlowestTraces(keep)
    for i, duration in enumerate(durations):
        expected = slowest.would_keep(duration)
        assert slowest.offer(root(i, duration), [root(i, duration)]) == expected
    order = sorted(range(len(durations)), key=lambda i: (-durations[i], i))
    assert [trace.root.key for trace in slowest.traces()] == order[:keep]


def test_keeps_a_trace_whole() -> None:
    """A kept trace has its root and all its nodes, and its critical path can be found."""
    slowest = SlowestTraces()
    child = TraceNode("child", 1, "child", 1010, 1090)
    slowest.offer(root(1, 100), [child])
    (trace,) = slowest.traces()
    assert (trace.nodes, trace.left_out, trace.truncated) == ((root(1, 100), child), 0, False)
    assert [segment.self_ns for segment in critical_path(trace.nodes)] == [20, 80]


def test_large_trace_is_truncated_and_says_so() -> None:
    """Of a trace beyond the bound the longest nodes stay, in order, and the number of others is known."""
    slowest = SlowestTraces(keep=1, max_nodes=4)
    nodes = [root(0, 100), *(TraceNode(i, 0, f"t{i}", 1000, 1000 + d) for i, d in enumerate((5, 50, 1, 40, 2, 60), 1))]
    slowest.offer(nodes[0], nodes, left_out=10)
    (trace,) = slowest.traces()
    assert [node.name for node in trace.nodes] == ["trace0", "t2", "t4", "t6"]
    assert (trace.left_out, trace.truncated) == (13, True)


def test_clear_forgets() -> None:
    """After clearing, any trace is among the slowest again."""
    slowest = SlowestTraces(keep=1)
    slowest.offer(root(1, 100), [])
    assert not slowest.would_keep(50)
    slowest.clear()
    assert slowest.traces() == []
    assert slowest.would_keep(50)
