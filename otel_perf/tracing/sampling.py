"""Which traces are delivered: the samplers of the OpenTelemetry specification, decided as the SDK decides.

A decision is needed for a root, and for a call whose parent is a span of another library or process; every other
call inherits its caller's. Records flow whatever is decided.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from opentelemetry.trace import SpanContext, TraceFlags

from otel_perf.core.guard import guard
from otel_perf.tracing.span import ToolSpan, origin

__all__ = ["SAMPLERS", "Decide", "make_decider", "ratio_bound"]

SAMPLERS: Final = (
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
)
"""The names that ``OTEL_TRACES_SAMPLER`` knows."""

Decide: TypeAlias = Callable[[ToolSpan], bool]

LOW_64_BITS: Final = (1 << 64) - 1
ALL: Final = 1 << 64
"""Bound below which every trace id lies."""

_RANDOM: Final = TraceFlags(TraceFlags.RANDOM_TRACE_ID)
_SAMPLED_RANDOM: Final = TraceFlags(TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID)


def ratio_bound(ratio: float) -> int:
    """The bound that the low 64 bits of a sampled trace id lie below, for a ratio of 0 to 1 (clamped; NaN is 1)."""
    return round(min(max(ratio, 0.0), 1.0) * ALL) if ratio == ratio else ALL  # noqa: PLR0124 - NaN differs from itself


def make_decider(sampler_name: str, ratio: float = 1.0) -> tuple[Decide, bool]:
    """How a sampler decides, and whether it samples every root.

    A root under a ratio gets its identifiers at the decision, since the ratio is a property of the trace id. Nobody
    else knows the span yet, so that needs no lock.

    Args:
        sampler_name: One of ``SAMPLERS``, in any case; any other means ``parentbased_always_on``, as in the SDK.
        ratio: Fraction of the traces that the ratio samplers keep.
    """
    name = sampler_name.strip().lower()
    is_parent_based = name.startswith("parentbased_") or name not in SAMPLERS
    if name.endswith("traceidratio") and name in SAMPLERS:
        bound = ratio_bound(ratio)
    else:
        bound = 0 if name in ("always_off", "parentbased_always_off") else ALL
    if is_parent_based:
        return _parent_based(bound), bound == ALL
    return _by_trace_id(bound), bound == ALL


def _parent_based(bound: int) -> Decide:
    """A child as its parent, local or remote; a root by ``bound``."""

    def decide(span: ToolSpan) -> bool:
        parent = span.parent
        if type(parent) is ToolSpan:
            return parent.scope.sampled
        context = _context_of(parent)
        return _decide_root(span, bound) if context is None else bool(context.trace_flags & TraceFlags.SAMPLED)

    return decide


def _by_trace_id(bound: int) -> Decide:
    """Every span by its trace id, whatever its parent was."""

    def decide(span: ToolSpan) -> bool:
        if bound in (0, ALL):
            return bound == ALL
        context = _context_of(span.parent)
        return _decide_root(span, bound) if context is None else context.trace_id & LOW_64_BITS < bound

    return decide


def _decide_root(span: ToolSpan, bound: int) -> bool:
    if bound in (0, ALL):
        return bound == ALL
    trace_id = origin.random_bits(128) or 1
    sampled = trace_id & LOW_64_BITS < bound
    span.context = SpanContext(
        trace_id, origin.random_bits(64) or 1, is_remote=False, trace_flags=_SAMPLED_RANDOM if sampled else _RANDOM
    )
    return sampled


def _context_of(parent: Any) -> SpanContext | None:
    """The parent's identifiers; ``None`` when it has no valid ones."""
    if parent is None:
        return None
    context: SpanContext | None = guard.call("sampling.parent", parent.get_span_context)
    return context if context is not None and context.is_valid else None
