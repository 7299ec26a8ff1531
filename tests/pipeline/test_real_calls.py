"""Statistics of real calls: threads, tasks, spans of other libraries in between, recursion, the slowest trace."""

import asyncio
import contextlib
import gc
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

import otel_perf
from otel_perf.core.intake import intake
from otel_perf.reports.run_summary import TracePath
from otel_perf.statistics.tool_summary import ToolSummary
from otel_perf.testing.capture import Capture
from otel_perf.testing.recording import recording
from tests.pipeline.test_call_statistics import paths

MILLISECOND = 1_000_000


class Hands:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000_000

    def __call__(self) -> int:
        return self.now

    def forward(self, milliseconds: float) -> None:
        self.now += int(milliseconds * MILLISECOND)


@pytest.fixture
def clock() -> Hands:
    """The time of the calls."""
    return Hands()


@pytest.fixture
def capture(clock: Hands) -> Iterator[Capture]:
    """Calls recorded in memory, on that clock."""
    with recording(propagate_threads="executors") as capture:
        intake.now_ns = clock
        yield capture


def tree(capture: Capture) -> dict[str, tuple[int, float, float]]:
    """Calls, total and self milliseconds by path."""
    nodes = capture._engine.look().tree.tree()  # noqa: SLF001 - the fixture's own way to the statistics
    return {path: (calls, total / 1e6, own / 1e6) for path, (calls, total, own) in paths(nodes).items()}


def tools(capture: Capture) -> dict[str, ToolSummary]:
    """The summaries."""
    return dict(capture.tools)


@pytest.mark.feature("S3-18", "S3-20")
def test_self_time_against_child_time_in_one_thread(capture: Capture, clock: Hands) -> None:
    """The time of a call is its own and its children's, together all of it."""

    @otel_perf.tool
    def child() -> None:
        clock.forward(20)

    @otel_perf.tool
    def parent() -> None:
        clock.forward(5)
        child()
        child()
        clock.forward(5)

    parent()
    assert tree(capture) == {" > parent": (1, 50, 10), " > parent > child": (2, 40, 40)}
    summary = tools(capture)["parent"]
    assert (summary.self_seconds, summary.child_seconds) == (0.010, 0.040)


def test_parallel_children_in_a_pool_are_taken_out_once(capture: Capture, clock: Hands) -> None:
    """Two children that ran at the same time on other threads cover the caller's time once."""
    both = threading.Barrier(3)

    @otel_perf.tool
    def child() -> None:
        both.wait(10)
        both.wait(10)

    @otel_perf.tool
    def parent() -> None:
        with ThreadPoolExecutor(2) as pool:
            running = [pool.submit(child) for _ in range(2)]
            both.wait(10)
            clock.forward(30)
            both.wait(10)
            for each in running:
                each.result(10)
        clock.forward(10)

    parent()
    assert tree(capture) == {" > parent": (1, 40, 10), " > parent > child": (2, 60, 60)}
    summary = tools(capture)["child"]
    assert (summary.in_flight, summary.in_flight_peak) == (0, 2)


def test_parallel_children_of_tasks_are_taken_out_once(capture: Capture, clock: Hands) -> None:
    """The same for ``gather``: overlapping waits are no time of the caller's own."""

    @otel_perf.tool
    async def child(begun: asyncio.Event, go: asyncio.Event) -> None:
        begun.set()
        await go.wait()

    @otel_perf.tool
    async def parent() -> None:
        begun, go = [asyncio.Event() for _ in range(3)], asyncio.Event()
        running = asyncio.gather(*(child(each, go) for each in begun))
        for each in begun:
            await each.wait()
        clock.forward(30)
        go.set()
        await running
        clock.forward(1)

    asyncio.run(parent())
    assert tree(capture) == {" > parent": (1, 31, 1), " > parent > child": (3, 90, 90)}
    assert tools(capture)["child"].in_flight_peak == 3


def test_a_task_that_outlives_its_caller_stays_below_it(capture: Capture, clock: Hands) -> None:
    """Fire and forget: the late child is counted at its place, and its caller's self time is not negative."""

    @otel_perf.tool
    async def child(go: asyncio.Event) -> None:
        await go.wait()

    @otel_perf.tool
    async def parent(go: asyncio.Event) -> "asyncio.Task[None]":
        task = asyncio.create_task(child(go))
        await asyncio.sleep(0)
        clock.forward(10)
        return task

    async def program() -> None:
        go = asyncio.Event()
        task = await parent(go)
        assert tree(capture)[" > parent"] == (1, 10, 10)
        clock.forward(90)
        go.set()
        await task

    asyncio.run(program())
    assert tree(capture) == {" > parent": (1, 10, 10), " > parent > child": (1, 100, 100)}


def other_library(name: str, **attributes: str) -> Any:
    """A span of another library on our provider."""
    return trace.get_tracer("another library").start_as_current_span(name, attributes=attributes)


