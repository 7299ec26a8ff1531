"""The record: one slotted object per call, which every subscriber reads.

The record is the spine, not the span: statistics, alerts and history see every record, sampled or not.
"""

from collections.abc import Mapping
from typing import Final, Literal, Protocol, TypeAlias

__all__ = [
    "CANCELLED",
    "AttributeValue",
    "Failure",
    "Identity",
    "Kind",
    "Outcome",
    "Scope",
    "SpanDetails",
    "SpanEvent",
    "SpanLink",
    "Tool",
    "ToolCall",
]

Outcome: TypeAlias = Literal["ok", "error", "timeout", "cancelled"]
Kind: TypeAlias = Literal["tool", "agent", "model", "operation"]
Scalar: TypeAlias = str | bool | int | float | bytes
AttributeValue: TypeAlias = "Scalar | tuple[AttributeValue | None, ...] | Mapping[str, AttributeValue | None]"

OPERATIONS: Final[Mapping[Kind, str]] = {"tool": "execute_tool", "agent": "invoke_agent", "model": "chat"}
"""``gen_ai.operation.name`` of each kind that the OpenTelemetry GenAI conventions know; an operation is none."""

NAMED_BY: Final[Mapping[Kind, str]] = {
    "tool": "gen_ai.tool.name",
    "agent": "gen_ai.agent.name",
    "model": "gen_ai.request.model",
    "operation": "otel_perf.operation.name",
}
"""The attribute that holds the name, by kind."""


class Tool:
    """What is the same for every call of one tool.

    Attributes:
        name: The tool's name: ``gen_ai.tool.name``, and the label of its metrics.
        kind: ``tool`` (execute_tool span), ``agent`` (invoke_agent span), ``model``, or ``operation`` (any piece of
            the application's work that is measured).
        span_name: The span's name, ``execute_tool {name}``; an operation's is its name.
        attributes: Attributes on every span of this tool.
        encoded: Cached wire form of name, kind and attributes; belongs to the span encoder.
    """

    __slots__ = ("attributes", "encoded", "kind", "name", "span_name")

    def __init__(
        self, name: str, *, kind: Kind = "tool", attributes: Mapping[str, AttributeValue] | None = None
    ) -> None:
        """Describe a tool; ``attributes`` are added to the conventional ones and win over them."""
        self.name = name
        self.kind: Kind = kind
        conventional = OPERATIONS.get(kind)
        self.span_name = name if conventional is None else f"{conventional} {name}"
        self.attributes: dict[str, AttributeValue] = {
            **({} if conventional is None else {"gen_ai.operation.name": conventional}),
            NAMED_BY[kind]: name,
            **(attributes or {}),
        }
        self.encoded: bytes | None = None


class Identity:
    """Who a call is made for: inherited by every call below ``agent(...)``, never a metric label but the agent's name.

    Attributes:
        agent_name: ``gen_ai.agent.name`` of the innermost agent.
        attributes: Everything the spans below carry, the agent's name included.
        encoded: Cached wire form of ``attributes``; belongs to the span encoder.
    """

    __slots__ = ("agent_name", "attributes", "encoded")

    def __init__(self, agent_name: str | None, attributes: Mapping[str, AttributeValue]) -> None:
        """Keep a copy of ``attributes``."""
        self.agent_name = agent_name
        self.attributes = dict(attributes)
        self.encoded: bytes | None = None


class Scope:
    """What a call inherits from the call around it: the sampling decision and the identity."""

    __slots__ = ("identity", "sampled")

    def __init__(self, *, sampled: bool, identity: Identity | None = None) -> None:
        """``sampled`` says whether the spans of this scope are delivered; records always flow."""
        self.sampled = sampled
        self.identity = identity


class Failure:
    """How a call ended that did not end well. One object per exception class, shared by its calls.

    Attributes:
        outcome: ``error``, ``timeout`` or ``cancelled``.
        error_type: ``error.type``: the qualified class name, builtins unqualified; ``None`` when cancelled.
    """

    __slots__ = ("error_type", "outcome")

    def __init__(self, outcome: Outcome, error_type: str | None) -> None:
        """Keep both."""
        self.outcome: Outcome = outcome
        self.error_type = error_type


CANCELLED: Final = Failure("cancelled", None)


class TraceState(Protocol):
    """The one thing read of a W3C trace state."""

    def to_header(self) -> str:
        """The ``tracestate`` header."""
        ...


