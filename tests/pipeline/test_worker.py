"""The worker: slices, order, assistance, drops, supervision, the account, the wake-up after quiet."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from otel_perf.core import clock
from otel_perf.core.guard import guard
from otel_perf.pipeline import worker as worker_module
from otel_perf.pipeline.open_calls import OpenCalls
from otel_perf.pipeline.worker import ASSIST, BACKLOG, BIG_SLICE, SLICE
from tests.pipeline.calls import MILLISECOND, UNSAMPLED, Pipeline, Seen, ended, running

TRACER = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False).get_tracer("another library")


def foreign_call(name: str) -> Any:
    """A finished span of another library that stands for a tool call."""
    span = TRACER.start_span(name, attributes={"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name})
    span.end()
    return span


@pytest.fixture
def pipeline() -> Pipeline:
    """A pipeline without a thread."""
    return Pipeline()


@pytest.fixture
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "PAUSE_SECONDS", 0)


@pytest.mark.usefixtures("_no_pause")
@pytest.mark.parametrize(("waiting", "first"), [(100, SLICE), (BACKLOG, SLICE), (BACKLOG + 1, BIG_SLICE)])
def test_slices_are_small_until_there_is_a_backlog(pipeline: Pipeline, waiting: int, first: int) -> None:
    """The thread hands on 16 at a time, and more once it lags behind; all arrive, in order."""
    calls = [ended() for _ in range(waiting)]
    pipeline.intake.finished.extend(calls)
    pipeline.worker.start()
    try:
        assert wait_for(lambda: sum(pipeline.reader.slices) == waiting)
    finally:
        assert pipeline.worker.stop(clock.monotonic_ns() + 5_000_000_000)
    assert pipeline.reader.slices[0] == first
    assert max(pipeline.reader.slices) == first
    assert pipeline.reader.of("call") == calls


def wait_for(condition: Any, seconds: float = 5.0) -> bool:
    """Look again until it holds."""
    waiting, deadline = threading.Event(), clock.monotonic_ns() + int(seconds * 1e9)
    while clock.monotonic_ns() < deadline:
        if condition():
            return True
        waiting.wait(0.002)
    return bool(condition())


def test_a_full_queue_is_relieved_by_the_caller() -> None:
    """With nobody draining, the caller hands on a few records at a time: nothing is lost, the queue stays bounded."""
    pipeline = Pipeline(max_calls=100)
    pipeline.open_valve(100)
    for _ in range(1_000):
        pipeline.hand_in(ended())
        assert len(pipeline.intake.finished) <= 101
    handed_on = len(pipeline.reader.of("call"))
    assert handed_on >= 890
    assert max(pipeline.reader.slices) == ASSIST
    pipeline.drain()
    assert len(pipeline.reader.of("call")) == len(pipeline.carrier.of("call")) == 1_000


def test_assistance_waits_for_nobody() -> None:
    """While another thread holds the worker's lock, the caller goes on after at most a moment, and nothing is lost."""
    pipeline = Pipeline(max_calls=10)
    pipeline.open_valve(10)
    release, held = threading.Event(), threading.Event()

    def hold() -> None:
        with pipeline.worker.frozen():
            held.set()
            release.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(5)
    before = clock.monotonic_ns()
    for _ in range(60):
        pipeline.hand_in(ended())
    taken_ns = clock.monotonic_ns() - before
    release.set()
    holder.join()
    assert taken_ns < 50 * 100 * MILLISECOND  # 50 calls above the mark; 0.5 ms each, and a busy machine
    assert pipeline.reader.of("call") == []
    pipeline.drain()
    assert len(pipeline.reader.of("call")) == 60


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60),
    st.integers(1, 10),
)
def test_drops_are_counted_exactly(steps: list[tuple[bool, bool]], max_calls: int) -> None:
    """With ``overflow="drop"`` the newest goes, whatever comes when; the account and the subscribers know of each."""
    pipeline = Pipeline(max_calls=max_calls, overflow="drop")
    pipeline.open_valve(max_calls)
    offered = sampled = 0
    for is_sampled, drain in steps:
        pipeline.hand_in(ended() if is_sampled else ended(scope=UNSAMPLED))
        offered += 1
        sampled += is_sampled
        if drain:
            pipeline.drain()
        with pipeline.worker.frozen():
            balance = pipeline.worker.balance(list(pipeline.intake.finished), 0)
        assert balance.balanced
        assert (balance.calls, balance.span_recorded) == (offered, sampled)
        assert len(pipeline.intake.finished) <= max_calls
    pipeline.drain()
    dropped = pipeline.reader.of("overflow")
    assert len(pipeline.reader.of("call")) + len(dropped) == offered
    assert pipeline.carrier.of("overflow") == [call for call in dropped if call.scope.sampled]