FRAMEWORK = {"gen_ai.operation.name": "execute_tool"}


@pytest.fixture
def real_capture() -> Iterator[Capture]:
    """Calls recorded in memory on the real clocks, which the spans of other libraries have."""
    with recording(deterministic=False) as capture:
        yield capture


@pytest.mark.parametrize("drain_between", [False, True])
@pytest.mark.feature("S3-21")
def test_the_call_graph_crosses_spans_of_other_libraries(real_capture: Capture, drain_between: bool) -> None:
    """Ours, a framework's tool, a plain span, ours again: each knows its caller, and nobody's time counts twice."""

    @otel_perf.tool
    def inner() -> None:
        """A leaf."""

    @otel_perf.tool
    def outer() -> None:
        with other_library("framework", **FRAMEWORK, **{"gen_ai.tool.name": "framework"}):
            with other_library("GET /"):
                inner()
            if drain_between:
                assert real_capture.calls[-1].tool == "inner"

    rounds = 40
    for _ in range(rounds):
        outer()
    graph = real_capture._engine.look().graph  # noqa: SLF001 - the fixture's own way to the statistics
    assert {(edge.caller, edge.callee): edge.calls for edge in graph.edges()} == {
        (None, "outer"): rounds,
        ("outer", "framework"): rounds,
        ("framework", "inner"): rounds,
    }
    found = tree(real_capture)
    assert set(found) == {" > outer", " > outer > framework", " > outer > framework > inner"}
    (_, outer_total, outer_self), (_, framework_total, framework_self), (_, inner_total, _) = found.values()
    assert outer_self == pytest.approx(outer_total - framework_total, abs=0.001 * rounds)
    assert framework_self == pytest.approx(framework_total - inner_total, abs=0.001 * rounds)


def test_the_slowest_trace_crosses_spans_of_other_libraries(real_capture: Capture) -> None:
    """A framework's call is on the path between ours, in the slowest traces as in the tree."""

    def last() -> None:
        """Long enough that the wall clock of the other library and ours agree on what is inside what."""
        threading.Event().wait(0.01)

    @otel_perf.tool
    def inner() -> None:
        """A leaf."""
        last()

    with otel_perf.tool_call("outer"):
        last()
        with other_library("f", **FRAMEWORK, **{"gen_ai.tool.name": "framework"}):
            last()
            inner()
            last()
        last()
    (slowest,) = real_capture._engine.look().slowest  # noqa: SLF001 - as above
    assert {node.name for node in slowest.nodes} == {"outer", "framework", "inner"}
    path = TracePath.of(slowest)
    assert [segment.name for segment in path.segments] == ["outer", "framework", "inner"]
    assert sum(segment.self_ns for segment in path.segments) == path.duration_ns


def test_failures_of_other_libraries_are_errors_on_their_edge(real_capture: Capture) -> None:
    """A framework's tool that failed counts as an error of its edge and of nobody else's."""
    with otel_perf.tool_call("outer"), other_library("f", **FRAMEWORK, **{"gen_ai.tool.name": "framework"}) as span:
        span.set_status(Status(StatusCode.ERROR))
    graph = real_capture._engine.look().graph  # noqa: SLF001 - as above
    assert {(edge.caller, edge.callee): edge.errors for edge in graph.edges()} == {
        (None, "outer"): 0,
        ("outer", "framework"): 1,
    }


def test_the_critical_path_of_nested_and_parallel_calls(capture: Capture, clock: Hands) -> None:
    """Of two parallel children the longer is on the path; what no child explains is the caller's own."""

    @otel_perf.tool
    async def fetch(milliseconds: float, begun: asyncio.Event, go: asyncio.Event) -> None:
        begun.set()
        await go.wait()

    @otel_perf.tool
    def rank() -> None:
        clock.forward(40)

    @otel_perf.tool
    async def answer() -> None:
        clock.forward(1)
        begun, go = (asyncio.Event(), asyncio.Event()), (asyncio.Event(), asyncio.Event())
        short, long = (asyncio.create_task(fetch(0, *pair)) for pair in zip(begun, go, strict=True))
        for each in begun:
            await each.wait()
        clock.forward(10)
        go[0].set()
        await short
        clock.forward(90)
        go[1].set()
        await long
        rank()
        clock.forward(2)

    @otel_perf.tool
    def quick() -> None:
        clock.forward(1)

    for _ in range(10):
        quick()
    asyncio.run(answer())
    slowest = capture._engine.look().slowest  # noqa: SLF001 - the fixture's own way to the statistics
    assert [trace.root.name for trace in slowest] == ["answer", *["quick"] * 4]
    path = TracePath.of(slowest[0])
    assert [(segment.name, segment.self_ns / 1e6) for segment in path.segments] == [
        ("answer", 3.0),
        ("fetch", 100.0),
        ("rank", 40.0),
    ]
    assert path.spans == 4


