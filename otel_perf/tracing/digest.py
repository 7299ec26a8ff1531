"""Spans of other libraries read as tool, agent and model calls.

Pure: a finished span goes in, a record comes out. What is no such call costs well under a microsecond.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol, cast

from opentelemetry.trace import NonRecordingSpan, SpanContext, StatusCode, TraceFlags

from otel_perf.core.clock import system_clock
from otel_perf.core.records import CANCELLED, Failure, Identity, Kind, ParentSpan, Scope, Tool, ToolCall
from otel_perf.tracing.exceptions import TIMEOUT_SUFFIXES
from otel_perf.tracing.values import clean_text

__all__ = ["ForeignSpan", "digest", "recognize"]

OWN_SCOPE: Final = "otel_perf"
"""Instrumentation scope of our own spans, whose records exist already."""

RECOGNIZED: Final[Mapping[str, Mapping[str, Kind]]] = {
    "gen_ai.operation.name": {
        "execute_tool": "tool",
        "invoke_agent": "agent",
        "invoke_workflow": "agent",
        "chat": "model",
        "text_completion": "model",
        "generate_content": "model",
        "embeddings": "model",
    },
    "mcp.method.name": {"tools/call": "tool"},
    "traceloop.span.kind": {"tool": "tool", "agent": "agent", "workflow": "agent"},
    "openinference.span.kind": {"TOOL": "tool", "AGENT": "agent", "LLM": "model", "EMBEDDING": "model"},
    "llm.request.type": {"chat": "model", "completion": "model", "embedding": "model"},
}
"""Attributes that say what a span is, and what their values mean to us. The first that says something counts."""

NAMED_BY: Final[Mapping[Kind, tuple[str, ...]]] = {
    "tool": ("gen_ai.tool.name", "tool.name", "mcp.tool.name", "traceloop.entity.name"),
    "agent": ("gen_ai.agent.name", "agent.name", "gen_ai.workflow.name", "traceloop.entity.name"),
    "model": (
        "gen_ai.request.model",
        "llm.model_name",
        "embedding.model_name",
        "llm.request.model",
        "gen_ai.response.model",
    ),
}
"""Attributes that name a call of each kind; else the span's name does."""

TIMEOUT_WORDS: Final = frozenset(("timeout", "timed_out", "deadline_exceeded", "408", "504"))
CANCEL_WORDS: Final = frozenset(("cancelled", "canceled"))
CANCEL_SUFFIXES: Final = ("CancelledError", "KeyboardInterrupt", "GeneratorExit", "SystemExit")
UNKNOWN_ERROR: Final = "_OTHER"
"""What OpenTelemetry says when an error has no type."""

NAME_LENGTH: Final = 128
MAX_KNOWN: Final = 2000
"""Tools, agents and errors kept for reuse. What other libraries name at run time must not grow them for ever."""

_MARKERS: Final = frozenset(RECOGNIZED)
_tools: dict[tuple[Kind, str], Tool] = {}
_scopes: dict[tuple[str | None, bool], Scope] = {}
_failures: dict[str, Failure] = {}


class ForeignSpan(Protocol):
    """What is read of a span of another library (the SDK's ``ReadableSpan``)."""

    @property
    def name(self) -> str:
        """The span's name."""
        ...

    @property
    def attributes(self) -> Any:
        """Its attributes."""
        ...

    @property
    def context(self) -> Any:
        """Its identifiers."""
        ...

    @property
    def parent(self) -> Any:
        """Identifiers of its parent; ``None`` for a root."""
        ...

    @property
    def start_time(self) -> int | None:
        """Unix time in nanoseconds."""
        ...

    @property
    def end_time(self) -> int | None:
        """Unix time in nanoseconds; ``None`` while it runs."""
        ...

    @property
    def status(self) -> Any:
        """Its status."""
        ...

    @property
    def events(self) -> Any:
        """Its events."""
        ...

    @property
    def instrumentation_scope(self) -> Any:
        """Who made it."""
        ...


def recognize(span: ForeignSpan) -> tuple[Kind, str] | None:
    """Kind and name of the call that a span stands for; ``None`` when it stands for none, or is one of ours."""
    attributes = span.attributes
    if not attributes or _MARKERS.isdisjoint(attributes):
        return None
    kind = _kind_of(attributes)
    if kind is None or getattr(span.instrumentation_scope, "name", None) == OWN_SCOPE:
        return None
    return kind, _name_of(kind, attributes, span.name)