def test_a_heavy_call_opens_the_valve() -> None:
    """Above the byte bound the next call that ends hands records on, and the weight leaves with them."""
    pipeline = Pipeline(max_calls=1_000)
    pipeline.open_valve(1_000)
    pipeline.intake.max_weight = 10_000
    for _ in range(3):
        call = ended()
        call.details = SimpleNamespace(heavy_bytes=6_000)  # type: ignore[assignment]
        pipeline.intake.add_weight(6_000)
        pipeline.hand_in(call)
    assert len(pipeline.reader.of("call")) >= 2
    pipeline.drain()
    assert not pipeline.intake.too_heavy
    pipeline.intake.add_weight(10_000)
    assert not pipeline.intake.too_heavy


class Raising(Seen):
    """Raises whatever it is told."""

    def on_starts(self, calls: Any) -> None:
        raise ValueError("starts")

    def on_calls(self, calls: Any) -> None:
        raise ValueError("calls")

    def on_foreign_calls(self, calls: Any) -> None:
        raise ValueError("foreign calls")

    def on_foreign(self, spans: Any) -> None:
        raise ValueError("spans")


def test_a_subscriber_that_raises_costs_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Each failure is counted under the subscriber's name and told once; the others get everything."""
    pipeline = Pipeline(readers=[Raising()], carriers=[Raising()])
    call = ended()
    pipeline.intake.started.append(call)
    pipeline.intake.finished.append(call)
    pipeline.intake.foreign.append((foreign_call("f"), None, 1))
    pipeline.drain()
    assert [kind for kind, _ in pipeline.reader.told] == ["start", "foreign", "call"]
    assert [kind for kind, _ in pipeline.carrier.told] == ["call", "span"]
    assert guard.counts["Raising"] == 5
    assert sum("Raising" in record.getMessage() for record in caplog.records) <= 1


class Fatal(Seen):
    """Raises past every guard, once."""

    def on_calls(self, calls: Any) -> None:
        if not self.told:
            self.told.append(("raised", None))
            raise SystemExit(3)


