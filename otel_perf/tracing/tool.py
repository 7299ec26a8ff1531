"""``@tool``: every call of a function becomes a record and a span.

The wrapper keeps the function's kind (plain, coroutine, generator, async generator), its signature and its
exceptions. The plain one holds the deferred path in line, which saves a third of its cost.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, ParamSpec, TypeVar, overload

from opentelemetry.context import Context, attach, detach, get_current

from otel_perf.core.guard import guard
from otel_perf.core.intake import intake
from otel_perf.core.records import AttributeValue, Tool
from otel_perf.tracing.capture import CaptureLevel, CapturePolicy
from otel_perf.tracing.generators import trace_async_generator, trace_generator
from otel_perf.tracing.lifecycle import CALL_KEY, SPAN_KEY, SUPPRESSED, end_call, inherit, leave
from otel_perf.tracing.span import ToolSpan
from otel_perf.tracing.values import clean_attributes, clean_value

__all__ = ["describe_tool", "tool"]

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])

MAX_ATTRIBUTES: Final = 64
MAX_TEXT: Final = 1024
"""Attributes of a tool, and characters of each: they are on every span of it."""
NAME_LENGTH: Final = 128
"""Longest tool name, in characters: it is a metric label (``spec`` D18)."""


@overload
def tool(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def tool(
    name: str | None = None,
    /,
    *,
    agent: str | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
    capture: CaptureLevel | None = None,
) -> Callable[[F], F]: ...
def tool(
    target: Callable[..., Any] | str | None = None,
    /,
    *,
    agent: str | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
    capture: CaptureLevel | None = None,
) -> Any:
    """Record every call of a function as a tool call.

    Works bare (``@tool``) and with arguments (``@tool("search", agent="researcher")``), on functions, coroutine
    functions, generators, async generators, methods, class methods, static methods, properties, partials and
    callable objects. Nothing is recorded before ``instrument()``; the function then just runs.

    Args:
        target: The function, or the tool's name. The name defaults to the function's own.
        agent: ``gen_ai.agent.name`` on every span of this tool; the enclosing ``agent()`` otherwise.
        attributes: More attributes on every span of this tool.
        capture: What to keep of arguments and results for this tool, instead of the setting for all.
    """

    def decorate(function: Any, name: object = target) -> Any:
        more: Any = attributes
        if agent is not None:
            more = {"gen_ai.agent.name": agent, **clean_attributes(attributes, MAX_ATTRIBUTES, MAX_TEXT)[0]}
        wrapped = guard.call("tool", _wrap, function, name, more, capture) if _is_decoratable(function) else None
        return function if wrapped is None else wrapped

    return decorate(target, None) if _is_decoratable(target) else decorate


def _is_decoratable(target: object) -> bool:
    return callable(target) or isinstance(target, classmethod | property)


def _wrap(function: Any, name: object, attributes: Any, capture: CaptureLevel | None) -> Any:
    if isinstance(function, classmethod | staticmethod):
        return type(function)(_wrap(function.__func__, name, attributes, capture))
    if isinstance(function, property) and function.fget is not None:
        return function.getter(_wrap(function.fget, name, attributes, capture))
    given = None if name is None else clean_value(name, NAME_LENGTH)
    label = given if isinstance(given, str) and given else _name_of(function)
    described = describe_tool(label, attributes, _parameters_of(function))
    policy = CapturePolicy(capture, function)
    body = function if inspect.isroutine(function) or isinstance(function, functools.partial) else _call_of(function)
    shell: Callable[..., Any]
    if inspect.isasyncgenfunction(body):
        shell = trace_async_generator(function, described, policy)
    elif inspect.isgeneratorfunction(body):
        shell = trace_generator(function, described, policy)
    elif inspect.iscoroutinefunction(body):
        shell = _trace_coroutine(function, described, policy)
    else:
        shell = _trace_function(function, described, policy)
    return functools.wraps(function)(shell)


def describe_tool(
    name: object, attributes: Mapping[str, AttributeValue] | None = None, parameters: tuple[str, ...] = ()
) -> Tool:
    """A tool whose name and attributes are safe to encode, whatever was passed."""
    text = clean_value(name, NAME_LENGTH)
    cleaned, _, _ = clean_attributes(attributes, MAX_ATTRIBUTES, MAX_TEXT)
    if parameters:
        cleaned = {"otel_perf.tool.parameters": parameters, **cleaned}
    return Tool(text if isinstance(text, str) and text else "unnamed", attributes=cleaned)


def _name_of(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__name__", None) or type(function).__name__)


def _call_of(function: Any) -> Any:
    return function if inspect.isclass(function) else getattr(type(function), "__call__", function)  # noqa: B004 - what is called is looked at


def _parameters_of(function: Any) -> tuple[str, ...]:
    try:
        return tuple(name for name in inspect.signature(function).parameters if name not in ("self", "cls"))[:32]
    except (TypeError, ValueError):
        return ()


def _trace_function(  # noqa: PLR0915 - in line on purpose, see the module
    function: Callable[..., Any], described: Tool, policy: CapturePolicy
) -> Callable[..., Any]:
    """The plain wrapper. Names are bound once: a global look-up each would cost what the whole end of a call costs."""
    span_class, context_class = ToolSpan, Context
    call_key, span_key = CALL_KEY, SPAN_KEY
    started, finished = intake.started.append, intake.finished
    append = finished.append
    state = intake
    captured = policy.level not in (None, "off")

    def traced(*args: Any, **kwargs: Any) -> Any:
        if not state.deferred or captured:
            return _run_through_lifecycle(function, described, policy, args, kwargs)
        current = get_current()
        call = span_class()
        call.tool = described
        call.parent = parent = current.get(span_key)  # type: ignore[assignment]
        call.caller = caller = current.get(call_key)  # type: ignore[assignment]
        call.end_ns = call.failure = call.context = call.details = call.readable = None
        if parent is None and caller is None:
            call.scope = state.root_scope or inherit(call)
        elif parent is caller:
            call.scope = caller.scope  # type: ignore[attr-defined]
        elif caller is SUPPRESSED:
            state.count_disabled()
            return function(*args, **kwargs)
        else:
            call.scope = inherit(call)
        token = attach(context_class({**current, span_key: call, call_key: call}))
        call.start_ns = state.now_ns()
        started(call)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            detach(token)
            end_call(call, error)
            raise
        call.end_ns = state.now_ns()
        detach(token)
        append(call)
        if len(finished) > state.high_water:
            state.relieve()
        return result

    return traced


def _run_through_lifecycle(
    function: Callable[..., Any], described: Tool, policy: CapturePolicy, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """One plain call on any path but the fast one."""
    lifecycle = intake.lifecycle
    begun = lifecycle.begin(described)
    if begun is None:
        return function(*args, **kwargs)
    call, span, context = begun
    policy.arguments(span, args, kwargs)
    token = attach(context)
    try:
        result = function(*args, **kwargs)
    except BaseException as error:
        detach(token)
        policy.failure(span, error)
        lifecycle.end(call, error)
        raise
    detach(token)
    policy.result(span, result)
    lifecycle.end(call, None)
    return result


def _trace_coroutine(function: Callable[..., Any], described: Tool, policy: CapturePolicy) -> Callable[..., Any]:
    async def traced(*args: Any, **kwargs: Any) -> Any:
        lifecycle = intake.lifecycle
        begun = lifecycle.begin(described)
        if begun is None:
            return await function(*args, **kwargs)
        call, span, context = begun
        policy.arguments(span, args, kwargs)
        token = attach(context)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            leave(context, token)
            policy.failure(span, error)
            lifecycle.end(call, error)
            raise
        leave(context, token)
        policy.result(span, result)
        lifecycle.end(call, None)
        return result

    return traced
