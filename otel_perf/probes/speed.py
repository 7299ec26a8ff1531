"""Fast, moderate or slow: thresholds by operation, and the log lines that go with them.

Up to the first threshold DEBUG, above it INFO, above the second WARNING: one a minute for each operation, the others
are counted.
"""

import logging
import threading
from dataclasses import dataclass
from math import isfinite
from typing import Final, Literal, TypeAlias

from otel_perf.core.guard import logger

__all__ = ["Speed", "SpeedLog", "SpeedThresholds", "set_speed_thresholds", "speed_log", "thresholds_of"]

Speed: TypeAlias = Literal["fast", "moderate", "slow"]

MODERATE_SECONDS: Final = 1.0
SLOW_SECONDS: Final = 5.0
REPEAT_AFTER_NS: Final = 60 * 1_000_000_000
"""A slow operation is warned of at most once a minute."""
MAX_NAMES: Final = 2000
"""Operations with a minute of their own; those beyond share one."""
OTHER: Final = "_OTHER"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedThresholds:
    """When an operation counts as moderate, and as slow.

    Attributes:
        moderate_seconds: Longer than this is moderate: an INFO line.
        slow_seconds: Longer than this is slow: a WARNING line and a ``slow_operation`` event.
        debug: Write the event for moderate operations too, and the stack into it.

    Raises:
        ValueError: A threshold is negative or no number, or the second is below the first.
    """

    moderate_seconds: float = MODERATE_SECONDS
    slow_seconds: float = SLOW_SECONDS
    debug: bool = False

    def __post_init__(self) -> None:
        """Check."""
        if not (isfinite(self.slow_seconds) and 0 <= self.moderate_seconds <= self.slow_seconds):
            raise ValueError("0 <= moderate_seconds <= slow_seconds must hold")

    def speed_of(self, seconds: float) -> Speed:
        """The category of a duration; a threshold itself still belongs to the faster one."""
        if seconds > self.slow_seconds:
            return "slow"
        return "moderate" if seconds > self.moderate_seconds else "fast"


_default: list[SpeedThresholds] = [SpeedThresholds()]
_by_operation: Final[dict[str, SpeedThresholds]] = {}


def thresholds_of(operation: str) -> SpeedThresholds:
    """The thresholds that hold for an operation."""
    return _by_operation.get(operation) or _default[0]


def set_speed_thresholds(
    operation: str | None = None,
    *,
    moderate_seconds: float | None = None,
    slow_seconds: float | None = None,
    debug: bool = False,
) -> None:
    """Set the thresholds for one operation, or for all that have none of their own.

    Args:
        operation: Name of the operation; all others when left out.
        moderate_seconds: Longer is moderate; 1 s when left out (or ``slow_seconds``, when that is less).
        slow_seconds: Longer is slow; 5 s when left out (or ``moderate_seconds``, when that is more).
        debug: Write the ``slow_operation`` event for moderate operations too, with the stack.

    Raises:
        ValueError: A threshold is negative or no number, or the second is below the first.
    """
    slow = max(SLOW_SECONDS, moderate_seconds or 0.0) if slow_seconds is None else slow_seconds
    moderate = min(MODERATE_SECONDS, slow) if moderate_seconds is None else moderate_seconds
    thresholds = SpeedThresholds(moderate_seconds=moderate, slow_seconds=slow, debug=debug)
    if operation is None:
        _default[0] = thresholds
    else:
        _by_operation[operation] = thresholds


class SpeedLog:
    """Writes the lines, and knows when each operation was last warned of."""

    def __init__(self) -> None:
        """Nothing was written yet."""
        self._lock = threading.Lock()
        self._told: dict[str, tuple[int, int]] = {}

    def tell(self, operation: str, seconds: float, speed: Speed, now_ns: int) -> bool:
        """Write the line for one operation, unless it is a warning too many; whether a warning was written.

        Args:
            operation: Its name.
            seconds: How long it took.
            speed: Its category.
            now_ns: The present, on any monotonic clock.
        """
        if speed != "slow":
            level = logging.INFO if speed == "moderate" else logging.DEBUG
            if logger.isEnabledFor(level):
                logger.log(level, "otel_perf: %s operation: %s took %.2f s", speed, operation, seconds)
            return False
        unwritten = self._due(operation, now_ns)
        if unwritten is None:
            return False
        more = f" ({unwritten} more were slow since the last such line)" if unwritten else ""
        logger.warning("otel_perf: slow operation: %s took %.2f s%s", operation, seconds, more)
        return True

    def _due(self, operation: str, now_ns: int) -> int | None:
        """How many lines were left out since the last, when one is due; else one more is."""
        with self._lock:
            name = operation if operation in self._told or len(self._told) < MAX_NAMES else OTHER
            at_ns, left_out = self._told.get(name, (now_ns - REPEAT_AFTER_NS, 0))
            due = now_ns - at_ns >= REPEAT_AFTER_NS
            self._told[name] = (now_ns, 0) if due else (at_ns, left_out + 1)
            return left_out if due else None

    def forget(self) -> None:
        """Start anew."""
        self._lock = threading.Lock()
        self._told = {}


speed_log: Final = SpeedLog()
