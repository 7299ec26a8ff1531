"""The message and the stack of an exception as bounded text, without reading source files.

The standard formatting reads source lines from disk on the thread that failed, prints whole messages, and raises
when a ``__str__`` of the chain does.
"""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from reprlib import Repr
from types import TracebackType
from typing import Final

from otel_perf.tracing.exceptions import describe_exception

__all__ = ["message_of", "stack_of"]

MAX_MESSAGE: Final = 4096
MAX_FRAMES: Final = 50
MAX_CHAIN: Final = 8
MAX_GROUPED: Final = 8
MAX_WALKED: Final = 10_000
CONTAINERS: Final = (list, tuple, dict, set, frozenset, deque)


_bounded: Final = Repr()
_bounded.maxlevel, _bounded.maxstring, _bounded.maxother = 3, 200, 200
_bounded.maxlist = _bounded.maxtuple = _bounded.maxdict = _bounded.maxset = _bounded.maxfrozenset = 20
PRINTS_ARGUMENTS: Final = (BaseException.__str__, KeyError.__str__)
"""Exceptions whose text is the ``repr`` of what they were made of, which may be gigabytes."""


def message_of(error: BaseException) -> str:
    """``str(error)``, shortened when it would print a container; a placeholder when that raises."""
    try:
        if type(error).__str__ in PRINTS_ARGUMENTS and any(isinstance(part, CONTAINERS) for part in error.args):
            return ", ".join(map(_bounded.repr, error.args[:MAX_GROUPED]))
        return str.__str__(str(error))
    except Exception:  # noqa: BLE001 - somebody else's __str__; the placeholder says so
        return f"<unprintable {type(error).__qualname__}>"


def stack_of(error: BaseException) -> str:
    """The exception, its innermost frames and its causes, oldest cause first, as Python prints them."""
    chain: list[tuple[BaseException, str]] = [(error, "")]
    seen = {id(error)}
    while len(chain) < MAX_CHAIN:
        cause, relation = _cause_of(chain[-1][0])
        if cause is None or id(cause) in seen:
            break
        seen.add(id(cause))
        chain.append((cause, relation))
    parts: list[str] = []
    for member, relation in reversed(chain):
        parts.append(_one(member))
        if relation:
            parts.append(f"\n{relation}\n")
    return "\n".join(parts)


def _cause_of(error: BaseException) -> tuple[BaseException | None, str]:
    if error.__cause__ is not None:
        return error.__cause__, "The above exception was the direct cause of the following exception:"
    if error.__context__ is not None and not error.__suppress_context__:
        return error.__context__, "During handling of the above exception, another exception occurred:"
    return None, ""


def _one(error: BaseException) -> str:
    lines = [*_frames(error.__traceback__), _headline(error)]
    if isinstance(error, BaseExceptionGroup):
        lines += (f"  | {_headline(member)}" for member in error.exceptions[:MAX_GROUPED])
        lines += [f"  | … {len(error.exceptions) - MAX_GROUPED} more"] * (len(error.exceptions) > MAX_GROUPED)
    return "\n".join(lines)


def _headline(error: BaseException) -> str:
    message = message_of(error)[:MAX_MESSAGE]
    kind = describe_exception(type(error))
    return f"{kind}: {message}" if message else kind


def _frames(trace: TracebackType | None) -> list[str]:
    """The innermost frames, with neither source lines nor variables: both may hold secrets."""
    if trace is None:
        return []
    frames: deque[str] = deque(maxlen=MAX_FRAMES)
    for step in islice(_steps(trace), MAX_WALKED):
        code = step.tb_frame.f_code
        frames.append(f'  File "{code.co_filename}", line {step.tb_lineno}, in {code.co_name}')
    return ["Traceback (most recent call last):", *frames]


def _steps(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next
