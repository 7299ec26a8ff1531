"""Never break the host: the one place where an exception of ours is caught, counted and told once.

Only ``Exception`` is caught. ``KeyboardInterrupt``, ``SystemExit`` and task cancellation always pass.
"""

import logging
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar

from otel_perf.core import clock

__all__ = ["Guard", "Withheld", "guard", "logger"]

logger = logging.getLogger("otel_perf")

P = ParamSpec("P")
R = TypeVar("R")

REPEAT_AFTER_NS = 60 * 1_000_000_000
"""A stage that keeps failing is told again at most once a minute; every failure is counted."""


CONTENT_STAGES = ("capture", "redaction")
"""Stages that handle what tools were given: the text of an error may repeat it."""


class Withheld(Exception):  # noqa: N818 - it reads as what happened to the text
    """Stands in the log for an error whose own text may hold content; its own text is the error's class."""


class Guard:
    """Counts internal errors per stage and keeps the log quiet about repetitions."""

    def __init__(self) -> None:
        """Start with no error counted."""
        self.counts: Counter[str] = Counter()
        self._told_at_ns: dict[tuple[str, str], int] = {}

    def report(self, stage: str, error: BaseException) -> None:
        """Count one internal error of ``stage``; log the first of its kind with its traceback."""
        self.counts[stage] += 1
        kind = (stage, type(error).__qualname__)
        now = clock.monotonic_ns()
        told_at = self._told_at_ns.get(kind)
        if told_at is not None and now - told_at < REPEAT_AFTER_NS:
            return
        self._told_at_ns[kind] = now
        if told_at is None:
            shown = error
            if stage.partition(".")[0] in CONTENT_STAGES:
                shown = Withheld(type(error).__qualname__).with_traceback(error.__traceback__)
            logger.error("otel_perf: internal error in %s; the application is not affected", stage, exc_info=shown)
        else:
            logger.error("otel_perf: internal error in %s again (%d so far)", stage, self.counts[stage])

    def call(self, stage: str, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R | None:
        """Call ``function``; an exception of its is counted under ``stage`` and gives ``None``."""
        try:
            return function(*args, **kwargs)
        except Exception as error:
            self.report(stage, error)
            return None

    def block(self, stage: str) -> "GuardedBlock":
        """A ``with`` block whose exceptions are counted under ``stage`` and go no further."""
        return GuardedBlock(self, stage)

    def total(self) -> int:
        """All internal errors so far."""
        return self.counts.total()


class GuardedBlock:
    """Strictly private: what ``Guard.block`` returns."""

    __slots__ = ("_guard", "_stage")

    def __init__(self, owner: Guard, stage: str) -> None:
        self._guard = owner
        self._stage = stage

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self._guard.report(self._stage, error)
        return True


guard = Guard()
