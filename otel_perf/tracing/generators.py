"""Generators as tools: the span is current while the generator runs, never while its consumer does."""

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

from opentelemetry.context import Context, attach, detach

from otel_perf.core.intake import intake
from otel_perf.core.records import Tool
from otel_perf.tracing.capture import CapturePolicy
from otel_perf.tracing.lifecycle import leave

__all__ = ["trace_async_generator", "trace_generator"]


def trace_generator(function: Callable[..., Any], described: Tool, policy: CapturePolicy) -> Callable[..., Any]:
    """Wrap a generator function. The call lasts from the first ``next`` to exhaustion, error or close."""

    def traced(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        lifecycle = intake.lifecycle
        begun = lifecycle.begin(described)
        if begun is None:
            return (yield from function(*args, **kwargs))
        call, span, context = begun
        policy.arguments(span, args, kwargs)
        try:
            result = yield from _steps(function(*args, **kwargs), context)
        except BaseException as error:
            lifecycle.end(call, error)
            raise
        policy.result(span, result)
        lifecycle.end(call, None)
        return result

    return traced


def _steps(generator: Generator[Any, Any, Any], context: Context) -> Generator[Any, Any, Any]:
    """Drive ``generator`` with ``context`` attached during each step only."""
    step: Callable[..., Any] = generator.send
    argument: Any = None
    while True:
        token = attach(context)
        try:
            item = step(argument)
        except StopIteration as stop:
            return stop.value
        finally:
            detach(token)
        try:
            argument = yield item
            step = generator.send
        except GeneratorExit:
            token = attach(context)
            try:
                generator.close()
            finally:
                detach(token)
            raise
        except BaseException as thrown:  # noqa: BLE001 - handed to the generator, as `yield from` does
            argument = thrown
            step = generator.throw


def trace_async_generator(function: Callable[..., Any], described: Tool, policy: CapturePolicy) -> Callable[..., Any]:
    """Wrap an async generator function. The call lasts from the first ``anext`` to exhaustion, error or close."""

    async def traced(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        lifecycle = intake.lifecycle
        begun = lifecycle.begin(described)
        if begun is None:
            call = span = context = None
        else:
            call, span, context = begun
            policy.arguments(span, args, kwargs)
        generator = function(*args, **kwargs)
        step: Callable[..., Any] = generator.asend
        argument: Any = None
        error: BaseException | None = None
        try:
            while True:
                try:
                    item = await _async_step(step, argument, context)
                except StopAsyncIteration:
                    return
                try:
                    argument = yield item
                    step = generator.asend
                except GeneratorExit:
                    await _async_step(_close, generator, context)
                    raise
                except BaseException as thrown:  # noqa: BLE001 - handed to the generator, as delegation would
                    argument = thrown
                    step = generator.athrow
        except BaseException as left:
            error = left
            raise
        finally:
            if call is not None:
                lifecycle.end(call, error)

    return traced


async def _close(generator: AsyncGenerator[Any, Any]) -> None:
    await generator.aclose()


async def _async_step(step: Callable[..., Any], argument: Any, context: Context | None) -> Any:
    """One step of an async generator with ``context`` attached meanwhile."""
    if context is None:
        return await step(argument)
    token = attach(context)
    try:
        return await step(argument)
    finally:
        leave(context, token)