def test_the_worker_survives_what_no_guard_catches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A subscriber that raises ``SystemExit`` does not end the thread: it is restarted, counted, and goes on."""
    monkeypatch.setattr(worker_module, "BUSY_WAIT_SECONDS", 0.005)
    pipeline = Pipeline(readers=[Fatal()])
    pipeline.worker.start()
    try:
        pipeline.hand_in(ended())
        assert wait_for(lambda: pipeline.worker.restarts == 1)
        pipeline.hand_in(ended("after"))
        assert wait_for(lambda: [call.tool.name for call in pipeline.reader.of("call")] == ["after"])
    finally:
        assert pipeline.worker.stop(clock.monotonic_ns() + 5_000_000_000)
    assert len(pipeline.carrier.of("call")) == 2


def test_the_first_call_after_quiet_is_handled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """After quiet the worker sleeps long, and the next call that ends wakes it; later ones wake nobody."""
    monkeypatch.setattr(worker_module, "BUSY_WAIT_SECONDS", 0.005)
    monkeypatch.setattr(worker_module, "QUIET_AFTER_NS", 0)
    monkeypatch.setattr(worker_module, "QUIET_WAIT_SECONDS", 60.0)
    pipeline = Pipeline(max_calls=1_000)
    pipeline.worker.start()
    try:
        for number in range(1, 4):
            assert wait_for(lambda: pipeline.intake.high_water == 0)
            pipeline.hand_in(ended())
            assert wait_for(lambda expected=number: len(pipeline.reader.of("call")) == expected)
    finally:
        assert pipeline.worker.stop(clock.monotonic_ns() + 5_000_000_000)


def test_while_there_is_traffic_no_call_pays_for_waking() -> None:
    """Between two drains the mark stands at the bound of the queue, so that the caller does nothing but append."""
    pipeline = Pipeline(max_calls=1_000)
    pipeline.worker.start()
    try:
        pipeline.hand_in(ended())
        assert pipeline.intake.high_water == 1_000
    finally:
        assert pipeline.worker.stop(clock.monotonic_ns() + 5_000_000_000)


def test_starting_and_stopping_again(pipeline: Pipeline) -> None:
    """A stopped worker has handed everything on and left no thread; it may be started once more, and stopped twice."""
    for expected in (1, 2):
        pipeline.worker.start()
        pipeline.hand_in(ended())
        assert pipeline.worker.stop(clock.monotonic_ns() + 5_000_000_000)
        assert len(pipeline.reader.of("call")) == expected
    assert pipeline.worker.stop(clock.monotonic_ns() + 5_000_000_000)
    assert not [thread for thread in threading.enumerate() if thread.name == "otel_perf-worker"]


def test_a_past_deadline_drains_nothing_and_says_so(pipeline: Pipeline) -> None:
    """Out of time, what waits goes on waiting, and the answer is no; with nothing waiting it is yes."""
    assert pipeline.worker.drain(0)
    pipeline.hand_in(ended())
    assert not pipeline.worker.drain(0)
    assert len(pipeline.intake.finished) == 1


class Busy(Seen):
    """Stands for an application that ends a call whenever one is handed on."""

    def __init__(self) -> None:
        super().__init__()
        self.pipeline: Pipeline | None = None

    def on_calls(self, calls: Any) -> None:
        assert self.pipeline is not None
        self.pipeline.intake.finished.extend(ended("new") for _ in calls)


def test_draining_comes_to_an_end_under_any_load() -> None:
    """What waits at the time is handed on, and no more than a slice beyond: whoever drains need not wait for calm."""
    busy = Busy()
    busy.pipeline = pipeline = Pipeline(readers=[busy])
    pipeline.intake.finished.extend(ended("old") for _ in range(300))
    pipeline.drain()
    names = [call.tool.name for call in pipeline.reader.of("call")]
    assert names.count("old") == 300
    assert names.count("new") <= BIG_SLICE


def test_constant_traffic_does_not_keep_the_worker_from_its_other_duties(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While records never cease, a hung call is told all the same, and the CPU time that is shown goes on."""
    monkeypatch.setattr(worker_module, "SECOND_NS", 0)
    monkeypatch.setattr(worker_module, "TURN_NS", 1_000_000)
    busy = Busy()
    busy.pipeline = pipeline = Pipeline(readers=[busy])
    pipeline.worker.open_calls = OpenCalls(pipeline.intake, warn_after_seconds=0.001)
    pipeline.intake.started.append(running("hung"))
    pipeline.intake.finished.append(ended())
    pipeline.worker.start()
    try:
        assert wait_for(lambda: any("'hung' has been running" in line for line in caplog.messages))
        before = pipeline.worker.cpu_ns
        assert wait_for(lambda: pipeline.worker.cpu_ns > before)
        assert pipeline.intake.finished
    finally:
        busy.on_calls = lambda calls: None  # type: ignore[method-assign]
        assert pipeline.worker.stop(clock.monotonic_ns() + 5_000_000_000)


