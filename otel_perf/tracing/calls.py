"""Calls as blocks: ``tool_call()``, ``agent()`` and ``suppress()``, each for ``with`` and ``async with``."""

import functools
import inspect
from collections.abc import Callable, Mapping
from contextvars import Token
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from otel_perf.core.guard import guard
from otel_perf.core.intake import Begun, Lifecycle, intake
from otel_perf.core.records import AttributeValue, Identity, Tool
from otel_perf.tracing.capture import record_failure
from otel_perf.tracing.lifecycle import CALL_KEY, SPAN_KEY, SUPPRESSED, current_call, leave
from otel_perf.tracing.span import origin
from otel_perf.tracing.tool import NAME_LENGTH, describe_tool
from otel_perf.tracing.values import clean_attributes, clean_value

__all__ = ["AgentBlock", "CallBlock", "Suppression", "agent", "suppress", "tool_call"]

F = TypeVar("F", bound=Callable[..., Any])

MAX_KNOWN_NAMES: Final = 2000
"""Descriptions kept for reuse. Names made at run time beyond these are described anew, call by call."""

_known: dict[tuple[str, str], Tool] = {}


class CallBlock:
    """One call around a block of code. May be entered again after it was left; not while it is open."""

    __slots__ = ("_attributes", "_begun", "_identity", "_lifecycle", "_token", "_tool")

    def __init__(
        self, described: Tool, attributes: Mapping[str, Any] | None = None, identity: Identity | None = None
    ) -> None:
        """Keep what is needed to begin."""
        self._tool = described
        self._attributes = attributes
        self._identity = identity
        self._begun: Begun | None = None
        self._lifecycle: Lifecycle = intake.lifecycle
        self._token: Token[Context] | None = None

    def _inherited(self) -> Identity | None:
        return self._identity

    def __enter__(self) -> trace.Span:
        """Begin the call; gives its span (a span that records nothing when recording is off)."""
        self._lifecycle = intake.lifecycle
        begun = self._lifecycle.begin(self._tool, self._inherited())
        if begun is None:
            return trace.INVALID_SPAN
        call, span, context = self._begun = begun
        if self._attributes is not None:
            guard.call("tool_call.attributes", _set_attributes, span, self._attributes, clean=call is not span)
        self._token = attach(context)
        return span  # type: ignore[no-any-return]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the call; an exception passes, and is its outcome."""
        begun, self._begun = self._begun, None
        if begun is None or self._token is None:
            return
        call, span, context = begun
        leave(context, self._token)
        if error is not None:
            record_failure(span, error)
        self._lifecycle.end(call, error)

    async def __aenter__(self) -> trace.Span:
        """Begin the call."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the call."""
        self.__exit__(kind, error, traceback)


def tool_call(name: str, *, attributes: Mapping[str, AttributeValue] | None = None) -> CallBlock:
    """Record a block as a call of the tool ``name``.

    Use it where no function can be decorated: ``with tool_call("search") as span: ...`` or ``async with``.

    Args:
        name: The tool's name; a metric label, so keep it of few values.
        attributes: Attributes of this call's span.
    """
    return CallBlock(_describe(name, "tool"), attributes)


class AgentBlock(CallBlock):
    """A turn of an agent around a block of code, or around each call of a function it decorates."""

    __slots__ = ("_more", "_name")

    def __init__(self, name: str, more: Mapping[str, AttributeValue]) -> None:
        """Keep the agent's name and the rest of the identity."""
        super().__init__(_describe(name, "agent"))
        self._name = self._tool.name
        self._more = more

    def _inherited(self) -> Identity:
        """This agent's identity on top of the enclosing one."""
        around = current_call()
        outer = None if around is None else around.scope.identity
        inherited = {} if outer is None else outer.attributes
        return Identity(self._name, {**inherited, **self._more, "gen_ai.agent.name": self._name})

    def __call__(self, function: F) -> F:
        """Decorate a function or coroutine function: each call of it is a turn."""
        decorated = guard.call("agent", self._decorate, function) if callable(function) else None
        return function if decorated is None else decorated

    def _decorate(self, function: F) -> F:
        name, more = self._name, self._more
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def turn(*args: Any, **kwargs: Any) -> Any:
                async with AgentBlock(name, more):
                    return await function(*args, **kwargs)

            return turn  # type: ignore[return-value]

        @functools.wraps(function)
        def plain_turn(*args: Any, **kwargs: Any) -> Any:
            with AgentBlock(name, more):
                return function(*args, **kwargs)

        return plain_turn  # type: ignore[return-value]


def agent(
    name: str,
    *,
    conversation_id: str | None = None,
    session_id: str | None = None,
    user_id: str | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> AgentBlock:
    """Record a block (or a decorated function) as a turn of an agent, the ``invoke_agent`` span of what is below.

    Everything below inherits the identity: it is on each span and record, and of it only the agent's name is ever
    a metric label.

    Args:
        name: ``gen_ai.agent.name``.
        conversation_id: ``gen_ai.conversation.id``.
        session_id: ``session.id``.
        user_id: ``user.id``.
        attributes: More attributes to inherit.
    """
    given = {"gen_ai.conversation.id": conversation_id, "session.id": session_id, "user.id": user_id}
    cleaned, _, _ = clean_attributes({key: value for key, value in given.items() if value is not None}, 16, 1024)
    more, _, _ = clean_attributes(attributes, 64, 1024)
    return AgentBlock(name, {**more, **cleaned})


def _set_attributes(span: trace.Span, attributes: Mapping[str, Any], *, clean: bool) -> None:
    """Set them; our own span makes them safe itself, an SDK span would raise and lose the rest."""
    if clean:
        attributes, _, _ = clean_attributes(attributes, origin.attribute_count_limit, origin.attribute_length_limit)
    span.set_attributes(attributes)


def _describe(name: object, kind: Any) -> Tool:
    plain_name = name if type(name) is str and len(name) <= NAME_LENGTH else str(clean_value(name, NAME_LENGTH))
    key = (plain_name, kind)
    known = _known.get(key)
    if known is not None:
        return known
    plain = describe_tool(name)
    described = plain if kind == "tool" else Tool(plain.name, kind=kind)
    if len(_known) < MAX_KNOWN_NAMES:
        _known[key] = described
    return described


class Suppression:
    """No recording inside: calls run and are counted as disabled, sampled tracers of others follow."""

    __slots__ = ("_context", "_token")

    def __enter__(self) -> Self:
        """Switch off for the current execution context."""
        current = get_current()
        around = trace.get_current_span(current).get_span_context()
        unsampled = SpanContext(
            trace_id=around.trace_id or 1,
            span_id=around.span_id or 1,
            is_remote=False,
            trace_flags=TraceFlags(TraceFlags.DEFAULT),
            trace_state=around.trace_state,
        )
        self._context = Context({**current, SPAN_KEY: NonRecordingSpan(unsampled), CALL_KEY: SUPPRESSED})
        self._token = attach(self._context)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Switch on again."""
        leave(self._context, self._token)

    async def __aenter__(self) -> Self:
        """Switch off for the current task."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Switch on again."""
        self.__exit__(kind, error, traceback)


def suppress() -> Suppression:
    """Switch tracing off for a block, ``with`` or ``async with``.

    Tool calls inside run unrecorded and are counted as ``disabled``. Spans of other libraries see an unsampled
    parent, so parent-based samplers leave them out, and the block's outgoing requests say "not sampled".
    """
    return Suppression()
