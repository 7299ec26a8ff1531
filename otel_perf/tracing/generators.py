"""Generators as tools: the span is current while the generator runs, never while its consumer does.

The consumer's values, exceptions and ``close()`` (a ``GeneratorExit``) are handed to the generator as they come, so
that it may answer each as it likes. No local variable holds an exception past its step: its traceback holds the frame.
"""

import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import Token
from typing import Any, Final

from opentelemetry.context import Context, attach

from otel_perf.core.intake import Begun, Lifecycle, intake
from otel_perf.core.records import Tool
from otel_perf.tracing.capture import CapturePolicy
from otel_perf.tracing.lifecycle import leave

__all__ = ["trace_async_generator", "trace_generator"]

CLOSE_GIVES_NOTHING: Final = sys.version_info < (3, 13)
"""Since Python 3.13 ``close()`` gives what the generator returned at its end, which ``yield from`` does not pass on."""


def trace_generator(function: Callable[..., Any], described: Tool, policy: CapturePolicy) -> Callable[..., Any]:
    """Wrap a generator function. The call lasts from the first ``next`` to exhaustion, error or close."""

    def traced(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        lifecycle = intake.lifecycle
        begun = lifecycle.begin(described)
        if begun is None and CLOSE_GIVES_NOTHING:
            return (yield from function(*args, **kwargs))
        _keep_arguments(begun, policy, args, kwargs)
        try:
            generator = function(*args, **kwargs)
            step, argument = generator.send, None
            while True:
                token = _attach(begun)
                try:
                    item = step(argument)
                except StopIteration as stop:
                    result = stop.value
                    break
                finally:
                    argument = None
                    _detach(begun, token)
                try:
                    argument = yield item
                    step = generator.send
                except BaseException as thrown:  # noqa: BLE001 - handed to the generator
                    step, argument = generator.throw, thrown
        except BaseException as error:
            _end(lifecycle, begun, error, policy)
            raise
        if begun is not None:
            policy.result(begun[1], result)
        _end(lifecycle, begun, None, policy)
        return result

    return traced


def trace_async_generator(function: Callable[..., Any], described: Tool, policy: CapturePolicy) -> Callable[..., Any]:
    """Wrap an async generator function. The call lasts from the first ``anext`` to exhaustion, error or close."""

    async def traced(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        lifecycle = intake.lifecycle
        begun = lifecycle.begin(described)
        _keep_arguments(begun, policy, args, kwargs)
        try:
            generator = function(*args, **kwargs)
            step, argument = generator.asend, None
            while True:
                token = _attach(begun)
                try:
                    item = await step(argument)
                except StopAsyncIteration:
                    break
                finally:
                    argument = None
                    _detach(begun, token)
                try:
                    argument = yield item
                    step = generator.asend
                except BaseException as thrown:  # noqa: BLE001 - handed to the generator
                    step, argument = generator.athrow, thrown
        except BaseException as error:
            _end(lifecycle, begun, error, policy)
            raise
        _end(lifecycle, begun, None, policy)

    return traced


def _keep_arguments(begun: Begun | None, policy: CapturePolicy, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if begun is not None:
        policy.arguments(begun[1], args, kwargs)


def _attach(begun: Begun | None) -> Token[Context] | None:
    return None if begun is None else attach(begun[2])


def _detach(begun: Begun | None, token: Token[Context] | None) -> None:
    if begun is not None and token is not None:
        leave(begun[2], token)


def _end(lifecycle: Lifecycle, begun: Begun | None, error: BaseException | None, policy: CapturePolicy) -> None:
    if begun is None:
        return
    if error is not None:
        policy.failure(begun[1], error)
    lifecycle.end(begun[0], error)
