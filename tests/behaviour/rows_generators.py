"""Rows: generators, plain and async: consumed, closed early, thrown into, abandoned, and their consumers."""

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import aclosing, closing

from tests.behaviour.subjects import Subject
from tests.behaviour.table import Area

AREA = Area("Generators")
HOLDS = "a span held across a `yield` never becomes its consumer's parent"


def numbers(subject: Subject) -> Iterator[int]:
    """Calls another tool before each item."""
    for item in range(3):
        with subject.call("inside"):
            pass
        yield item


async def async_numbers(subject: Subject) -> AsyncIterator[int]:
    """The same, letting other tasks run."""
    for item in range(3):
        await asyncio.sleep(0)
        with subject.call("inside"):
            pass
        yield item


@AREA.same(([0, 1, 2], "numbers(inside, inside, inside)"))
def consumed(subject: Subject) -> tuple[list[int], str]:
    """What a generator calls while it runs is its child."""
    items = list(subject.tool("numbers")(numbers)(subject))
    return items, subject.tree()


@AREA.same(([0, 1, 2], "numbers(inside, inside, inside)"))
async def async_consumed(subject: Subject) -> tuple[list[int], str]:
    """What an async generator calls while it runs is its child."""
    items = [item async for item in subject.tool("numbers")(async_numbers)(subject)]
    return items, subject.tree()


@AREA.on_purpose(sdk="numbers(consumer, inside)", ours="consumer, numbers(inside)", why=HOLDS)
def consumer_between_two_items(subject: Subject) -> str:
    """A call that the consumer makes between two items."""
    with closing(subject.tool("numbers")(numbers)(subject)) as items:
        next(items)
        with subject.call("consumer"):
            pass
    return subject.tree()


@AREA.on_purpose(
    sdk="outer(numbers(consumer, inside))",
    ours="outer(consumer, numbers(inside))",
    why=HOLDS,
)
async def async_consumer_between_two_items(subject: Subject) -> str:
    """A call that the consumer of an async generator makes between two items."""
    with subject.call("outer"):
        async with aclosing(subject.tool("numbers")(async_numbers)(subject)) as items:
            await anext(items)
            await step_of_consumer(subject)
    return subject.tree()


async def step_of_consumer(subject: Subject) -> None:
    """A call of the consumer."""
    with subject.call("consumer"):
        await asyncio.sleep(0)


@AREA.same("block(consumer)")
def block_held_across_a_yield(subject: Subject) -> str:
    """A *block* held open across a ``yield`` is current for the consumer: decorate the generator instead."""

    def undecorated() -> Iterator[int]:
        with subject.call("block"):
            yield 1

    with closing(undecorated()) as items:
        next(items)
        with subject.call("consumer"):
            pass
    return subject.tree()


@AREA.same(("closed inside", "numbers(cleaning)"))
def closed_early(subject: Subject) -> tuple[str, str]:
    """``close()`` runs the generator's ``finally`` inside the call, ends the call once, and is no failure."""
    seen = []

    @subject.tool("numbers")
    def body() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            with subject.call("cleaning"):
                seen.append("closed inside")

    items = body()
    next(items)
    items.close()
    items.close()
    return seen[0], subject.tree()


@AREA.same(("closed inside", "numbers(cleaning)"))
async def async_closed_early(subject: Subject) -> tuple[str, str]:
    """``aclose()`` runs the async generator's ``finally`` inside the call, ends the call once, and is no failure."""
    seen = []

    @subject.tool("numbers")
    async def body() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            with subject.call("cleaning"):
                seen.append("closed inside")

    items = body()
    await anext(items)
    await items.aclose()
    await items.aclose()
    return seen[0], subject.tree()


@AREA.same(("caught ValueError", "then 2", "numbers"))
def thrown_into_and_caught(subject: Subject) -> tuple[str, str, str]:
    """``throw()`` reaches the generator, which may catch it and go on: no failure."""
    seen = []

    @subject.tool("numbers")
    def body() -> Iterator[int]:
        try:
            yield 1
        except ValueError as error:
            seen.append(f"caught {type(error).__name__}")
        yield 2

    with closing(body()) as items:
        next(items)
        following = items.throw(ValueError("from outside"))
    return seen[0], f"then {following}", subject.tree()


@AREA.same(("caught ValueError", "then 2", "numbers"))
async def async_thrown_into_and_caught(subject: Subject) -> tuple[str, str, str]:
    """``athrow()`` reaches the async generator, which may catch it and go on: no failure."""
    seen = []

    @subject.tool("numbers")
    async def body() -> AsyncIterator[int]:
        try:
            yield 1
        except ValueError as error:
            seen.append(f"caught {type(error).__name__}")
        yield 2

    async with aclosing(body()) as items:
        await anext(items)
        following = await items.athrow(ValueError("from outside"))
    return seen[0], f"then {following}", subject.tree()