class SpanContext(Protocol):
    """What is read of an OpenTelemetry span context (a protocol, since this layer imports no OpenTelemetry)."""

    @property
    def trace_id(self) -> int: ...
    @property
    def span_id(self) -> int: ...
    @property
    def is_remote(self) -> bool: ...
    @property
    def is_valid(self) -> bool: ...
    @property
    def trace_flags(self) -> int: ...
    @property
    def trace_state(self) -> TraceState: ...


class ParentSpan(Protocol):
    """The parent of a call: one of our calls, or any OpenTelemetry span."""

    def get_span_context(self) -> SpanContext:
        """Its identifiers."""
        ...


class SpanEvent:
    """An event of a span: name, Unix time in nanoseconds, attributes."""

    __slots__ = ("attributes", "dropped_attributes", "name", "timestamp")

    def __init__(
        self, name: str, attributes: Mapping[str, AttributeValue], timestamp: int, dropped_attributes: int = 0
    ) -> None:
        """All values are already safe to encode."""
        self.name = name
        self.attributes = attributes
        self.timestamp = timestamp
        self.dropped_attributes = dropped_attributes


class SpanLink:
    """A link of a span: the other span's context, attributes."""

    __slots__ = ("attributes", "context", "dropped_attributes")

    def __init__(
        self, context: SpanContext, attributes: Mapping[str, AttributeValue], dropped_attributes: int = 0
    ) -> None:
        """All values are already safe to encode."""
        self.context = context
        self.attributes = attributes
        self.dropped_attributes = dropped_attributes


class SpanDetails(dict[str, AttributeValue]):
    """What most calls never need: made when the span API is first used on a call.

    It is the mapping of the attributes that were set on this call; the tool's and the identity's are not repeated.
    Most of these only ever hold attributes, so all else is a default of the class until somebody sets it: an object
    of half the size, made in half the time. An empty one is false, as every mapping: ask for ``None``.

    Attributes:
        events: ``None`` until there is one.
        links: ``None`` until there is one.
        name: The span's name, when it is not the tool's.
        status_code: 0 unset, 1 ok, 2 error (OTLP's numbers).
        status_description: Text beside an error status.
        dropped_attributes: Attributes beyond the limit, or that nobody could encode.
        dropped_events: Events beyond the limit.
        dropped_links: Links beyond the limit.
        heavy_bytes: Bytes of values beyond a leaf call's own size, for the byte bound of the queue.
    """

    __slots__ = ("__dict__",)

    events: list[SpanEvent] | None = None
    links: list[SpanLink] | None = None
    name: str | None = None
    status_code: int = 0
    status_description: str | None = None
    dropped_attributes: int = 0
    dropped_events: int = 0
    dropped_links: int = 0
    heavy_bytes: int = 0


class ToolCall:
    """One call of one tool.

    Attributes:
        tool: What is the same for every call of the tool.
        parent: The span parent (one of our calls or any OpenTelemetry span); ``None`` for a root.
        caller: The nearest enclosing call of ours, across spans of other libraries; ``None`` for a root.
        scope: Sampling decision and identity, inherited.
        start_ns: Monotonic start in nanoseconds.
        end_ns: Monotonic end in nanoseconds; ``None`` while the call runs.
        failure: ``None`` when the call ended well.
        context: The OpenTelemetry span context; ``None`` until somebody needs it.
        details: Attributes, events, links, status; ``None`` until somebody sets one.
        readable: The finished SDK span that carries this call, when another provider made it.
    """

    __slots__ = (
        "__weakref__",
        "caller",
        "context",
        "details",
        "end_ns",
        "failure",
        "parent",
        "readable",
        "scope",
        "start_ns",
        "tool",
    )

    tool: Tool
    parent: ParentSpan | None
    caller: "ToolCall | None"
    scope: Scope
    start_ns: int
    end_ns: int | None
    failure: Failure | None
    context: SpanContext | None
    details: SpanDetails | None
    readable: object | None

    @property
    def outcome(self) -> Outcome:
        """How the call ended; ``ok`` while it runs."""
        return "ok" if self.failure is None else self.failure.outcome

    @property
    def duration_ns(self) -> int:
        """Duration in nanoseconds; 0 while the call runs."""
        return 0 if self.end_ns is None else self.end_ns - self.start_ns
