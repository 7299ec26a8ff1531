"""Tail sampling: what is kept, what is left out, when it is decided, and an account that is exact throughout."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags, set_span_in_context

from otel_perf.core.ledger import DestinationAccount
from otel_perf.core.records import CANCELLED, Failure, Tool
from otel_perf.delivery.span_delivery import SpanDelivery
from otel_perf.delivery.span_request import EncodedSpan, SpanGroup
from otel_perf.delivery.tail_sampling import SPAN_OVERHEAD_BYTES, TailPolicy, TailSampler
from tests.behaviour.processes import seen_by
from tests.delivery.tool_spans import begin, encoder, finish
from tests.sinks.http_sink import http_sink

SECOND = 1_000_000_000
NOTHING = TailPolicy(slow_seconds=5.0, ratio=0.0, grace_seconds=2.0, max_bytes=1_000_000)
GROUP = SpanGroup(b"", b"")


class Outlet:
    """A destination that takes everything and delivers nothing."""

    def __init__(self, name: str = "first") -> None:
        self.account = DestinationAccount(name, "traces")
        self.taken: list[EncodedSpan] = []

    def offer(self, spans: Sequence[EncodedSpan]) -> None:
        self.account.accept(len(spans))
        self.taken.extend(spans)

    def names(self) -> list[str]:
        """The names of the spans that came through, in order."""
        message = ScopeSpans()
        message.ParseFromString(b"".join(span.body for span in self.taken))
        return [span.name.removeprefix("execute_tool ") for span in message.spans]

    def numbers(self) -> tuple[int, int, int]:
        """Accepted, left out by sampling, waiting before the outlet itself; the balance holds."""
        balance = self.account.balance()
        assert balance.balanced
        return balance.accepted, balance.tail_sampled, balance.queued - len(self.taken)


class Stage:
    """The delivery with a tail sampler and its outlets."""

    def __init__(self, policy: TailPolicy = NOTHING, outlets: int = 1) -> None:
        self.outlets = [Outlet(str(number)) for number in range(outlets)]
        self.sampler = TailSampler(self.outlets, policy)
        self.delivery = SpanDelivery(encoder(), self.outlets, self.sampler)

    def end(self, *calls: Any) -> None:
        """Calls of ours that ended."""
        self.delivery.on_calls(calls)

    def names(self) -> list[str]:
        """What came through, at every outlet the same."""
        found = [outlet.names() for outlet in self.outlets]
        assert all(names == found[0] for names in found)
        return found[0]


def call(name: str, parent: Any = None, seconds: float = 0.0, failure: Failure | None = None) -> Any:
    """A call that took so long."""
    return finish(begin(Tool(name), parent, start_ns=0), int(seconds * SECOND), failure)


FAILED = Failure("error", "ValueError")
TIMED_OUT = Failure("timeout", "TimeoutError")


@pytest.mark.parametrize(
    ("root", "child", "kept"),
    [
        ({}, {}, False),
        ({"failure": FAILED}, {}, True),
        ({"failure": TIMED_OUT}, {}, True),
        ({"failure": CANCELLED}, {}, False),
        ({}, {"failure": FAILED}, True),
        ({"seconds": 5.0}, {}, True),
        ({"seconds": 4.999}, {}, False),
        ({}, {"seconds": 60.0}, False),  # the root did not wait for it
    ],
)
def test_errors_and_slow_traces_are_kept_whole(root: Any, child: Any, kept: bool) -> None:
    """One failure anywhere, or a slow root, keeps every span of its trace; otherwise none is kept at a ratio of 0."""
    stage = Stage()
    above = call("root", **root)
    stage.end(call("child", above, **child), call("other", above))
    stage.end(above)
    assert stage.names() == []
    stage.sampler.decide_all()
    assert stage.names() == (["child", "other", "root"] if kept else [])
    assert stage.outlets[0].numbers() == (3, 0 if kept else 3, 0)


def test_a_status_set_by_hand_keeps_the_trace() -> None:
    """A call that ended well and says it is an error is one; one that failed and says it is fine is none."""
    stage = Stage()
    said = begin()
    said.set_status(Status(StatusCode.ERROR, "bad answer"))
    fine = begin()
    fine.set_status(StatusCode.OK)
    stage.end(finish(said), finish(fine, failure=FAILED))
    stage.sampler.decide_all()
    assert len(stage.outlets[0].taken) == 1
    assert stage.outlets[0].taken[0].trace_id == said.get_span_context().trace_id


@given(st.integers(1, (1 << 128) - 1), st.sampled_from([0.0, 1e-9, 0.05, 0.1, 0.5, 0.999999, 1.0]) | st.floats(0, 1))
def test_the_rest_is_chosen_as_the_sdk_chooses(trace_id: int, ratio: float) -> None:
    """For any trace id and ratio the decision is the one of the SDK's ``TraceIdRatioBased``."""
    expected = TraceIdRatioBased(ratio).should_sample(None, trace_id, "any").decision is Decision.RECORD_AND_SAMPLE
    outlet = Outlet()
    sampler = TailSampler([outlet], TailPolicy(slow_seconds=5, ratio=ratio, grace_seconds=0, max_bytes=1_000))
    sampler.hold([EncodedSpan(GROUP, b"", trace_id)])
    sampler.decide_all()
    assert bool(outlet.taken) is expected


