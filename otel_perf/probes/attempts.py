"""Asking the operating system for something that it may not have, or may not give."""

from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

import psutil

from otel_perf.core import clock
from otel_perf.core.guard import logger

__all__ = ["Attempts"]

P = ParamSpec("P")
R = TypeVar("R")

REFUSALS: Final = (
    psutil.Error,  # AccessDenied, NoSuchProcess, ZombieProcess, TimeoutExpired
    OSError,
    NotImplementedError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    Warning,  # where the application turns warnings into errors
)
"""How psutil and the kernel say no, in all versions and on all systems."""

PATIENCE: Final = 3
"""Failures in a row after which a question is not asked any more."""
RETRY_SECONDS: Final = 600.0
"""After this long it is asked again: permissions and devices change."""


class Attempts:
    """Asks; what fails is absent, and what keeps failing is left alone for ten minutes, told in one line."""

    def __init__(self, now_ns: Callable[[], int] = clock.monotonic_ns) -> None:
        """Nothing has failed yet."""
        self._now_ns = now_ns
        self._failures: dict[str, int] = {}
        self._resting_until_ns: dict[str, int] = {}
        self._told: set[str] = set()

    def ask(self, what: str, question: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R | None:
        """What the call answers; ``None`` when it fails, or is left alone because it kept failing.

        Args:
            what: What is asked for, in the words of the log.
            question: The call.
            *args: Its arguments.
            **kwargs: Its keyword arguments.
        """
        if what in self._resting_until_ns and self._now_ns() < self._resting_until_ns[what]:
            return None
        try:
            answer = question(*args, **kwargs)
        except REFUSALS as error:
            self._note(what, error)
            return None
        self._failures.pop(what, None)
        return answer

    def _note(self, what: str, error: Exception) -> None:
        failures = self._failures[what] = self._failures.get(what, 0) + 1
        if failures < PATIENCE:
            return
        self._resting_until_ns[what] = self._now_ns() + int(RETRY_SECONDS * 1e9)
        if what not in self._told:
            self._told.add(what)
            logger.info("otel_perf: %s cannot be measured here (%s)", what, type(error).__name__)
