from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.statistics.critical_path import TraceNode
from otel_perf.statistics.turn_breakdown import PARTS, Part, TurnBreakdown, turn_breakdown


def node(key: str, start: int, end: int, part: Part, parent: str | None = "turn") -> TraceNode:
    """One call."""
    return TraceNode(key, parent, key, start, end, part=part)


TURN = node("turn", 0, 100, "own", None)


def parts(*nodes: TraceNode) -> tuple[int, int, int, int, int]:
    """Model, tools, waiting, own and overlap of a turn of 100 ns."""
    found = turn_breakdown([TURN, *nodes])
    assert found is not None
    assert found.total_ns == 100
    return found.model_ns, found.tools_ns, found.waiting_ns, found.own_ns, found.overlap_ns


def test_what_follows_one_another_adds_up() -> None:
    """A turn of a model call, a tool, a wait and the agent's own code is told part by part."""
    assert parts(node("m", 10, 50, "model"), node("t", 50, 70, "tools"), node("w", 80, 95, "waiting")) == (
        40, 20, 15, 25, 0,
    )  # fmt: skip


def test_a_turn_without_calls_is_the_agents_own() -> None:
    """Time in which nothing was called is the agent's own."""
    assert parts() == (0, 0, 0, 100, 0)


def test_parallel_tools_count_once() -> None:
    """Two tools at the same time take the time of one, and nothing overlaps in kind."""
    assert parts(node("a", 10, 60, "tools"), node("b", 20, 70, "tools")) == (0, 60, 0, 40, 0)


def test_a_model_beside_a_tool_shares_the_moment() -> None:
    """While a model and a tool run side by side each is given half, and the overlap is told."""
    assert parts(node("m", 0, 60, "model"), node("t", 40, 100, "tools")) == (50, 50, 0, 0, 20)


def test_the_innermost_call_tells_what_goes_on() -> None:
    """A tool that asks a model counts as model while the model answers."""
    assert parts(node("t", 0, 100, "tools"), node("m", 30, 80, "model", "t")) == (50, 50, 0, 0, 0)


def test_a_child_that_outlives_its_caller_is_still_seen() -> None:
    """A call below a tool that has ended counts until its own end, and the agent's work only after that."""
    assert parts(node("t", 10, 20, "tools"), node("m", 15, 40, "model", "t")) == (25, 5, 0, 70, 0)


def test_calls_are_cut_to_the_turn() -> None:
    """What a detached call does after the turn is no part of the turn."""
    assert parts(node("t", 90, 500, "tools"), node("u", -50, 10, "tools")) == (0, 20, 0, 80, 0)


def test_one_turn_of_many_is_told_alone() -> None:
    """With a key only the calls below that call count."""
    other = node("other", 0, 300, "own", None)
    nodes = [other, TURN, node("m", 10, 30, "model"), node("x", 0, 100, "tools", "other")]
    assert turn_breakdown(nodes, "turn") == TurnBreakdown(100, 20, 0, 0, 80, 0)


def test_shares_add_up_to_one() -> None:
    """Shares are parts over the whole; a turn without duration has none."""
    found = turn_breakdown([TURN, node("m", 0, 25, "model")])
    assert found is not None
    assert found.shares() == {"model": 0.25, "tools": 0.0, "waiting": 0.0, "own": 0.75}
    nothing = turn_breakdown([node("turn", 5, 5, "own", None)])
    assert nothing is not None
    assert nothing.shares() is None


def test_no_turn_no_breakdown() -> None:
    """Without calls, or without the one that was asked for, there is nothing to tell."""
    assert turn_breakdown([]) is None
    assert turn_breakdown([TURN], "unknown") is None


def test_circles_of_parents_end() -> None:
    """Calls that name each other as parents make the parts wrong, but neither the whole nor an end that never comes."""
    circle = [node("a", 10, 20, "tools", "b"), node("b", 15, 30, "tools", "a"), node("c", 40, 50, "model", "c")]
    *times, _ = parts(*circle)
    assert sum(times) == 100


@st.composite
def traces(draw: st.DrawFn) -> list[TraceNode]:
    """A turn with up to twelve calls anywhere below one another."""
    nodes = [TURN]
    for number in range(draw(st.integers(0, 12))):
        start = draw(st.integers(-20, 120))
        parent = draw(st.sampled_from(nodes)).key
        nodes.append(TraceNode(number, parent, "x", start, start + draw(st.integers(0, 80)),
                               part=draw(st.sampled_from(PARTS))))  # fmt: skip
    return nodes


def moment_by_moment(nodes: Iterable[TraceNode]) -> dict[Part, float]:
    """The definition, taken literally: look at each nanosecond by itself."""
    all_nodes = list(nodes)
    by_key = {one.key: one for one in all_nodes}
    found: dict[Part, float] = dict.fromkeys(PARTS, 0.0)
    for moment in range(100):
        running = [one for one in all_nodes if one.start_ns <= moment < one.end_ns]
        above = set()
        for one in running:
            key = one.parent_key
            while key is not None:
                above.add(key)
                key = by_key[key].parent_key
        kinds = sorted({one.part for one in running if one.key not in above}) or ["own"]
        for part in kinds:
            found[part] += 1 / len(kinds)
    return found


@given(traces())
def test_every_moment_is_counted_once(nodes: list[TraceNode]) -> None:
    """Whatever runs beside or below what, the parts are those of the definition and add up to the whole exactly."""
    found = turn_breakdown(nodes)
    assert found is not None
    assert found.model_ns + found.tools_ns + found.waiting_ns + found.own_ns == found.total_ns == 100
    literally = moment_by_moment(nodes)
    for part in PARTS:
        # Whole nanoseconds: each stretch of shared time may round by less than one.
        assert getattr(found, f"{part}_ns") == pytest.approx(literally[part], abs=2 * len(nodes))
        if not found.overlap_ns:
            assert getattr(found, f"{part}_ns") == pytest.approx(literally[part])


def test_a_chain_of_ten_thousand_is_quick() -> None:
    """A deep trace takes as many steps as it has calls, not their square: this ends within the test's patience."""
    depth = 10_000
    nodes = [TraceNode(0, None, "root", 0, 3 * depth, part="own")]
    nodes += [TraceNode(k, k - 1, "x", k, 3 * depth - k, part="tools") for k in range(1, depth)]
    found = turn_breakdown(nodes, 0)
    assert found is not None
    assert found.own_ns == 2
    assert found.tools_ns == 3 * depth - 2