def test_a_trace_waits_for_its_grace_time() -> None:
    """Nothing is decided while the root runs, nor within the grace time after it; then at the next look."""
    sampler = TailSampler([outlet := Outlet()], NOTHING)
    span = EncodedSpan(GROUP, b"x", 7)
    sampler.hold([span])
    sampler.sweep(1000 * SECOND)
    assert outlet.numbers() == (1, 0, 1)
    sampler.note_call(_with_trace(7), 1000 * SECOND)
    sampler.hold([span])
    sampler.sweep(1002 * SECOND - 1)
    assert outlet.numbers() == (2, 0, 2)
    sampler.sweep(1002 * SECOND)
    assert outlet.numbers() == (2, 2, 0)


def _with_trace(trace_id: int, **how: Any) -> Any:
    """A root call of this trace."""
    made = call("root", **how)
    made.context = SpanContext(trace_id, 1, is_remote=False, trace_flags=TraceFlags(1))
    return made


def test_late_spans_follow_the_decision() -> None:
    """Spans that end after their trace was decided go the same way at once, failed or not."""
    stage = Stage()
    kept, left_out = call("kept", failure=FAILED), call("left out")
    stage.end(kept, left_out)
    stage.sampler.decide_all()
    stage.end(call("late one", kept), call("late failure", left_out, failure=FAILED))
    assert stage.names() == ["kept", "late one"]
    assert stage.outlets[0].numbers() == (4, 2, 0)


def test_above_the_budget_the_oldest_trace_is_decided() -> None:
    """The bytes that wait stay below the bound: the oldest trace is decided by what is known of it, and counted."""
    room = 10 * (100 + SPAN_OVERHEAD_BYTES)
    stage = Stage(TailPolicy(slow_seconds=5, ratio=0, grace_seconds=2, max_bytes=room))
    outlet = stage.outlets[0]
    for trace_id in range(1, 5):
        stage.sampler.hold([EncodedSpan(GROUP, b"x" * 100, trace_id) for _ in range(3)])
    assert stage.sampler.decided_early == 1
    assert outlet.numbers() == (12, 3, 9)
    stage.sampler.hold([EncodedSpan(GROUP, b"x" * 100, 1)])
    assert outlet.numbers() == (13, 4, 9)


def test_a_span_larger_than_the_budget_is_decided_at_once() -> None:
    """Even one span above the whole bound is neither lost nor held."""
    stage = Stage(TailPolicy(slow_seconds=5, ratio=1, grace_seconds=2, max_bytes=50))
    stage.sampler.hold([EncodedSpan(GROUP, b"x" * 500, 1)])
    assert len(stage.outlets[0].taken) == 1
    assert stage.outlets[0].numbers() == (1, 0, 0)


def test_every_outlet_gets_the_same() -> None:
    """Several destinations share one decision, and each has the whole account."""
    stage = Stage(outlets=3)
    failed, fine = call("failed", failure=FAILED), call("fine")
    stage.end(call("child", failed), failed, fine)
    stage.sampler.decide_all()
    stage.end(call("late", failed))
    assert stage.names() == ["child", "failed", "late"]
    assert [outlet.numbers() for outlet in stage.outlets] == [(4, 1, 0)] * 3


TRACER = TracerProvider(shutdown_on_exit=False).get_tracer("another library")


