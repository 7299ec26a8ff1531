"""How a call begins and ends: deferred, through an SDK tracer, or not at all.

``@tool`` holds the fast path of the deferred form in line; every other wrapper goes through a lifecycle.
"""

from collections.abc import Callable
from contextvars import Token
from typing import Any, Final, cast

from opentelemetry import trace
from opentelemetry.context import Context, create_key, detach, get_current
from opentelemetry.trace import StatusCode

from otel_perf.core.clock import system_clock
from otel_perf.core.guard import guard
from otel_perf.core.intake import Begun, intake
from otel_perf.core.records import Identity, ParentSpan, Scope, Tool, ToolCall
from otel_perf.tracing.exceptions import classify_exception
from otel_perf.tracing.span import ToolSpan

__all__ = [
    "CALL_KEY",
    "SPAN_KEY",
    "SUPPRESSED",
    "Deferred",
    "ThroughTracer",
    "calls_of_others",
    "current_call",
    "end_call",
    "inherit",
    "leave",
    "sampling",
]

CALL_KEY: Final = create_key("otel_perf-call")
"""Context key of the nearest call of ours. It outlives spans of other libraries, so a callee finds its caller."""

SPAN_KEY: Final = next(iter(trace.set_span_in_context(trace.INVALID_SPAN, Context())))
"""Context key of the current span, learnt from the public function that sets it."""

SUPPRESSED: Final = ToolCall.__new__(ToolCall)
"""Stands for the caller inside ``suppress()``: calls below it are not recorded."""


class CallsOfOthers:
    """Finds the call of another library that a foreign span belongs to; set by ``instrument()``."""

    __slots__ = ("nearest",)

    def __init__(self) -> None:
        """Know of none."""
        self.nearest: Callable[[ParentSpan], ToolCall | None] = no_call


def no_call(_span: ParentSpan) -> ToolCall | None:
    """None: nobody watches the spans of other libraries."""
    return None


calls_of_others: Final = CallsOfOthers()


class Sampling:
    """The decision for a call whose parent cannot be inherited from; set by ``instrument()``."""

    __slots__ = ("decide",)

    def __init__(self) -> None:
        """Sample everything, and follow a foreign parent's decision."""
        self.decide: Callable[[ToolSpan], bool] = follow_parent


def follow_parent(span: ToolSpan) -> bool:
    """Parent based, always on: a root is sampled, a child as its parent is."""
    parent = span.parent
    if parent is None:
        return True
    context = parent.get_span_context()
    return not context.is_valid or bool(context.trace_flags & 1)


sampling: Final = Sampling()


def current_call(context: Context | None = None) -> ToolCall | None:
    """The nearest enclosing call of ours, if recording is on."""
    call = (get_current() if context is None else context).get(CALL_KEY)
    return None if call is SUPPRESSED else cast("ToolCall | None", call)


def inherit(span: ToolSpan) -> Scope:
    """Scope of a call whose parent is not its caller: a root under a sampler, or a child of a foreign span."""
    if span.parent is not None:
        span.caller = calls_of_others.nearest(span.parent) or span.caller
    caller = span.caller
    identity = None if caller is None else caller.scope.identity
    if span.parent is None and intake.root_scope is not None and identity is None:
        return intake.root_scope
    return Scope(sampled=sampling.decide(span), identity=identity)


def leave(context: Context, token: Token[Context]) -> None:
    """Detach, unless this runs in another execution context (a coroutine that was thrown away while it waited)."""
    if get_current() is context:
        detach(token)


