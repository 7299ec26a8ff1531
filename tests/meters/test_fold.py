"""Calls folded into cells."""

import logging
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otel_perf.core.clock import Clock
from otel_perf.core.records import CANCELLED, Failure, Tool
from otel_perf.core.tool_signals import TOOL_SECONDS
from otel_perf.meters.fold import CELL_LIMIT, EDGE_LIMIT, ERROR_LIMIT, TOOL_LIMIT, ToolMeters
from tests.meters.calls import FAILED, MILLISECOND, SAMPLED, SECOND, by_agent, ended_call, span_context

SEARCH = Tool("search")


def test_a_call_is_counted_in_the_bucket_whose_bound_it_does_not_exceed() -> None:
    """A duration equal to a bound belongs below it, one nanosecond more does not (``le`` means at most)."""
    for position, bound in enumerate(TOOL_SECONDS):
        meters = ToolMeters()
        exact = round(bound * SECOND)
        meters.on_calls([ended_call(SEARCH, exact), ended_call(SEARCH, exact + 1)])
        (cell,) = meters.snapshot()
        assert cell.counts[position] == 1
        assert cell.counts[position + 1] == 1
        assert (cell.min_ns, cell.max_ns, cell.total_ns) == (exact, exact + 1, 2 * exact + 1)


def test_labels_come_from_tool_failure_agent_and_caller() -> None:
    """Each combination has a cell of its own, and only failures have an error type."""
    meters = ToolMeters()
    root = ended_call(SEARCH, scope=by_agent("researcher"))
    meters.on_calls(
        [root, ended_call(Tool("read"), failure=FAILED, caller=root), ended_call(SEARCH, failure=CANCELLED)]
    )
    keys = {
        (c.key.name, c.key.agent, c.key.error_type, c.key.outcome, c.key.caller): sum(c.counts)
        for c in meters.snapshot()
    }
    assert keys == {
        ("search", "researcher", None, "ok", ""): 1,
        ("read", None, "ValueError", "error", "search"): 1,
        ("search", None, None, "cancelled", ""): 1,
    }


def test_a_tool_that_names_its_agent_wins_over_the_enclosing_one() -> None:
    """``@tool(agent=...)`` sets the label, as it sets the span's attribute."""
    meters = ToolMeters()
    meters.on_calls([ended_call(Tool("t", attributes={"gen_ai.agent.name": "own"}), scope=by_agent("outer"))])
    assert meters.snapshot()[0].key.agent == "own"


def test_a_negative_duration_counts_as_zero() -> None:
    """A foreign span whose wall clock was set back does not lower the sum."""
    meters = ToolMeters()
    meters.on_calls([ended_call(SEARCH, -5)])
    (cell,) = meters.snapshot()
    assert (cell.counts[0], cell.total_ns, cell.min_ns) == (1, 0, 0)


def test_t64_50000_tool_names(caplog: pytest.LogCaptureFixture) -> None:
    """T-64: at most the cap and one more series, an exact count of the rest, and one warning."""
    meters = ToolMeters()
    with caplog.at_level(logging.WARNING, "otel_perf"):
        for number in range(50_000):
            meters.on_calls([ended_call(Tool(f"tool {number}"))])
    cells = meters.snapshot()
    assert len(cells) == TOOL_LIMIT + 1
    assert meters.overflowed_calls == 50_000 - TOOL_LIMIT
    assert sum(sum(cell.counts) for cell in cells) == 50_000
    assert len(caplog.records) == 1
    assert "_OTHER" in caplog.text


def test_error_types_are_bounded_per_tool(caplog: pytest.LogCaptureFixture) -> None:
    """A tool that invents exception classes keeps 64 of them; the others share a label."""
    meters = ToolMeters()
    meters.on_calls([ended_call(SEARCH, failure=Failure("error", f"Error{i}")) for i in range(100)])
    cells = meters.snapshot()
    assert len(cells) == ERROR_LIMIT + 1
    assert sum(sum(c.counts) for c in cells if c.key.error_type == "_OTHER") == 100 - ERROR_LIMIT
    assert len(caplog.records) == 1


def test_edges_and_cells_are_bounded_and_no_call_is_lost() -> None:
    """500 tools that all call each other, for 20 agents: memory stays bounded, every call is counted under its tool."""
    meters = ToolMeters()
    tools = [Tool(f"t{i}") for i in range(TOOL_LIMIT)]
    callers = [ended_call(tool) for tool in tools[:40]]
    scopes = [by_agent(f"agent {i}") for i in range(20)]
    for number, tool in enumerate(tools):
        meters.on_calls([ended_call(tool, caller=caller, scope=scopes[number % 20]) for caller in callers])
        meters.on_calls([ended_call(tool, failure=FAILED, scope=scopes[(number + 1) % 20])])
    cells = meters.snapshot()
    assert len(cells) <= CELL_LIMIT + 4 * (TOOL_LIMIT + 1)
    assert len({(c.key.caller, c.key.name) for c in cells if c.key.caller not in {"", "_OTHER"}}) <= EDGE_LIMIT
    per_tool: dict[str, int] = {}
    for cell in cells:
        per_tool[cell.key.name] = per_tool.get(cell.key.name, 0) + sum(cell.counts)
    assert per_tool == {tool.name: 41 for tool in tools}
    assert sum(sum(c.counts) for c in cells if c.key.outcome == "error") == TOOL_LIMIT


def test_a_label_that_cannot_be_encoded_is_made_safe() -> None:
    """A lone surrogate or a very long name never reaches an encoder."""
    meters = ToolMeters()
    meters.on_calls([ended_call(Tool("bad\ud800")), ended_call(Tool("x" * 500))])
    names = [cell.key.name for cell in meters.snapshot()]
    assert [name.encode() for name in names]
    assert max(map(len, names)) <= 128