def foreign(name: str, below: Any = None, *, failed: bool = False, remote: bool = False) -> Any:
    """A finished span of another library, below one of our calls or a remote one."""
    context = None
    if below is not None:
        above = below.get_span_context()
        flags = TraceFlags(TraceFlags.SAMPLED)
        context = set_span_in_context(
            NonRecordingSpan(SpanContext(above.trace_id, above.span_id, is_remote=remote, trace_flags=flags))
        )
    span = TRACER.start_span(name, context)
    if failed:
        span.set_status(StatusCode.ERROR)
    span.end()
    return span


@pytest.mark.parametrize("failed", [False, True])
def test_spans_of_other_libraries_belong_to_their_trace(failed: bool) -> None:
    """They wait with ours, and a failed one keeps ours as well."""
    stage = Stage()
    root = call("root")
    stage.delivery.on_foreign([foreign("GET", root, failed=failed)])
    stage.end(root)
    stage.sampler.decide_all()
    assert stage.names() == (["GET", "root"] if failed else [])


def test_a_root_of_another_library_ends_the_trace() -> None:
    """The grace time runs from the end of the local root, whoever made it, remote parent or none."""
    for remote in (False, True):
        stage = Stage(TailPolicy(slow_seconds=5, ratio=0, grace_seconds=0, max_bytes=10_000))
        span = foreign("GET", call("remote") if remote else None, remote=remote)
        stage.delivery.on_foreign([span])
        stage.sampler.sweep(1 << 62)
        assert stage.outlets[0].numbers() == (1, 1, 0)


class Choosy:
    """An encoder that cannot encode roots."""

    def __init__(self) -> None:
        self._real = encoder()
        self.group = self._real.group

    def encode(self, span: Any) -> bytes:
        if span.parent is None:
            raise ValueError("a root")
        return self._real.encode(span)


def test_a_root_that_cannot_be_encoded_ends_its_trace() -> None:
    """It is dropped with its reason, and what it was is known all the same: its failure keeps the rest."""
    stage = Stage(TailPolicy(slow_seconds=5, ratio=0, grace_seconds=0, max_bytes=10_000))
    stage.delivery = SpanDelivery(Choosy(), stage.outlets, stage.sampler)  # type: ignore[arg-type]
    root = call("root", failure=FAILED)
    stage.end(call("child", root))
    stage.end(root)
    stage.sampler.sweep(1 << 62)
    assert stage.names() == ["child"]
    balance = stage.outlets[0].account.balance()
    assert balance.balanced
    assert dict(balance.dropped) == {"encode_error": 1}


