"""Ended calls of ours and of other libraries in one order: no caller before the calls that ended below it."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from typing import Any

from otel_perf.core.intake import ForeignEnd, Intake
from otel_perf.core.records import ToolCall

__all__ = ["by_end", "take_in_order"]


def take_in_order(intake: Intake, size: int) -> tuple[list[ToolCall], list[ForeignEnd]]:
    """Take up to ``size`` of each queue; what ended later than something that stays behind stays as well."""
    finished, others = intake.finished, intake.foreign
    calls: list[ToolCall] = _take(finished, size)
    foreign: list[ForeignEnd] = _take(others, size)
    if not foreign:
        return calls, foreign
    early_calls = _up_to(_first(others, _foreign_end), calls, _end)
    early_foreign = _up_to(_first(finished, _end), foreign, _foreign_end)
    if early_calls or early_foreign:
        finished.extendleft(reversed(calls[early_calls:]))
        others.extendleft(reversed(foreign[early_foreign:]))
        return calls[:early_calls], foreign[:early_foreign]
    return calls, foreign


def by_end(
    calls: Sequence[ToolCall], foreign: Sequence[tuple[int, ToolCall]]
) -> Iterator[tuple[bool, Sequence[ToolCall]]]:
    """Both kinds in the order of their ends, as runs of one kind; true for calls of other libraries.

    Args:
        calls: Calls of ours, in the order of their ends.
        foreign: Calls of other libraries, each with its end on our clock, in that order.
    """
    if not foreign:
        if calls:
            yield False, calls
        return
    both = [(_end(call), False, call) for call in calls] + [(end_ns, True, call) for end_ns, call in foreign]
    both.sort(key=itemgetter(0))
    for is_foreign, run in groupby(both, itemgetter(1)):
        yield is_foreign, [call for _, _, call in run]


def _take(queue: deque[Any], size: int) -> list[Any]:
    """Up to ``size`` from the left. Only this end is taken from under the lock, but the right end may shrink."""
    taken: list[Any] = []
    with suppress(IndexError):
        taken.extend(queue.popleft() for _ in range(min(size, len(queue))))
    return taken


def _first(queue: deque[Any], end_of: Callable[[Any], int]) -> int | None:
    """When the oldest that waits ended; the queue may shrink meanwhile."""
    with suppress(IndexError):
        return end_of(queue[0])
    return None


def _up_to(limit_ns: int | None, items: Sequence[Any], end_of: Callable[[Any], int]) -> int:
    """How many of the first items ended by a time."""
    if limit_ns is None:
        return len(items)
    return next((number for number, item in enumerate(items) if end_of(item) > limit_ns), len(items))


def _end(call: ToolCall) -> int:
    return call.end_ns or 0


def _foreign_end(entry: ForeignEnd) -> int:
    return entry[2]
