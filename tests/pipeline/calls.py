"""Calls by hand through a pipeline of the test's own: its queues, its clock, and no thread unless it starts one."""

import itertools
from collections.abc import Sequence
from typing import Any

from otel_perf.core.intake import Intake
from otel_perf.core.records import Failure, Scope, Tool, ToolCall
from otel_perf.pipeline.call_statistics import CallStatistics
from otel_perf.pipeline.open_calls import OpenCalls
from otel_perf.pipeline.worker import Worker

SAMPLED = Scope(sampled=True)
UNSAMPLED = Scope(sampled=False)
FAILED = Failure("error", "ValueError")
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
FAR_DEADLINE = 1 << 62

_tools: dict[str, Tool] = {}


def running(name: str = "tool", caller: ToolCall | None = None, start_ns: int = 0, scope: Scope = SAMPLED) -> ToolCall:
    """A call that has begun."""
    call = ToolCall.__new__(ToolCall)
    call.tool = _tools.setdefault(name, Tool(name))
    call.parent, call.caller, call.scope, call.start_ns = None, caller, scope, start_ns
    call.end_ns = call.failure = call.context = call.details = call.readable = None
    return call


def ended(
    name: str = "tool",
    caller: ToolCall | None = None,
    start_ns: int = 0,
    end_ns: int = MILLISECOND,
    *,
    failure: Failure | None = None,
    scope: Scope = SAMPLED,
) -> ToolCall:
    """A call that is over."""
    call = running(name, caller, start_ns, scope)
    call.end_ns, call.failure = end_ns, failure
    return call


def end(call: ToolCall, end_ns: int) -> ToolCall:
    """The same call, ended."""
    call.end_ns = end_ns
    return call


class Seen:
    """A reader and carrier that keeps what it was told, in the order of telling."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.slices: list[int] = []

    def on_starts(self, calls: Sequence[ToolCall]) -> None:
        self.told.extend(("start", call) for call in calls)

    def on_calls(self, calls: Sequence[ToolCall]) -> None:
        self.slices.append(len(calls))
        self.told.extend(("call", call) for call in calls)

    def on_foreign_calls(self, calls: Sequence[ToolCall]) -> None:
        self.told.extend(("foreign", call) for call in calls)

    def on_foreign(self, spans: Sequence[Any]) -> None:
        self.told.extend(("span", span) for span in spans)

    def on_overflow(self, call: ToolCall) -> None:
        self.told.append(("overflow", call))

    def of(self, kind: str) -> list[Any]:
        return [what for told, what in self.told if told == kind]


class Carried(Seen):
    """The same as a carrier: a class of its own, so that its failures have a stage of their own."""


class Pipeline:
    """One intake, one worker, one reader, one carrier, and the real statistics."""

    def __init__(self, *, readers: Sequence[Any] = (), carriers: Sequence[Any] = (), **options: Any) -> None:
        self.intake = Intake()
        self.clock = itertools.count(1)
        self.intake.now_ns = lambda: next(self.clock)
        self.open_calls = OpenCalls(self.intake)
        self.reader, self.carrier, self.statistics = Seen(), Carried(), CallStatistics()
        self.worker = Worker(
            self.intake,
            self.open_calls,
            [*readers, self.statistics, self.reader],
            [*carriers, self.carrier],
            **options,
        )

    def hand_in(self, *calls: ToolCall) -> None:
        """What the end of a call does."""
        for call in calls:
            self.intake.finished.append(call)
            if len(self.intake.finished) > self.intake.high_water:
                self.intake.relieve()

    def open_valve(self, max_calls: int) -> None:
        """What ``start`` does, without a thread."""
        self.intake.relieve = self.worker.relieve
        self.intake.high_water = max_calls

    def drain(self) -> None:
        assert self.worker.drain(FAR_DEADLINE)