def test_an_exemplar_is_the_newest_sampled_call_of_its_bucket_once_a_second() -> None:
    """Unsampled calls never, a second one within the second not, a later one again."""
    clock = Clock(now_ns=lambda: 0, wall_ns=lambda: 1_000 * SECOND)
    meters = ToolMeters(clock)

    def at(seconds: float, span_id: int, *, sampled: bool = True) -> None:
        start = round(seconds * SECOND)
        context = span_context(span_id=span_id) if sampled else None
        scope = SAMPLED if sampled else ended_call(SEARCH).scope
        meters.on_calls([ended_call(SEARCH, MILLISECOND, scope=scope, start_ns=start, context=context)])

    at(1, 1, sampled=False)
    assert meters.snapshot()[0].exemplars == ()
    at(2, 2)
    at(2.5, 3)
    ((_, exemplar),) = meters.snapshot()[0].exemplars
    assert (exemplar.span_id, exemplar.duration_ns) == (2, MILLISECOND)
    assert exemplar.time_unix_ns == 1_002 * SECOND + MILLISECOND
    at(4, 4)
    ((_, exemplar),) = meters.snapshot()[0].exemplars
    assert exemplar.span_id == 4


def test_the_identifiers_of_an_exemplar_are_made_when_nobody_needed_them_before() -> None:
    """A deferred span gets its identifiers then, and they are those of the exemplar."""

    class Deferred(SimpleNamespace):
        def get_span_context(self) -> object:
            self.context = self.context or span_context(span_id=77)
            return self.context

    call = ended_call(SEARCH, scope=SAMPLED)
    fields = {
        name: getattr(call, name) for name in ("tool", "caller", "scope", "failure", "start_ns", "end_ns", "context")
    }
    deferred = Deferred(**fields, duration_ns=call.duration_ns)
    meters = ToolMeters()
    meters.on_calls([deferred])  # type: ignore[list-item]
    assert meters.snapshot()[0].exemplars[0][1].span_id == 77
    assert deferred.context.span_id == 77


def test_forget_starts_at_zero_and_later() -> None:
    """A forked child counts its own calls from its own start."""
    times = iter((10, 20, 30, 40, 50, 60, 70, 80))
    meters = ToolMeters(Clock(now_ns=lambda: next(times), wall_ns=lambda: 0))
    meters.on_calls([ended_call(SEARCH)])
    before = meters.start_unix_ns
    meters.forget()
    assert meters.snapshot() == []
    assert meters.start_unix_ns > before


@given(
    st.lists(
        st.tuples(
            st.integers(0, 700), st.integers(0, 400 * SECOND), st.sampled_from((None, FAILED, CANCELLED)), st.booleans()
        ),
        max_size=60,
    )
)
def test_nothing_is_lost_or_counted_twice(calls: list[tuple[int, int, Failure | None, bool]]) -> None:
    """For any calls: counts, sums and extremes over all cells are those of the calls."""
    meters = ToolMeters()
    caller = ended_call(Tool("caller"))
    for name, duration, failure, nested in calls:
        meters.on_calls([ended_call(Tool(f"t{name}"), duration, failure=failure, caller=caller if nested else None)])
    cells = meters.snapshot()
    assert sum(sum(cell.counts) for cell in cells) == len(calls)
    assert sum(cell.total_ns for cell in cells) == sum(duration for _, duration, _, _ in calls)
    if calls:
        assert min(cell.min_ns for cell in cells) == min(duration for _, duration, _, _ in calls)
        assert max(cell.max_ns for cell in cells) == max(duration for _, duration, _, _ in calls)


def test_every_cell_of_a_snapshot_is_consistent_while_calls_are_folded() -> None:
    """Sum and count of a cell belong together at any moment: all calls take one millisecond."""
    meters = ToolMeters()
    calls = [ended_call(Tool(f"t{i}"), MILLISECOND) for i in range(100)]
    done = threading.Event()

    def fold() -> None:
        for _ in range(300):
            for start in range(0, 100, 16):
                meters.on_calls(calls[start : start + 16])
        done.set()

    thread = threading.Thread(target=fold)
    thread.start()
    torn = 0
    while not done.is_set():
        torn += sum(cell.total_ns != sum(cell.counts) * MILLISECOND for cell in meters.snapshot())
    thread.join()
    assert torn == 0
    assert sum(sum(cell.counts) for cell in meters.snapshot()) == 30_000


@pytest.mark.serial
def test_folding_costs_a_fraction_of_recording_with_the_sdk() -> None:
    """In one run: less than a quarter of one SDK histogram (measured: a tenth; the SDK would need four instruments)."""
    instrument = (
        MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False).get_meter("m").create_histogram("h", unit="s")
    )
    meters, context = ToolMeters(), trace.set_span_in_context(trace.NonRecordingSpan(span_context()))
    calls = [
        ended_call(Tool(f"t{i % 20}"), i * 1_000, scope=SAMPLED, start_ns=i * 10_000, context=span_context())
        for i in range(4_000)
    ]

    def fold() -> None:
        for start in range(0, len(calls), 16):
            meters.on_calls(calls[start : start + 16])

    def record() -> None:
        for call in calls:
            instrument.record(call.duration_ns / SECOND, {"gen_ai.tool.name": call.tool.name}, context)

    assert least_seconds(fold) < least_seconds(record) / 4


def least_seconds(work: Callable[[], None]) -> float:
    """Processor time of the fastest of five runs."""
    costs = []
    for _ in range(5):
        begun = time.process_time()
        work()
        costs.append(time.process_time() - begun)
    return min(costs)
