"""One run of a named piece of the application's work: its span, how fast it was, what is recorded at its end.

The clock is read first at the end, so that nothing that is looked up afterwards counts as the work's time.
"""

import sys
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any, Final

from otel_perf.core.clock import system_clock
from otel_perf.core.guard import guard
from otel_perf.core.intake import intake
from otel_perf.core.operation_signals import CONTEXT_MODE, OPERATION_SLOW
from otel_perf.core.recording import record
from otel_perf.core.records import AttributeValue, Failure, Tool
from otel_perf.probes.resident_memory import read_rss
from otel_perf.probes.speed import Speed, SpeedThresholds, speed_log, thresholds_of
from otel_perf.tracing.exceptions import classify_exception
from otel_perf.tracing.open_span import OpenSpan, extended_identity
from otel_perf.tracing.tool import NAME_LENGTH
from otel_perf.tracing.values import clean_value

__all__ = ["Occurrence", "Work", "describe_work", "label_text"]

NANOSECONDS: Final = 1_000_000_000
STACK_FRAMES: Final = 16
OWN_FOLDERS: Final = tuple(str(Path(__file__).parents[1] / part) for part in ("probes", "core"))


def label_text(value: object) -> str:
    """A name that can be a label, whatever was passed: at most 128 characters, never empty."""
    text = clean_value(value, NAME_LENGTH)
    return text if isinstance(text, str) and text else "unnamed"


@lru_cache(maxsize=2000)
def describe_work(name: str, *attributes: tuple[str, str]) -> Tool:
    """The description of a kind of work, one object for all its runs (as long as the names are few)."""
    return Tool(name, kind="operation", attributes=dict(attributes))


@dataclass(frozen=True, slots=True)
class Work:
    """What is the same for every run of a block or a decorated function.

    Attributes:
        described: Name and attributes of the span.
        attributes: More of them.
        context_mode: ``otel_perf.context.mode`` of everything below.
        thresholds: When it is slow; those set for its name when ``None``.
    """

    described: Tool
    attributes: Mapping[str, Any] = field(default_factory=dict)
    context_mode: str | None = None
    thresholds: SpeedThresholds | None = None


class Occurrence:
    """One run. Whoever opens it enters and leaves it as often as it is interrupted, and ends it once.

    Attributes:
        work: What is the same for every run.
        span: Its span.
        duration_ns: From start to end; ``None`` while it runs.
    """

    __slots__ = ("__weakref__", "duration_ns", "span", "work")

    def __init__(self, work: Work) -> None:
        """Begin."""
        self.work = work
        self.duration_ns: int | None = None
        guard.call("operation.prepare", self.prepare)
        mode = work.context_mode
        identity = None if mode is None else extended_identity({CONTEXT_MODE.name: mode})
        self.span = OpenSpan(work.described, identity)
        if work.attributes:
            self.span.set_attributes(work.attributes)

    def prepare(self) -> None:
        """Read what must be read before the start."""

    def resume(self) -> None:
        """The work goes on in this execution context."""
        self.span.enter()

    def pause(self) -> None:
        """The work is interrupted, or over."""
        self.span.leave()

    def step_begins(self) -> None:
        """A coroutine runs; its span is current already."""

    def step_ends(self) -> None:
        """It waits, or is over."""

    def end(self, error: BaseException | None) -> None:
        """End it; ``error`` is what left it, if anything."""
        end_ns = intake.now_ns()
        self.duration_ns = duration_ns = max(0, end_ns - self.span.start_ns)
        failure = None if error is None else classify_exception(error)
        recorded = self.span.recorded
        guard.call("operation.end", self._conclude, duration_ns, failure, recorded=recorded)
        self.span.end(error, end_ns)

    def _conclude(self, duration_ns: int, failure: Failure | None, *, recorded: bool) -> None:
        seconds = duration_ns / NANOSECONDS
        thresholds = self.work.thresholds or thresholds_of(self.work.described.name)
        speed = thresholds.speed_of(seconds)
        measured = self.conclude(duration_ns, failure, speed)
        if recorded:
            measured["otel_perf.speed"] = speed
            self.span.set_measured(measured)
            self._tell(seconds, speed, thresholds)

    def conclude(self, duration_ns: int, failure: Failure | None, speed: Speed) -> dict[str, AttributeValue]:  # noqa: ARG002 - for those who measure more
        """Record what was measured; more attributes of the span."""
        return {}

    def _tell(self, seconds: float, speed: Speed, thresholds: SpeedThresholds) -> None:
        name = self.work.described.name
        logged = speed_log.tell(name, seconds, speed, intake.now_ns())
        if speed == "slow":
            record(OPERATION_SLOW, 1, name, "true" if logged else "false")
        if speed == "slow" or (speed == "moderate" and thresholds.debug):
            self.span.add_event("slow_operation", self._slow_event(seconds, speed, debug=thresholds.debug), self._now())

    def _now(self) -> int:
        return system_clock.unix_ns(self.span.start_ns + (self.duration_ns or 0))

    def _slow_event(self, seconds: float, speed: Speed, *, debug: bool) -> dict[str, Any]:
        thread = threading.current_thread()
        event: dict[str, Any] = {
            "otel_perf.operation.name": self.work.described.name,
            "otel_perf.operation.duration": seconds,
            "otel_perf.speed": speed,
            "otel_perf.memory.rss": self.rss_bytes(),
            "thread.id": thread.native_id if thread.ident is None else thread.ident,
            "thread.name": thread.name,
            "code.stacktrace": _stack() if debug else None,
        }
        return {key: value for key, value in event.items() if value is not None}

    def rss_bytes(self) -> int | None:
        """Resident memory of the process at the end."""
        return read_rss()


def _stack() -> str:
    """The frames of the application that ended the work, innermost last."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - inspect.currentframe() is this function
    while frame is not None and frame.f_code.co_filename.startswith(OWN_FOLDERS):
        frame = frame.f_back
    return "".join(traceback.format_list(traceback.extract_stack(frame, STACK_FRAMES)))
