"""Functions of every kind as work: what is called stays what it was, and each call is one run.

A run of a coroutine is entered once and stays current in its task; its steps are timed one by one. A generator is
entered for each of its steps, so that its consumer never runs below it.
"""

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any, TypeAlias

from otel_perf.probes.occurrence import Occurrence

__all__ = ["Begin", "decorate"]

Begin: TypeAlias = Callable[[Callable[..., Any]], Occurrence]


def decorate(function: Any, begin: Begin) -> Any:
    """The function, each call of which begins a run and ends it."""
    if isinstance(function, classmethod | staticmethod):
        return type(function)(decorate(function.__func__, begin))
    body = function if inspect.isroutine(function) or isinstance(function, functools.partial) else _call_of(function)
    shell: Callable[..., Any]
    if inspect.isasyncgenfunction(body):
        shell = _async_generator(function, begin)
    elif inspect.isgeneratorfunction(body):
        shell = _generator(function, begin)
    elif inspect.iscoroutinefunction(body):
        shell = _coroutine(function, begin)
    else:
        shell = _plain(function, begin)
    return functools.wraps(function)(shell)


def _call_of(function: Any) -> Any:
    return function if inspect.isclass(function) else getattr(type(function), "__call__", function)  # noqa: B004 - what is called is looked at


def _plain(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    def measured(*args: Any, **kwargs: Any) -> Any:
        occurrence = begin(function)
        occurrence.resume()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            occurrence.pause()
            occurrence.end(error)
            raise
        occurrence.pause()
        occurrence.end(None)
        return result

    return measured


class _Steps:
    """Strictly private: awaits a coroutine and pauses the run's clock between its steps."""

    __slots__ = ("_coroutine", "_occurrence")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], occurrence: Occurrence) -> None:
        self._coroutine = coroutine
        self._occurrence = occurrence

    def __await__(self) -> Generator[Any, Any, Any]:
        coroutine, occurrence = self._coroutine, self._occurrence
        step: Callable[[Any], Any] = coroutine.send
        argument: Any = None
        while True:
            occurrence.step_begins()
            try:
                awaited = step(argument)
            except StopIteration as stop:
                return stop.value
            finally:
                argument = None
                occurrence.step_ends()
            try:
                argument = yield awaited
                step = coroutine.send
            except BaseException as thrown:  # noqa: BLE001 - handed to the coroutine
                step, argument = coroutine.throw, thrown


def _coroutine(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    async def measured(*args: Any, **kwargs: Any) -> Any:
        occurrence = begin(function)
        occurrence.span.enter()
        try:
            result = await _Steps(function(*args, **kwargs), occurrence)
        except BaseException as error:
            occurrence.span.leave()
            occurrence.end(error)
            raise
        occurrence.span.leave()
        occurrence.end(None)
        return result

    return measured


def _generator(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    def measured(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        occurrence = begin(function)
        try:
            generator = function(*args, **kwargs)
            step, argument = generator.send, None
            while True:
                occurrence.resume()
                try:
                    item = step(argument)
                except StopIteration as stop:
                    result = stop.value
                    break
                finally:
                    argument = None
                    occurrence.pause()
                try:
                    argument = yield item
                    step = generator.send
                except BaseException as thrown:  # noqa: BLE001 - handed to the generator
                    step, argument = generator.throw, thrown
        except BaseException as error:
            occurrence.end(error)
            raise
        occurrence.end(None)
        return result

    return measured


def _async_generator(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    async def measured(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        occurrence = begin(function)
        try:
            generator = function(*args, **kwargs)
            step, argument = generator.asend, None
            while True:
                occurrence.span.enter()
                try:
                    item = await _Steps(step(argument).__await__(), occurrence)
                except StopAsyncIteration:
                    break
                finally:
                    argument = None
                    occurrence.span.leave()
                try:
                    argument = yield item
                    step = generator.asend
                except BaseException as thrown:  # noqa: BLE001 - handed to the generator
                    step, argument = generator.athrow, thrown
        except BaseException as error:
            occurrence.end(error)
            raise
        occurrence.end(None)

    return measured