class Deferred:
    """A call is a ``ToolSpan``: everything that can wait happens on the worker."""

    def begin(self, tool: Tool, identity: Identity | None = None) -> Begun | None:
        """Start a call; ``None`` inside ``suppress()``."""
        current = get_current()
        caller = cast("ToolCall | None", current.get(CALL_KEY))
        if caller is SUPPRESSED:
            intake.count_disabled()
            return None
        call = ToolSpan.__new__(ToolSpan)
        call.tool = tool
        call.parent = cast("ParentSpan | None", current.get(SPAN_KEY))
        call.caller = caller
        call.end_ns = call.failure = call.context = call.details = call.readable = None
        scope = caller.scope if caller is not None and caller is cast("object", call.parent) else inherit(call)
        call.scope = scope if identity is None else Scope(sampled=scope.sampled, identity=identity)
        context = Context({**current, SPAN_KEY: call, CALL_KEY: call})
        call.start_ns = intake.now_ns()
        intake.started.append(call)
        return call, cast("trace.Span", call), context

    def end(self, call: ToolCall, error: BaseException | None, end_ns: int | None = None) -> None:
        """End a call and hand it over."""
        end_call(call, error, end_ns)


def end_call(call: ToolCall, error: BaseException | None, end_ns: int | None = None) -> None:
    """Stop the clock (or take ``end_ns``), note the failure, append; the same end for every wrapper."""
    if end_ns is None:
        end_ns = intake.now_ns()
    if error is not None:
        call.failure = classify_exception(error)
    call.end_ns = end_ns
    finished = intake.finished
    finished.append(call)
    if len(finished) > intake.high_water:
        intake.relieve()


class ThroughTracer:
    """A call is a span of somebody else's provider: their processors and samplers see it as any other span."""

    def __init__(self, tracer: trace.Tracer) -> None:
        """Make spans with ``tracer``."""
        self._tracer = tracer

    def begin(self, tool: Tool, identity: Identity | None = None) -> Begun | None:
        """Start a call and its SDK span; ``None`` inside ``suppress()`` or when the SDK fails."""
        current = get_current()
        caller = cast("ToolCall | None", current.get(CALL_KEY))
        if caller is SUPPRESSED:
            intake.count_disabled()
            return None
        inherited = None if caller is None else caller.scope.identity
        who = identity or inherited
        start_ns = intake.now_ns()
        attributes = {**tool.attributes, **({} if who is None else who.attributes)}
        span = guard.call("tracer.start_span", self._start, tool, attributes, start_ns)
        if span is None:
            intake.count_disabled()
            return None
        call = ToolCall.__new__(ToolCall)
        call.tool = tool
        call.parent = cast("ParentSpan | None", current.get(SPAN_KEY))
        call.caller = caller
        call.end_ns = call.failure = call.details = None
        call.context = cast("Any", span.get_span_context())
        call.readable = span
        call.scope = Scope(sampled=bool(span.get_span_context().trace_flags & 1), identity=who)
        call.start_ns = start_ns
        intake.started.append(call)
        return call, span, Context({**current, SPAN_KEY: span, CALL_KEY: call})

    def _start(self, tool: Tool, attributes: dict[str, Any], start_ns: int) -> trace.Span:
        return self._tracer.start_span(tool.span_name, attributes=attributes, start_time=system_clock.unix_ns(start_ns))

    def end(self, call: ToolCall, error: BaseException | None, end_ns: int | None = None) -> None:
        """End the SDK span with the call's outcome, then hand the record over."""
        span = cast("trace.Span", call.readable)
        if end_ns is None:
            end_ns = intake.now_ns()
        if error is not None:
            call.failure = classify_exception(error)
            guard.call("tracer.describe_failure", self._describe, span, error)
        call.end_ns = end_ns
        guard.call("tracer.end_span", span.end, system_clock.unix_ns(end_ns))
        intake.finished.append(call)
        if len(intake.finished) > intake.high_water:
            intake.relieve()

    def _describe(self, span: trace.Span, error: BaseException) -> None:
        failure = classify_exception(error)
        span.set_attribute("otel_perf.outcome", failure.outcome)
        if failure.error_type is None:
            return
        span.set_attribute("error.type", failure.error_type)
        status = getattr(span, "status", None)
        if status is None or status.status_code is StatusCode.UNSET:
            span.set_status(StatusCode.ERROR)
