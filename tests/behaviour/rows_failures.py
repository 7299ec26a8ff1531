"""Rows: exceptions and cancellation: what the caller gets, and what the span says."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any

from otel_perf.tracing.calls import suppress
from tests.behaviour.subjects import Subject
from tests.behaviour.table import Area

AREA = Area("Exceptions and cancellation")
PRIVATE = "messages and stacks may hold secrets; `capture=` asks for them"
MORE_FRAMES = 2


class UnprintableError(Exception):
    """``str()`` of it raises."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def caught(function: Callable[[], object]) -> BaseException | None:
    """What leaves the function, if anything."""
    try:
        function()
    except BaseException as error:
        return error
    return None


def length(traceback: TracebackType | None) -> int:
    """Frames of a traceback."""
    return 0 if traceback is None else 1 + length(traceback.tb_next)


def leaving(subject: Subject, error: BaseException) -> tuple[str, str]:
    """Whether the very object leaves a call, and how the call ended."""

    @subject.tool("tool")
    def tool() -> None:
        raise error

    left = caught(tool)
    return "the same object" if left is error else f"{type(left).__name__}", subject.tree()


@AREA.same(("the same object", "tool!"))
def exception(subject: Subject) -> tuple[str, str]:
    """An exception leaves the call as the same object, and the call has failed."""
    return leaving(subject, ValueError("bad"))


@AREA.same(("the same object", "tool!"))
def exception_group(subject: Subject) -> tuple[str, str]:
    """An ``ExceptionGroup`` leaves the call as the same object, and the call has failed."""
    return leaving(subject, ExceptionGroup("several", [ValueError("bad"), KeyError("k")]))


@AREA.same(("the same object", "tool"))
def base_exception(subject: Subject) -> tuple[str, str]:
    """What is no ``Exception`` leaves the call as the same object: somebody stopped it, it did not fail."""
    return leaving(subject, type("Stop", (BaseException,), {})("stop"))


@AREA.same(("the same object", "tool"))
def base_exception_group(subject: Subject) -> tuple[str, str]:
    """A ``BaseExceptionGroup`` likewise."""
    return leaving(subject, BaseExceptionGroup("several", [KeyboardInterrupt()]))


@AREA.same(("the same object", "tool"))
def system_exit(subject: Subject) -> tuple[str, str]:
    """``SystemExit`` likewise."""
    return leaving(subject, SystemExit(3))


@AREA.same(("the same object", "tool"))
def keyboard_interrupt(subject: Subject) -> tuple[str, str]:
    """``KeyboardInterrupt`` likewise."""
    return leaving(subject, KeyboardInterrupt())


@AREA.same(("the same object", "tool!"))
def stop_iteration(subject: Subject) -> tuple[str, str]:
    """``StopIteration`` out of a plain function stays one."""
    return leaving(subject, StopIteration(3))


@AREA.same(("the same object", "block!"))
def exception_out_of_a_block(subject: Subject) -> tuple[str, str]:
    """An exception leaves a ``with`` block as the same object."""
    error = ValueError("bad")

    def run() -> None:
        with subject.call("block"):
            raise error

    return "the same object" if caught(run) is error else "another", subject.tree()


@AREA.on_purpose(
    sdk=("RuntimeError", "tool"),
    ours=("the same object", "tool!"),
    why="the SDK formats the exception in the middle of its flight, and what that raises takes its place",
)
def exception_whose_str_raises(subject: Subject) -> tuple[str, str]:
    """An exception whose ``__str__`` raises."""
    return leaving(subject, UnprintableError())


@AREA.same(f"at most {MORE_FRAMES} more")
def traceback_length(subject: Subject) -> str:
    """Frames of ours in the traceback of an exception that leaves a decorated function."""

    def fails() -> None:
        raise ValueError

    plain, traced = (caught(function) for function in (fails, subject.tool("tool")(fails)))
    assert plain is not None
    assert traced is not None
    more = length(traced.__traceback__) - length(plain.__traceback__)
    return f"at most {MORE_FRAMES} more" if more <= MORE_FRAMES else f"{more} more"


@AREA.same(("KeyError", "None", "not suppressed", ["a note"]))
def context_of_an_exception(subject: Subject) -> tuple[str, str, str, list[str]]:
    """``__context__``, ``__cause__``, ``__suppress_context__``, ``__notes__`` of one raised while handling another."""

    @subject.tool("tool")
    def tool() -> None:
        try:
            {}["missing"]
        except KeyError:
            error = ValueError("while handling")
            error.add_note("a note")
            raise error  # noqa: B904 - the implicit context is what is looked at

    return chain_of(caught(tool))


@AREA.same(("None", "None", "not suppressed", []))
def exception_without_context(subject: Subject) -> tuple[str, str, str, list[str]]:
    """An exception that was raised alone has no context when it leaves."""

    @subject.tool("tool")
    def tool() -> None:
        raise ValueError("alone")

    return chain_of(caught(tool))


@AREA.same(("KeyError", "KeyError", "suppressed", []))
def cause_of_an_exception(subject: Subject) -> tuple[str, str, str, list[str]]:
    """The same of an exception raised ``from`` another."""

    @subject.tool("tool")
    def tool() -> None:
        try:
            {}["missing"]
        except KeyError as error:
            raise ValueError("from") from error

    return chain_of(caught(tool))


def chain_of(error: BaseException | None) -> tuple[str, str, str, list[str]]:
    """Context, cause, whether the context is suppressed, and notes."""
    assert error is not None
    context, cause = (
        type(other).__name__ if other is not None else "None" for other in (error.__context__, error.__cause__)
    )
    suppressed = "suppressed" if error.__suppress_context__ else "not suppressed"
    return context, cause, suppressed, list(getattr(error, "__notes__", []))


