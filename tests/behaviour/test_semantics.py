"""A decorated function behaves as the undecorated one does, whatever its kind (T-49, T-50)."""

import asyncio
import contextlib
import functools
import gc
import inspect
import pickle
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from opentelemetry.context import get_current

import otel_perf
from otel_perf.core.intake import intake
from otel_perf.testing.capture import Capture
from otel_perf.testing.recording import recording
from tests.behaviour import picklable
from tests.behaviour.generator_scripts import (
    Script,
    async_run,
    async_scripted,
    at_once,
    drives,
    run,
    scripted,
    scripts,
)
from tests.behaviour.rows_failures import MORE_FRAMES, length


@contextlib.contextmanager
def unsampled() -> Iterator[None]:
    """Recording, with nothing sampled."""
    with recording(sampler="always_off"):
        yield


MODES: dict[str, Callable[[], contextlib.AbstractContextManager[Any]]] = {
    "recording": recording,
    "unsampled": unsampled,
    "capturing": lambda: recording(capture="full"),
    "suppressed": otel_perf.suppress,
    "switched off": contextlib.nullcontext,
}


RECORDS = ("recording", "unsampled", "capturing")
"""Modes in which a generator is driven step by step. Otherwise ``yield from`` does it, which differs in one thing:
a generator that answers ``GeneratorExit`` by another item ends all the same."""


@pytest.mark.parametrize("mode", MODES)
def test_any_generator_driven_in_any_way(mode: str) -> None:
    """Values, exceptions, their causes and the order of everything are those of the undecorated generator."""
    fully = mode in RECORDS
    traced = otel_perf.tool(scripted)

    @given(script=scripts(may_refuse_to_close=fully), commands=drives(may_throw_exit=fully))
    def check(script: Script, commands: list[str]) -> None:
        plain, seen = (run(function(script, log := []), commands, log) for function in (scripted, traced))

        assert seen == plain

    with MODES[mode]():
        check()


@pytest.mark.parametrize("mode", MODES)
def test_any_async_generator_driven_in_any_way(mode: str) -> None:
    """Values, exceptions, their causes and the order of everything are those of the undecorated async generator."""
    traced = otel_perf.tool(async_scripted)

    @given(script=scripts(may_refuse_to_close=False), commands=drives(may_throw_exit=True))
    def check(script: Script, commands: list[str]) -> None:
        plain, seen = (async_run(function(script, log := []), commands, log) for function in (async_scripted, traced))

        assert seen == plain

    with MODES[mode]():
        check()


def test_a_generator_is_one_call_at_most() -> None:
    """However it is driven: one call when it was begun, none otherwise, and nothing is left open or current."""
    traced = otel_perf.tool(scripted)
    before = get_current()
    begins = ("next", "throw exit")

    @given(script=scripts(may_refuse_to_close=True), commands=drives(may_throw_exit=False))
    def check(script: Script, commands: list[str]) -> None:
        calls = len(capture.calls)
        run(traced(script, []), commands, [])
        # `send` of a value, and `close`, leave a generator as it was that has not begun; `throw` ends it.
        first = next((command for command in commands if command != "send"), "close")

        assert len(capture.calls) - calls == (first in begins)
        assert capture.open_calls == ()
        assert get_current() is before

    with recording() as capture:
        check()


@pytest.mark.parametrize("function", ["generator", "async generator"])
def test_a_thrown_exception_is_let_go(function: str) -> None:
    """No frame of ours keeps an exception alive that has passed: no cycle for the garbage collector."""
    drive = throw_into if function == "generator" else async_throw_into
    gc.disable()
    try:
        with recording():
            gone = drive()

            assert gone() is None
    finally:
        gc.enable()


Gone: TypeAlias = list[weakref.ref[BaseException]]


def throw_into() -> weakref.ref[BaseException]:
    """Throw through a generator; what remains of the exception."""
    gone: Gone = []
    items = otel_perf.tool(numbers)()
    next(items)
    with contextlib.suppress(CollectableError):
        items.throw(watched(gone))
    return gone[0]


def async_throw_into() -> weakref.ref[BaseException]:
    """Throw through an async generator; what remains of the exception."""
    gone: Gone = []
    items = otel_perf.tool(async_numbers)()
    at_once(anext(items))
    with contextlib.suppress(CollectableError):
        at_once(items.athrow(watched(gone)))
    return gone[0]


def watched(gone: Gone) -> BaseException:
    """An exception that no variable of the test holds."""
    error = CollectableError()
    gone.append(weakref.ref(error))
    return error


class CollectableError(Exception):
    """An exception that can be watched."""


class Toolbox:
    """Every kind of method."""

    def __init__(self, factor: int = 2) -> None:
        self.factor = factor

    @otel_perf.tool
    def method(self, number: int) -> int:
        return number * self.factor

    @otel_perf.tool
    @classmethod
    def of_class(cls, number: int) -> str:
        return f"{cls.__name__} {number}"

    @classmethod
    @otel_perf.tool
    def of_class_inside(cls, number: int) -> str:
        return f"{cls.__name__} {number}"

    @otel_perf.tool
    @staticmethod
    def static(number: int) -> int:
        return number + 1

    @staticmethod
    @otel_perf.tool
    def static_inside(number: int) -> int:
        return number + 1

    @property
    @otel_perf.tool
    def read(self) -> int:
        return self.factor

    @otel_perf.tool
    @property
    def read_outside(self) -> int:
        return self.factor

    @otel_perf.tool
    async def async_method(self, number: int) -> int:
        await asyncio.sleep(0)
        return number * self.factor

    @otel_perf.tool
    def __call__(self, number: int) -> int:
        return number * self.factor


