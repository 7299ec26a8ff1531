"""Calls that have begun and not ended: a hung tool is the classic failure of an agent."""

from dataclasses import dataclass
from itertools import islice
from typing import Final

from otel_perf.core.guard import logger
from otel_perf.core.intake import Intake
from otel_perf.core.records import Kind, ToolCall

__all__ = ["OpenCall", "OpenCalls"]

MAX_OPEN: Final = 20_000
"""Calls kept under watch. Beyond these the oldest is given up and counted, so that memory stays bounded."""
SLACK: Final = 16
"""The bound may be exceeded by this part of itself before calls are given up."""


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that is running: its tool (or agent), the agent it runs under, its age in seconds, and its kind."""

    tool: str
    agent: str | None
    age_seconds: float
    kind: Kind = "tool"


class OpenCalls:
    """Keeps the calls that began and did not end. All methods run under the worker's lock."""

    def __init__(self, intake: Intake, *, max_open: int = MAX_OPEN, warn_after_seconds: float | None = None) -> None:
        """Watch the calls that ``intake`` says have started; ``warn_after_seconds`` tells a long one once.

        Attributes:
            given_up: Running calls that are not under watch any more.
        """
        self._intake = intake
        self._max_open = max_open
        self._warn_after_ns = None if warn_after_seconds is None else int(warn_after_seconds * 1e9)
        self._open: dict[int, ToolCall] = {}
        self._warned: set[int] = set()
        self.given_up = 0

    def take(self) -> list[ToolCall]:
        """Take the calls that started since the last time; those that have ended already need no watch."""
        popleft = self._intake.started.popleft
        watched = self._open
        taken = [popleft() for _ in range(len(self._intake.started))]
        for call in taken:
            if call.end_ns is None:
                watched[id(call)] = call
        # A look at all of them costs a millisecond: it has to pay for more than a few calls.
        if len(watched) > self._max_open + self._max_open // SLACK:
            self.refresh()
            self._give_up(len(watched) - self._max_open)
        return taken

    def _give_up(self, surplus: int) -> None:
        for key in list(islice(self._open, max(0, surplus))):
            del self._open[key]
            self._warned.discard(key)
            self.given_up += 1

    def refresh(self) -> None:
        """Let go of the calls that have ended."""
        ended = [key for key, call in self._open.items() if call.end_ns is not None]
        for key in ended:
            del self._open[key]
            self._warned.discard(key)

    def current(self, now_ns: int) -> list[OpenCall]:
        """The calls that are running, oldest first."""
        self.refresh()
        return [_describe(call, now_ns) for call in sorted(self._open.values(), key=_start)]

    def oldest_tool_seconds(self, now_ns: int) -> float | None:
        """Age of the tool call that runs longest; ``None`` when none runs."""
        # They are kept in the order of their starts.
        running = (call for call in self._open.values() if call.end_ns is None and call.tool.kind == "tool")
        oldest = next(running, None)
        return None if oldest is None else (now_ns - oldest.start_ns) / 1e9

    def warn(self, now_ns: int) -> None:
        """Tell each call once that has been running for longer than the limit."""
        if self._warn_after_ns is None:
            return
        for key, call in self._open.items():
            if key not in self._warned and now_ns - call.start_ns > self._warn_after_ns and call.end_ns is None:
                self._warned.add(key)
                logger.warning("otel_perf: %s has been running for %.1f s", *_age(call, now_ns))

    def forget(self) -> None:
        """Drop everything: after a fork these calls run in the parent only."""
        self._open.clear()
        self._warned.clear()


def _start(call: ToolCall) -> int:
    return call.start_ns


def _age(call: ToolCall, now_ns: int) -> tuple[str, float]:
    return repr(call.tool.name), (now_ns - call.start_ns) / 1e9


def _describe(call: ToolCall, now_ns: int) -> OpenCall:
    identity = call.scope.identity
    return OpenCall(
        call.tool.name,
        None if identity is None else identity.agent_name,
        (now_ns - call.start_ns) / 1e9,
        call.tool.kind,
    )