class TailModel(RuleBasedStateMachine):
    """The sampler against a plain model: a dictionary of traces in the order of their coming."""

    RATIO = 0.5
    GRACE = 10
    ROOM = 12 * (SPAN_OVERHEAD_BYTES + 10)

    def __init__(self) -> None:
        super().__init__()
        policy = TailPolicy(slow_seconds=5, ratio=self.RATIO, grace_seconds=self.GRACE / 1e9, max_bytes=self.ROOM)
        self.outlets = [Outlet("one"), Outlet("two")]
        self.sampler = TailSampler(self.outlets, policy)
        self.now = 0
        self.undecided: dict[int, dict[str, Any]] = {}
        self.decided: dict[int, bool] = {}
        self.offered = self.left_out = self.early = 0
        self.kept: list[bytes] = []

    @rule(
        traces=st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.booleans(), st.booleans()), max_size=8),
    )
    def spans_end(self, traces: list[tuple[int, bool, bool, bool]]) -> None:
        """A few spans end: of which trace, whether it failed, whether it is the root, whether it was slow."""
        held = []
        for which, failed, is_root, slow in traces:
            trace_id = (which << 61) + 1
            above = None if is_root else call("above")
            ended = call("span", above, 6.0 if slow else 0.0, FAILED if failed else None)
            ended.context = SpanContext(trace_id, 1, is_remote=False, trace_flags=TraceFlags(1))
            self.sampler.note_call(ended, self.now)
            held.append(EncodedSpan(GROUP, f"{self.offered:010}".encode(), trace_id))
            self.model_span(trace_id, held[-1].body, failed, is_root, slow)
        self.sampler.hold(held)
        while sum(map(len, self.undecided_bodies())) * (1 + SPAN_OVERHEAD_BYTES / 10) > self.ROOM:
            self.early += 1
            self.decide(next(iter(self.undecided)))

    def undecided_bodies(self) -> list[bytes]:
        return [body for trace in self.undecided.values() for body in trace["bodies"]]

    def model_span(self, trace_id: int, body: bytes, failed: bool, is_root: bool, slow: bool) -> None:
        self.offered += 1
        if trace_id in self.decided:
            self.settle(self.decided[trace_id], [body])
            return
        trace = self.undecided.setdefault(trace_id, {"bodies": [], "keep": False, "ended": None})
        trace["bodies"].append(body)
        trace["keep"] |= failed or (is_root and slow)
        if is_root:
            trace["ended"] = self.now

    def decide(self, trace_id: int) -> None:
        trace = self.undecided.pop(trace_id)
        sampled = TraceIdRatioBased(self.RATIO).should_sample(None, trace_id, "").decision is Decision.RECORD_AND_SAMPLE
        self.decided[trace_id] = trace["keep"] or sampled
        self.settle(self.decided[trace_id], trace["bodies"])

    def settle(self, keep: bool, bodies: list[bytes]) -> None:
        if keep:
            self.kept += bodies
        else:
            self.left_out += len(bodies)

    @rule(passed=st.integers(0, 15))
    def time_passes(self, passed: int) -> None:
        self.now += passed
        self.sampler.sweep(self.now)
        for trace_id, trace in list(self.undecided.items()):
            if trace["ended"] is not None and self.now - trace["ended"] >= self.GRACE:
                self.decide(trace_id)

    @precondition(lambda self: self.undecided)
    @rule()
    def everything_is_decided(self) -> None:
        self.sampler.decide_all()
        for trace_id in list(self.undecided):
            self.decide(trace_id)

    @rule()
    def fork(self) -> None:
        """The child starts empty, accounts included."""
        self.sampler.forget()
        for outlet in self.outlets:
            outlet.account.forget()
            outlet.taken.clear()
        self.undecided, self.decided, self.kept = {}, {}, []
        self.offered = self.left_out = 0

    @invariant()
    def agrees(self) -> None:
        for outlet in self.outlets:
            assert sorted(span.body for span in outlet.taken) == sorted(self.kept)
            assert outlet.numbers() == (self.offered, self.left_out, len(self.undecided_bodies()))
        assert self.sampler.decided_early == self.early


TestTailModel = TailModel.TestCase


PROGRAM = """
import otel_perf
from opentelemetry import trace
with otel_perf.instrument(endpoint=URLS, tail_sampling=True, tail_ratio=0.0, tail_slow_seconds=0.05,
                          tail_grace_seconds=0.0, metrics_exporters=()) as handle:
    @otel_perf.tool
    def fine(): pass
    @otel_perf.tool
    def fails(): raise ValueError
    @otel_perf.tool
    def slow():
        fine()
        time.sleep(0.06)
    @otel_perf.tool
    def turn():
        with trace.get_tracer("other").start_as_current_span("GET"):
            try: fails()
            except ValueError: pass
    import time
    for _ in range(50): fine()
    turn()
    slow()
    handle.flush()
    balanced = handle.status().balanced
status = handle.status()
print(json.dumps({
    "calls": status.calls.calls, "foreign": status.calls.foreign_spans, "balanced": balanced and status.balanced,
    "destinations": [[d.accepted, d.exported, d.tail_sampled] for d in status.destinations], "lines": lines}))
"""


def test_through_instrument_to_two_backends() -> None:
    """The failed and the slow trace arrive whole at both, fifty dull ones at none, and the ledger says so."""
    with http_sink() as one, http_sink() as two:
        seen = seen_by(f"URLS = [{one.url!r}, {two.url!r}]\n" + PROGRAM)
        names = [dict(sink.span_names) for sink in (one, two)]
        doubled = one.doubled + two.doubled
    whole = {f"execute_tool {name}": 1 for name in ("turn", "fails", "slow", "fine")} | {"GET": 1}
    assert names == [whole, whole]
    assert doubled == 0
    assert seen == {
        "calls": 54,
        "foreign": 1,
        "balanced": True,
        "destinations": [[55, 5, 50]] * 2,
        "lines": seen["lines"],
    }
    assert not [line for line in seen["lines"] if "error" in line]
