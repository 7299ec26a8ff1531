import random

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import sampling as sdk
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from otel_perf.core.records import Scope, Tool
from otel_perf.tracing.sampling import SAMPLERS, make_decider, ratio_bound
from otel_perf.tracing.span import ToolSpan

RATIOS = (0.0, 1e-9, 0.1, 1 / 3, 0.5, 0.999, 1.0)
OFFICIAL = {
    "always_on": lambda ratio: sdk.ALWAYS_ON,
    "always_off": lambda ratio: sdk.ALWAYS_OFF,
    "traceidratio": sdk.TraceIdRatioBased,
    "parentbased_always_on": lambda ratio: sdk.DEFAULT_ON,
    "parentbased_always_off": lambda ratio: sdk.DEFAULT_OFF,
    "parentbased_traceidratio": sdk.ParentBasedTraceIdRatio,
}


def made_span(parent: object = None) -> ToolSpan:
    """A span as it is when its sampling is decided: nothing but its parent is known."""
    span = ToolSpan.__new__(ToolSpan)
    span.tool = Tool("search")
    span.parent = parent  # type: ignore[assignment]
    span.caller = span.context = span.details = span.end_ns = None
    return span


def foreign_parent(trace_id: int, *, sampled: bool, remote: bool) -> NonRecordingSpan:
    """A span of another library or process."""
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return NonRecordingSpan(SpanContext(trace_id, 7, is_remote=remote, trace_flags=flags))


def official_decision(name: str, ratio: float, parent: NonRecordingSpan | None, trace_id: int) -> bool:
    """What the SDK's own sampler decides."""
    context = Context() if parent is None else trace.set_span_in_context(parent, Context())
    return OFFICIAL[name](ratio).should_sample(context, trace_id, "x").decision.is_sampled()


@pytest.mark.parametrize("name", SAMPLERS)
def test_roots_are_decided_as_the_sdk_decides(name: str) -> None:
    """Over 10,000 roots, each decision is the SDK's for the same trace id."""
    for index in range(10_000):
        ratio = RATIOS[index % len(RATIOS)]
        decide, _ = make_decider(name, ratio)
        span = made_span()
        sampled = decide(span)
        span.scope = Scope(sampled=sampled)
        assert sampled == official_decision(name, ratio, None, span.get_span_context().trace_id)


@pytest.mark.parametrize("remote", [True, False])
@pytest.mark.parametrize("name", SAMPLERS)
def test_children_are_decided_as_the_sdk_decides(name: str, remote: bool) -> None:
    """Over 10,000 random trace ids, sampled or not, each child of a foreign span is decided as in the SDK."""
    source = random.Random(5)
    for index in range(10_000):
        ratio = RATIOS[index % len(RATIOS)]
        parent = foreign_parent(source.getrandbits(128) or 1, sampled=bool(index & 8), remote=remote)
        decide, _ = make_decider(name, ratio)
        expected = official_decision(name, ratio, parent, parent.get_span_context().trace_id)
        assert decide(made_span(parent)) == expected


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("sampled", [True, False])
def test_children_of_our_own_spans_are_decided_as_the_sdk_decides(name: str, sampled: bool) -> None:
    """A call below one of ours in another thread or trace gets the SDK's decision for the same parent."""
    for ratio in RATIOS:
        parent = made_span()
        parent.scope = Scope(sampled=sampled)
        context = parent.get_span_context()
        decide, _ = make_decider(name, ratio)
        expected = official_decision(name, ratio, NonRecordingSpan(context), context.trace_id)
        assert decide(made_span(parent)) == expected


def test_a_decided_root_keeps_the_identifiers_it_was_decided_by() -> None:
    """The flags of a root under a ratio say what was decided, and its ids are valid, random and final."""
    decide, _ = make_decider("traceidratio", 0.5)
    seen = set()
    for _ in range(1000):
        span = made_span()
        span.scope = Scope(sampled=decide(span))
        context = span.get_span_context()
        assert context is span.get_span_context()
        assert context.is_valid
        assert not context.is_remote
        assert bool(context.trace_flags & TraceFlags.SAMPLED) == span.scope.sampled
        assert context.trace_flags & TraceFlags.RANDOM_TRACE_ID
        seen.add(context.trace_id)
    assert len(seen) == 1000


def test_a_ratio_keeps_about_its_share() -> None:
    """One in ten of 20,000 roots, within five standard deviations."""
    decide, _ = make_decider("parentbased_traceidratio", 0.1)
    kept = sum(decide(made_span()) for _ in range(20_000))
    assert abs(kept - 2000) < 5 * (20_000 * 0.1 * 0.9) ** 0.5


@pytest.mark.parametrize(
    ("name", "ratio", "expected"),
    [
        ("always_on", 0.0, True),
        ("parentbased_always_on", 0.0, True),
        ("traceidratio", 1.0, True),
        ("parentbased_traceidratio", 1.0, True),
        ("parentbased_traceidratio", 0.99, False),
        ("always_off", 1.0, False),
        ("parentbased_always_off", 1.0, False),
        ("nonsense", 0.0, True),
        ("  ALWAYS_OFF ", 1.0, False),
    ],
)
def test_it_is_said_whether_every_root_is_sampled(name: str, ratio: float, expected: bool) -> None:
    """The second result tells the fast path whether roots need to be asked about at all."""
    decide, always_on = make_decider(name, ratio)
    assert always_on is expected
    if always_on:
        span = made_span()
        assert decide(span)
        assert span.context is None


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_bound_is_the_one_of_the_sdk(ratio: float) -> None:
    """The ratio becomes the same bound as in the SDK."""
    assert ratio_bound(ratio) == sdk.TraceIdRatioBased(ratio).bound


def test_impossible_ratios_are_clamped() -> None:
    """A ratio outside 0 to 1 means the nearest one, and NaN means everything."""
    assert [ratio_bound(ratio) for ratio in (-1.0, 2.0, float("nan"), float("inf"))] == [0, 1 << 64, 1 << 64, 1 << 64]


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_parent_without_valid_identifiers_is_no_parent(name: str) -> None:
    """Below an invalid span, or one that raises, a call is a root."""

    class Broken:
        def get_span_context(self) -> SpanContext:
            raise RuntimeError

    for parent in (trace.INVALID_SPAN, Broken()):
        for ratio in (0.0, 1.0):
            decide, _ = make_decider(name, ratio)
            assert decide(made_span(parent)) == official_decision(name, ratio, None, 1)