def test_nothing_moves_while_frozen() -> None:
    """Inside ``frozen`` another thread can neither drain nor drop, while calls go on being appended."""
    pipeline = Pipeline(max_calls=2, overflow="drop")
    pipeline.open_valve(2)
    pipeline.hand_in(ended(), ended())
    threads = [
        threading.Thread(target=pipeline.drain),
        threading.Thread(target=pipeline.hand_in, args=(ended(), ended())),
    ]
    with pipeline.worker.frozen():
        before = pipeline.worker.balance(list(pipeline.intake.finished), 0)
        for thread in threads:
            thread.start()
        assert not wait_for(lambda: pipeline.reader.told, 0.05)
        assert before.calls == 2
        assert pipeline.worker.balance(list(pipeline.intake.finished), 0).calls == 3
    for thread in threads:
        thread.join()
    pipeline.drain()
    with pipeline.worker.frozen():
        after = pipeline.worker.balance([], 0)
    assert after.calls == after.span_recorded == 4
    assert after.balanced


def test_weird_spans_are_carried_and_read_as_no_call(pipeline: Pipeline) -> None:
    """What another library hands over may be anything: it reaches the carriers, and the readers see no call."""
    pipeline.intake.foreign.append((object(), None, 1))
    pipeline.intake.foreign.append((foreign_call("real"), None, 2))
    pipeline.drain()
    assert len(pipeline.carrier.of("span")) == 2
    assert [call.tool.name for call in pipeline.reader.of("foreign")] == ["real"]
    with pipeline.worker.frozen():
        assert pipeline.worker.balance([], 0).foreign_spans == 2


@settings(max_examples=150)
@given(st.lists(st.booleans(), max_size=120), st.integers(1, 20))
def test_both_kinds_reach_the_readers_in_the_order_of_their_ends(kinds: list[bool], size: int) -> None:
    """Our calls and those of other libraries are told in the order of their ends, whatever the slices."""
    pipeline = Pipeline()
    for number, is_foreign in enumerate(kinds, 1):
        if is_foreign:
            pipeline.intake.foreign.append((foreign_call(str(number)), None, number))
        else:
            pipeline.intake.finished.append(ended(str(number), end_ns=number))
    while pipeline.worker._handle(size):  # noqa: SLF001 - the size of a slice is the subject
        pass
    told = [(kind, call.tool.name) for kind, call in pipeline.reader.told]
    assert told == [("foreign" if is_foreign else "call", str(n)) for n, is_foreign in enumerate(kinds, 1)]


@settings(max_examples=150)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), max_size=120), st.integers(1, 20))
def test_ends_out_of_order_lose_nothing(ends: list[tuple[bool, int]], size: int) -> None:
    """Threads may append slightly out of order: everything is still told exactly once."""
    pipeline = Pipeline()
    for number, (is_foreign, end_ns) in enumerate(ends):
        if is_foreign:
            pipeline.intake.foreign.append((foreign_call(str(number)), None, end_ns))
        else:
            pipeline.intake.finished.append(ended(str(number), end_ns=end_ns))
    while pipeline.worker._handle(size):  # noqa: SLF001 - the size of a slice is the subject
        pass
    assert sorted(int(call.tool.name) for _, call in pipeline.reader.told) == list(range(len(ends)))


def test_a_forked_child_starts_empty(pipeline: Pipeline) -> None:
    """In the child nothing of the parent is counted or under watch, and a thread of its own takes over."""
    call = running()
    pipeline.intake.started.append(call)
    pipeline.hand_in(ended())
    pipeline.drain()
    pipeline.intake.forget()
    pipeline.worker.after_fork_in_child()
    try:
        with pipeline.worker.frozen():
            assert pipeline.worker.balance([], 0).calls == 0
        assert pipeline.open_calls.current(5) == []
        pipeline.hand_in(ended())
        assert wait_for(lambda: len(pipeline.reader.of("call")) == 2)
    finally:
        assert pipeline.worker.stop(clock.monotonic_ns() + 5_000_000_000)