def digest(span: ForeignSpan, begun: ToolCall | None = None) -> ToolCall | None:
    """The record of a finished span that stands for a tool, agent or model call; ``None`` for any other span.

    Args:
        span: The finished span; it becomes the record's ``readable``.
        begun: The record that was made when the span started, which knows the caller and which others may know as
            theirs; without one the caller is not known.
    """
    recognized = recognize(span)
    start, end = span.start_time, span.end_time
    if recognized is None or start is None or end is None:
        return None
    attributes = span.attributes
    context = cast("SpanContext", span.context)
    inherited = None if begun is None else begun.scope.identity
    if begun is None:
        call = ToolCall.__new__(ToolCall)
        call.caller = None
    else:
        call = begun
    call.tool = _tool_of(*recognized)
    call.parent = None if span.parent is None else cast("ParentSpan", NonRecordingSpan(span.parent))
    call.details = None
    call.scope = _scope_of(attributes.get("gen_ai.agent.name"), sampled=bool(context.trace_flags & TraceFlags.SAMPLED))
    if call.scope.identity is None and inherited is not None:
        call.scope = Scope(sampled=call.scope.sampled, identity=inherited)
    call.start_ns = start - system_clock.offset_ns
    # The other library's wall clock may have been set back meanwhile.
    call.end_ns = max(end, start) - system_clock.offset_ns
    call.failure = _failure_of(span, attributes)
    call.context = cast("Any", context)
    call.readable = span
    return call


def _kind_of(attributes: Mapping[str, Any]) -> Kind | None:
    for key, meanings in RECOGNIZED.items():
        value = attributes.get(key)
        if isinstance(value, str) and value in meanings:
            return meanings[value]
    return None


def _name_of(kind: Kind, attributes: Mapping[str, Any], span_name: object) -> str:
    for key in NAMED_BY[kind]:
        name = attributes.get(key)
        if isinstance(name, str) and name:
            return clean_text(name, NAME_LENGTH)
    # "execute_tool search", "tools/call search", "search.tool", "search"
    text = span_name if isinstance(span_name, str) else ""
    rest = text.partition(" ")[2].strip() or text.removesuffix(f".{kind}")
    return clean_text(rest, NAME_LENGTH) or "unnamed"


def _tool_of(kind: Kind, name: str) -> Tool:
    known = _tools.get((kind, name))
    if known is None:
        known = Tool(name, kind=kind)
        if len(_tools) < MAX_KNOWN:
            _tools[kind, name] = known
    return known


def _scope_of(agent: object, *, sampled: bool) -> Scope:
    name = clean_text(agent, NAME_LENGTH) if isinstance(agent, str) and agent else None
    known = _scopes.get((name, sampled))
    if known is None:
        identity = None if name is None else Identity(name, {"gen_ai.agent.name": name})
        known = Scope(sampled=sampled, identity=identity)
        if len(_scopes) < MAX_KNOWN:
            _scopes[name, sampled] = known
    return known


def _failure_of(span: ForeignSpan, attributes: Mapping[str, Any]) -> Failure | None:
    """``error.type``, else the type of a recorded exception; ``None`` when nothing says that the call failed."""
    error_type = attributes.get("error.type")
    failed = span.status is not None and span.status.status_code is StatusCode.ERROR
    if error_type is None and not failed:
        return None
    if error_type is None:
        recorded = [
            (event.attributes or {}).get("exception.type") for event in span.events or () if event.name == "exception"
        ]
        error_type = recorded[-1] if recorded else None
    text = clean_text(error_type, NAME_LENGTH) if isinstance(error_type, str) and error_type else UNKNOWN_ERROR
    known = _failures.get(text)
    if known is None:
        known = _classify(text)
        if len(_failures) < MAX_KNOWN:
            _failures[text] = known
    return known


def _classify(error_type: str) -> Failure:
    word = error_type.lower()
    if word in CANCEL_WORDS or error_type.endswith(CANCEL_SUFFIXES):
        return CANCELLED
    timed_out = word in TIMEOUT_WORDS or error_type.endswith(TIMEOUT_SUFFIXES)
    return Failure("timeout" if timed_out else "error", error_type)
