"""Generators that do what a script says, and drivers that write down everything that happens to them."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from hypothesis import strategies as st

Answer = Literal["go on", "pass", "replace", "return"]


@dataclass(frozen=True)
class Step:
    """One ``yield`` of the generator, and its answers to an exception and to being closed."""

    on_throw: Answer
    on_close: Answer


@dataclass(frozen=True)
class Script:
    """The yields, and how the generator ends by itself."""

    steps: tuple[Step, ...]
    ends_with: Literal["return", "raise", "stop"]


ANSWERS: tuple[Answer, ...] = ("go on", "pass", "replace", "return")
COMMANDS = ("next", "send", "throw", "throw group", "throw stop", "throw exit", "close")
Log = list[Any]


def scripts(*, may_refuse_to_close: bool) -> st.SearchStrategy[Script]:
    """Scripts of up to three steps."""
    step = st.builds(Step, st.sampled_from(ANSWERS), st.sampled_from(ANSWERS if may_refuse_to_close else ANSWERS[1:]))
    ends = st.sampled_from(("return", "raise", "stop"))
    return st.builds(Script, st.lists(step, max_size=3).map(tuple), ends)


def drives(*, may_throw_exit: bool) -> st.SearchStrategy[list[str]]:
    """What is done to a generator, one after the other."""
    commands = [command for command in COMMANDS if may_throw_exit or command != "throw exit"]
    return st.lists(st.sampled_from(commands), max_size=7)


def scripted(script: Script, log: Log) -> Generator[int, object, str]:
    """A generator that follows the script."""
    with noted(log):  # noqa: PLR1702 - a generator that tries everything
        for number, step in enumerate(script.steps):
            try:
                log.append(("got", (yield number)))
            except (Exception, GeneratorExit) as error:
                if answered(step, error, log) == "return":
                    return "answered"
        end(script, StopIteration("end"))
        return "end"


async def async_scripted(script: Script, log: Log) -> AsyncGenerator[int, object]:
    """An async generator that follows the script."""
    with noted(log):  # noqa: PLR1702 - a generator that tries everything
        for number, step in enumerate(script.steps):
            try:
                log.append(("got", (yield number)))
            except (Exception, GeneratorExit) as error:
                if answered(step, error, log) == "return":
                    return
        end(script, StopAsyncIteration("end"))


@contextmanager
def noted(log: Log) -> Iterator[None]:
    """The end of the generator's body is written down."""
    try:
        yield
    finally:
        log.append("finally")


def answered(step: Step, error: BaseException, log: Log) -> Answer:
    """Note what came, and answer it: let it pass, put another in its place, or give the answer back."""
    log.append(("inside", type(error).__name__))
    answer = step.on_close if isinstance(error, GeneratorExit) else step.on_throw
    if answer == "pass":
        raise error
    if answer == "replace":
        raise KeyError("replaced") from error
    return answer


def end(script: Script, stop: Exception) -> None:
    """End as the script says; a raised ``stop`` is what Python turns into ``RuntimeError``."""
    if script.ends_with != "return":
        raise LookupError("end") if script.ends_with == "raise" else stop


def thrown_by(command: str) -> BaseException:
    """What a command throws."""
    return {
        "throw": ValueError("outside"),
        "throw group": ExceptionGroup("outside", [ValueError("a")]),
        "throw stop": StopIteration("outside"),
        "throw exit": GeneratorExit("outside"),
    }[command]


def run(items: Generator[int, object, str], commands: list[str], log: Log) -> Log:
    """Drive a generator; every value, exception and end of it is written down."""
    for number, command in enumerate(commands):
        if command == "next":
            write_down(log, lambda: next(items))
        elif command == "send":
            write_down(log, lambda number=number: items.send(number))
        elif command == "close":
            write_down(log, items.close)
        else:
            error = thrown_by(command)
            write_down(log, lambda error=error: items.throw(error), error)
    while items.gi_frame is not None:  # it may have refused to be closed
        write_down(log, items.close)
    return log


def async_run(items: AsyncGenerator[int, object], commands: list[str], log: Log) -> Log:
    """Drive an async generator likewise; it awaits nothing, so no event loop is needed."""
    for number, command in enumerate(commands):
        if command == "next":
            write_down(log, lambda: at_once(items.__anext__()))
        elif command == "send":
            write_down(log, lambda number=number: at_once(items.asend(number)))
        elif command == "close":
            write_down(log, lambda: at_once(items.aclose()))
        else:
            error = thrown_by(command)
            write_down(log, lambda error=error: at_once(items.athrow(error)), error)
    write_down(log, lambda: at_once(items.aclose()))
    return log


def at_once(awaitable: Any) -> object:
    """The result of an awaitable that never waits."""
    running: Coroutine[Any, Any, object] = awaitable.__await__() if hasattr(awaitable, "__await__") else awaitable
    try:
        running.send(None)
    except StopIteration as stop:
        return stop.value
    finally:
        del running, awaitable  # they hold what they throw
    raise AssertionError("it waited")


def write_down(log: Log, act: Callable[[], object], thrown: BaseException | None = None) -> None:
    """Do it, and note what came of it; of an exception also what is around it."""
    try:
        log.append(("value", act()))
    except BaseException as error:
        around = tuple(type(other).__name__ for other in (error.__cause__, error.__context__))
        log.append((type(error).__name__, str(error), around, "same object" if error is thrown else "other object"))