class Callback:
    """An object that can be called."""

    def __call__(self, number: int) -> int:
        return number


class AsyncCallback:
    """An object whose call is a coroutine."""

    async def __call__(self, number: int) -> int:
        return number


def add(first: int, second: int = 0) -> int:
    """Add two numbers."""
    return first + second


async def async_add(first: int, second: int = 0) -> int:
    """Add two numbers, later."""
    await asyncio.sleep(0)
    return first + second


box = Toolbox(3)
KINDS: dict[str, tuple[Callable[[], Any], Any, str]] = {
    "method": (functools.partial(box.method, 2), 6, "method"),
    "method of the class": (lambda: Toolbox.method(box, 2), 6, "method"),
    "classmethod": (lambda: box.of_class(2), "Toolbox 2", "of_class"),
    "classmethod inside": (lambda: Toolbox.of_class_inside(2), "Toolbox 2", "of_class_inside"),
    "staticmethod": (lambda: box.static(2), 3, "static"),
    "staticmethod inside": (lambda: Toolbox.static_inside(2), 3, "static_inside"),
    "property": (lambda: box.read, 3, "read"),
    "property outside": (lambda: box.read_outside, 3, "read_outside"),
    "async method": (lambda: asyncio.run(box.async_method(2)), 6, "async_method"),
    "callable class": (functools.partial(box, 2), 6, "__call__"),
    "callable object": (functools.partial(otel_perf.tool(Callback()), 2), 2, "Callback"),
    "async callable object": (lambda: asyncio.run(otel_perf.tool(AsyncCallback())(2)), 2, "AsyncCallback"),
    "partial": (lambda: otel_perf.tool(functools.partial(add, 1))(second=2), 3, "add"),
    "partial of a partial": (otel_perf.tool(functools.partial(functools.partial(add, 1), 2)), 3, "add"),
    "partial of a coroutine function": (
        lambda: asyncio.run(otel_perf.tool(functools.partial(async_add, 1))(2)),
        3,
        "async_add",
    ),
    "builtin": (lambda: otel_perf.tool(len)("abc"), 3, "len"),
    "lambda": (otel_perf.tool(lambda: 1), 1, "<lambda>"),
    "class": (lambda: type(otel_perf.tool(Toolbox)(4)).__name__, "Toolbox", "Toolbox"),
    "bound method": (lambda: otel_perf.tool("".join)(["a", "b"]), "ab", "join"),
    "cached": (lambda: otel_perf.tool(functools.cache(add))(1, 2), 3, "add"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_callable(kind: str, otel_perf_capture: Capture) -> None:
    """The result is the callable's, and exactly one call of the right name is recorded."""
    call, result, name = KINDS[kind]

    assert call() == result
    assert [(each.tool, each.outcome) for each in otel_perf_capture.calls] == [(name, "ok")]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_callable_switched_off(kind: str) -> None:
    """Without ``instrument()`` the result is the same, and the call is counted as disabled."""
    call, result, _ = KINDS[kind]
    before = intake.disabled

    assert call() == result
    assert intake.disabled == before + 1


def numbers() -> Iterator[int]:
    """A generator."""
    yield 1


async def async_numbers() -> AsyncIterator[int]:
    """An async generator."""
    yield 1


@pytest.mark.parametrize("function", [add, async_add, numbers, async_numbers])
def test_a_decorated_function_looks_like_the_undecorated_one(function: Any) -> None:
    """Kind, signature, names, docstring and module are those of the function itself."""
    traced = otel_perf.tool(function)
    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction, inspect.isfunction)

    assert [kind(traced) for kind in kinds] == [kind(function) for kind in kinds]
    assert inspect.signature(traced) == inspect.signature(function)
    assert (traced.__name__, traced.__qualname__, traced.__doc__, traced.__module__, traced.__wrapped__) == (
        function.__name__,
        function.__qualname__,
        function.__doc__,
        function.__module__,
        function,
    )


def test_a_decorated_function_can_be_pickled() -> None:
    """As every function of a module, by its name: a process pool takes it."""
    assert pickle.loads(pickle.dumps(picklable.double)) is picklable.double  # noqa: S301 - made here


def fails() -> None:
    """Raises."""
    raise ValueError("bad")


async def async_fails() -> None:
    """Raises."""
    raise ValueError("bad")


def generator_fails() -> Iterator[int]:
    """Raises after an item."""
    yield 1
    raise ValueError("bad")


async def async_generator_fails() -> AsyncIterator[int]:
    """Raises after an item."""
    yield 1
    raise ValueError("bad")


async def consume(items: AsyncIterator[int]) -> None:
    """Take everything."""
    async for _ in items:
        pass


RUNS: dict[str, tuple[Callable[..., Any], Callable[[Any], Any]]] = {
    "function": (fails, lambda function: function()),
    "coroutine": (async_fails, lambda function: asyncio.run(function())),
    "generator": (generator_fails, lambda function: list(function())),
    "async generator": (async_generator_fails, lambda function: asyncio.run(consume(function()))),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", RUNS)
def test_the_traceback_is_hardly_longer(kind: str, mode: str) -> None:
    """At most two frames of ours, for every kind of function and in every mode."""
    function, call = RUNS[kind]
    lengths = []
    for tried in (function, otel_perf.tool(function)):
        with MODES[mode]():
            try:
                call(tried)
            except ValueError as error:
                lengths.append(length(error.__traceback__))
    plain, traced = lengths

    assert plain <= traced <= plain + MORE_FRAMES