@AREA.same(("KeyError outside", "tool!"))
def call_while_handling(subject: Subject) -> tuple[str, str]:
    """A call made inside an ``except`` block: what it raises has the handled exception as its context."""

    @subject.tool("tool")
    def tool() -> None:
        raise ValueError

    def handles() -> None:
        try:
            {}["missing"]
        except KeyError:
            tool()

    left = caught(handles)
    assert left is not None
    return f"{type(left.__context__).__name__} outside", subject.tree()


@AREA.same(("the same object", "outer!(inner!)"))
def through_several_calls(subject: Subject) -> tuple[str, str]:
    """An exception that passes two calls has failed both."""
    error = ValueError("bad")

    def run() -> None:
        with subject.call("outer"), subject.call("inner"):
            raise error

    return "the same object" if caught(run) is error else "another", subject.tree()


@AREA.same("outer(inner!)")
def caught_between_two_calls(subject: Subject) -> str:
    """An exception that is caught in the outer call has failed the inner one only."""

    def fails() -> None:
        with subject.call("inner"):
            raise ValueError

    with subject.call("outer"):
        caught(fails)
    return subject.tree()


@AREA.on_purpose(sdk="ValueError: the secret", ours="none", why=PRIVATE)
def status_description_of_a_failure(subject: Subject) -> str:
    """Description of the status when an exception has left."""
    leaving(subject, ValueError("the secret"))
    return subject.span("tool").status.description or "none"


@AREA.on_purpose(
    sdk=["exception.escaped", "exception.message", "exception.stacktrace", "exception.type"], ours=[], why=PRIVATE
)
def event_of_a_failure(subject: Subject) -> list[str]:
    """Attributes of the ``exception`` event when an exception has left."""
    leaving(subject, ValueError("the secret"))
    return sorted(name for event in subject.span("tool").events for name in event.attributes or {})


@AREA.on_purpose(
    sdk={},
    ours={"error.type": "ValueError", "otel_perf.outcome": "error"},
    why="the GenAI conventions ask for `error.type`; the outcome tells timeouts and cancellations from errors",
)
def attributes_of_a_failure(subject: Subject) -> dict[str, Any]:
    """Attributes that a failure adds."""
    leaving(subject, ValueError("the secret"))
    return failure_attributes(subject, "tool")


def failure_attributes(subject: Subject, name: str) -> dict[str, Any]:
    """The attributes that say how a call ended."""
    attributes = subject.span(name).attributes or {}
    return {key: attributes[key] for key in ("error.type", "otel_perf.outcome") if key in attributes}


@AREA.same(("CancelledError", "tool"))
async def cancelled(subject: Subject) -> tuple[str, str]:
    """A task that is cancelled while its call waits: ``CancelledError`` passes, and the call has not failed."""

    @subject.tool("tool")
    async def tool() -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(tool())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    return "CancelledError" if task.cancelled() else "not cancelled", subject.tree()


@AREA.same(("went on", "tool"))
async def cancellation_is_swallowed(subject: Subject) -> tuple[str, str]:
    """A coroutine that catches its cancellation and goes on: a call that ended well."""

    @subject.tool("tool")
    async def tool() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "went on"
        return "never"

    task = asyncio.create_task(tool())
    await asyncio.sleep(0)
    task.cancel()
    return await task, subject.tree()


@AREA.same(("TimeoutError", "outer!(inner)"))
async def timeout(subject: Subject) -> tuple[str, str]:
    """``asyncio.timeout`` inside a call: the call inside is cancelled, the call around fails with ``TimeoutError``."""

    @subject.tool("outer")
    async def outer() -> None:
        async with asyncio.timeout(0.001):
            with subject.call("inner"):
                await asyncio.Event().wait()

    try:
        await outer()
    except TimeoutError as error:
        return type(error).__name__, subject.tree()
    return "nothing", ""


@AREA.same(("TimeoutError", "tool"))
async def wait_for(subject: Subject) -> tuple[str, str]:
    """``asyncio.wait_for`` around a call: the call is cancelled."""

    @subject.tool("tool")
    async def tool() -> None:
        await asyncio.Event().wait()

    try:
        await asyncio.wait_for(tool(), 0.001)
    except TimeoutError as error:
        return type(error).__name__, subject.tree()
    return "nothing", ""


@AREA.same(("ExceptionGroup", "outer!(broken!, stopped)"))
async def task_group_fails(subject: Subject) -> tuple[str, str]:
    """A ``TaskGroup`` whose task fails: the other is cancelled, and an ``ExceptionGroup`` leaves the call around."""

    async def broken() -> None:
        with subject.call("broken"):
            await asyncio.sleep(0)
            raise ValueError

    async def stopped() -> None:
        with subject.call("stopped"):
            await asyncio.Event().wait()

    try:
        with subject.call("outer"):
            async with asyncio.TaskGroup() as group:
                group.create_task(broken())
                group.create_task(stopped())
    except ExceptionGroup as error:
        return type(error).__name__, subject.tree()
    return "nothing", ""


@AREA.same("outer")
def coroutine_closed_in_its_middle(subject: Subject) -> str:
    """A coroutine that is closed while it waits, as at the end of a loop: ended once, not failed."""

    class Wait:
        def __await__(self) -> Any:
            yield

    @subject.tool("outer")
    async def outer() -> None:
        await Wait()

    running = outer()
    running.send(None)
    running.close()
    return subject.tree()


@AREA.same("tool")
def failure_inside_suppress(subject: Subject) -> str:
    """An exception that leaves ``suppress()`` inside a call and is caught there."""

    def fails() -> None:
        with suppress():
            raise ValueError

    with subject.call("tool"):
        caught(fails)
    return subject.tree()