def test_mutual_recursion_is_one_cycle(capture: Capture, clock: Hands) -> None:
    """Two tools that call each other: edges both ways, one cycle, all time accounted for once."""
    functions = SimpleNamespace()

    @otel_perf.tool("even")
    def even(n: int) -> None:
        clock.forward(1)
        if n:
            functions.odd(n - 1)

    @otel_perf.tool("odd")
    def odd(n: int) -> None:
        clock.forward(1)
        if n:
            even(n - 1)

    functions.odd = odd
    even(9)
    graph = capture._engine.look().graph  # noqa: SLF001 - the fixture's own way to the statistics
    assert {(edge.caller, edge.callee): edge.calls for edge in graph.edges()} == {
        (None, "even"): 1,
        ("even", "odd"): 5,
        ("odd", "even"): 4,
    }
    assert graph.cycles() == [["even", "odd"]]
    assert sum(tool.self_seconds for tool in capture.tools.values()) == pytest.approx(0.010)


def test_every_outcome_is_counted_where_it_belongs(capture: Capture, clock: Hands) -> None:
    """ok, error, timeout and cancelled, each with its type; success leaves the cancelled ones out."""

    @otel_perf.tool("t")
    def fail(error: BaseException | None) -> None:
        clock.forward(1)
        if error is not None:
            raise error

    for error in (None, None, ValueError(), TimeoutError(), asyncio.CancelledError(), KeyboardInterrupt()):
        with contextlib.suppress(BaseException):
            fail(error)
    summary = tools(capture)["t"]
    assert (summary.ok, summary.errors, summary.timeouts, summary.cancelled) == (2, 1, 1, 2)
    assert summary.errors_by_type == {"ValueError": 1, "TimeoutError": 1}
    assert summary.success_ratio == 0.5


def test_generators_count_until_their_end(capture: Capture, clock: Hands) -> None:
    """A generator's call lasts until it is used up; what the consumer does in between is no call below it."""

    @otel_perf.tool
    def consumed() -> None:
        clock.forward(1)

    @otel_perf.tool
    def producing() -> Iterator[int]:
        for number in range(3):
            clock.forward(10)
            yield number

    for _ in producing():
        consumed()
    assert tree(capture) == {" > producing": (1, 33, 33), " > consumed": (3, 3, 3)}


def test_running_calls_have_their_age(capture: Capture, clock: Hands) -> None:
    """A call that runs is listed with its age on the clock of the calls, under the agent it runs for."""
    with otel_perf.agent("planner"):
        clock.forward(1)
        with otel_perf.tool_call("hung"):
            clock.forward(1500)
            assert [(call.tool, call.agent, call.age_seconds) for call in capture.open_calls] == [
                ("planner", "planner", 1.501),
                ("hung", "planner", 1.5),
            ]
    assert capture.open_calls == ()


def test_a_callback_that_schedules_the_next_is_no_endless_chain(real_capture: Capture) -> None:
    """Each call outlives its caller, thousands of times: all are counted, and those long over can be freed."""
    first: list[weakref.ref[Any]] = []
    last: list[int] = []

    @otel_perf.tool
    def step(left: int, done: asyncio.Event) -> None:
        if not first:
            first.append(weakref.ref(trace.get_current_span()))
        if left:
            asyncio.get_running_loop().call_soon(step, left - 1, done)
        else:
            last.append(trace.get_current_span().get_span_context().trace_id)
            done.set()

    async def program() -> None:
        done = asyncio.Event()
        with otel_perf.tool_call("step") as root:
            last.append(root.get_span_context().trace_id)
            asyncio.get_running_loop().call_soon(step, 4_999, done)
        await done.wait()

    before = time.process_time()
    asyncio.run(program())
    found = real_capture._engine.look()  # noqa: SLF001 - the fixture's own way to the statistics
    assert time.process_time() - before < 10
    assert [(node.name, node.calls) for node in found.tree.tree()] == [("step", 5_001)]
    assert [(edge.caller, edge.calls) for edge in found.graph.edges() if edge.caller] == [("step", 5_000)]
    del found
    gc.collect()
    assert first[0]() is None
    assert last[0] == last[1]


def test_calls_that_are_not_under_watch_are_told(real_capture: Capture) -> None:
    """When more calls run than can be watched, the status says how many are not listed."""
    engine = real_capture._engine  # noqa: SLF001 - as above
    engine.open_calls._max_open = 16  # noqa: SLF001 - the bound is the subject
    blocks = [otel_perf.tool_call("open") for _ in range(40)]
    with contextlib.ExitStack() as stack:
        for block in blocks:
            stack.enter_context(block)
        assert len(real_capture.open_calls) == 16
        assert [note for note in engine.notes() if note.startswith("24 running calls are not under watch")]