@AREA.same(("the same object", "numbers!(inside)"))
def thrown_into_and_leaving(subject: Subject) -> tuple[str, str]:
    """``throw()`` of what the generator does not catch: the object comes back, and the call has failed."""
    thrown = ValueError("from outside")
    items = subject.tool("numbers")(numbers)(subject)
    next(items)
    try:
        items.throw(thrown)
    except ValueError as error:
        return "the same object" if error is thrown else "another", subject.tree()
    return "nothing", ""


@AREA.same(("the same object", "numbers!(inside)"))
async def async_thrown_into_and_leaving(subject: Subject) -> tuple[str, str]:
    """``athrow()`` of what the async generator does not catch: the object comes back, and the call has failed."""
    thrown = ValueError("from outside")
    items = subject.tool("numbers")(async_numbers)(subject)
    await anext(items)
    try:
        await items.athrow(thrown)
    except ValueError as error:
        return "the same object" if error is thrown else "another", subject.tree()
    return "nothing", ""


@AREA.same(("[1, 2, 'a', 'b']", "returned c", "echo"))
def sent_into(subject: Subject) -> tuple[str, str, str]:
    """``send()`` and the value of ``return`` pass through."""

    @subject.tool("echo")
    def echo() -> Generator[object, object, str]:
        first = yield 1
        second = yield 2
        yield first
        yield second
        return "c"

    items = echo()
    seen = [next(items), items.send("a"), items.send("b"), next(items)]
    try:
        next(items)
    except StopIteration as stop:
        return repr(seen), f"returned {stop.value}", subject.tree()
    return "", "", ""


@AREA.same("ended once: numbers(inside)")
def abandoned(subject: Subject) -> str:
    """A generator that is dropped in its middle ends its call when it is collected."""
    items = subject.tool("numbers")(numbers)(subject)
    next(items)
    del items
    gc.collect()
    return f"ended once: {subject.tree()}"


@AREA.same("nothing")
def never_started(subject: Subject) -> str:
    """A generator from which nothing was ever taken is no call."""
    items = subject.tool("numbers")(numbers)(subject)
    del items
    gc.collect()
    return subject.tree()


class Errors(logging.Handler):
    """Keeps the messages of errors."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextlib.contextmanager
def errors_of_the_api() -> Iterator[list[str]]:
    """What the OpenTelemetry API complains of."""
    logger = logging.getLogger("opentelemetry.context")
    handler = Errors()
    logger.addHandler(handler)
    try:
        yield handler.messages
    finally:
        logger.removeHandler(handler)


@AREA.on_purpose(
    sdk=(["Failed to detach context"], "numbers(inside)"),
    ours=([], "numbers(inside)"),
    why="the SDK's span was entered in another context than it is left in, and the log is told; ours is left silently",
)
def async_abandoned(subject: Subject) -> tuple[list[str], str]:
    """An async generator that is dropped in its middle, closed by the event loop: errors in the log, and the tree."""

    async def take_one() -> None:
        items = subject.tool("numbers")(async_numbers)(subject)
        await anext(items)

    with errors_of_the_api() as errors:
        asyncio.run(take_one())
        gc.collect()
    return errors, subject.tree()


@AREA.on_purpose(
    sdk=(["Failed to detach context"], "numbers(inside)"),
    ours=([], "numbers(inside)"),
    why="as above; the call is the task's, and ends where it is closed",
)
async def async_closed_by_another_task(subject: Subject) -> tuple[list[str], str]:
    """An async generator begun in one task and closed in another: errors in the log, and the tree."""
    items = subject.tool("numbers")(async_numbers)(subject)

    async def begin() -> None:
        await anext(items)

    with errors_of_the_api() as errors:
        await asyncio.create_task(begin())
        await asyncio.create_task(items.aclose())
    return errors, subject.tree()


@AREA.same("outer(first(inside, inside, inside), second(inside, inside, inside))")
def delegated(subject: Subject) -> str:
    """``yield from`` of two decorated generators in a third: both are its children."""

    @subject.tool("outer")
    def both() -> Iterator[int]:
        yield from subject.tool("first")(numbers)(subject)
        yield from subject.tool("second")(numbers)(subject)

    list(both())
    return subject.tree()


@AREA.on_purpose(
    sdk="first(inside, second(inside, inside, inside))",
    ours="first(inside, inside), second(inside, inside)",
    why=HOLDS,
)
def interleaved(subject: Subject) -> str:
    """Two generators that a consumer drives by turns (two items of each)."""
    first, second = (subject.tool(name)(numbers)(subject) for name in ("first", "second"))
    with closing(first), closing(second):
        for _ in range(2):
            next(first)
            next(second)
    return subject.tree()


@AREA.on_purpose(
    sdk="resource(using)", ours="resource, using", why="a generator that serves as a context manager holds its span too"
)
def context_manager(subject: Subject) -> str:
    """``@contextmanager`` over a decorated generator, and a call in its ``with`` block."""

    @contextlib.contextmanager
    @subject.tool("resource")
    def resource() -> Iterator[None]:
        yield

    with resource(), subject.call("using"):
        pass
    return subject.tree()
