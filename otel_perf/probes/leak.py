"""Does a function leak? It is called many times, and resident memory is read in between.

Method: some calls first, so that caches and the allocator fill up; then memory is read at twenty points, each after a
full garbage collection, and after the C library gave free memory back to the system (glibc's ``malloc_trim``; elsewhere
memory that was free before may hide a leak). A leak grows by more than the threshold, and it goes on: each half of the
calls has at least a quarter of the growth, which a single step, such as a cache that fills once, has not.
"""

import ctypes
import gc
import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

from otel_perf.core.guard import logger
from otel_perf.probes.occurrence import label_text
from otel_perf.probes.resident_memory import read_rss
from otel_perf.statistics.trend import median_slope

__all__ = ["LeakReport", "detect_memory_leak", "detect_memory_leak_async"]

MEBIBYTE: Final = 1024 * 1024
READINGS: Final = 20
WARMUP_SHARE: Final = 5
"""One fifth of the iterations again is called before the first reading."""
SHARE_OF_A_HALF: Final = 0.25
"""What each half of the calls must have of the growth; of a steady leak each has a half."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakReport:
    """What was found.

    Attributes:
        name: The function's name.
        leaking: Whether the growth exceeds the threshold, in both halves; ``None`` where memory cannot be read.
        iterations: Calls between the first and the last reading.
        warmup: Calls before them.
        growth_bytes: Last reading minus first.
        slope_bytes: Growth per call: the median over all pairs of readings.
        threshold_bytes: What was allowed over all iterations.
        readings_bytes: Resident memory of the process at each reading.
    """

    name: str
    leaking: bool | None
    iterations: int
    warmup: int
    growth_bytes: int | None
    slope_bytes: float | None
    threshold_bytes: int
    readings_bytes: tuple[int, ...]

    @property
    def growth_mb(self) -> float | None:
        """The growth in MiB."""
        return None if self.growth_bytes is None else self.growth_bytes / MEBIBYTE

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), "readings_bytes": list(self.readings_bytes), "growth_mb": self.growth_mb}

    def __str__(self) -> str:
        """One line for people."""
        if self.growth_bytes is None or self.slope_bytes is None:
            return f"{self.name}: the process's memory cannot be read"
        verdict = "leaks" if self.leaking else "does not leak"
        return (
            f"{self.name} {verdict}: {self.growth_bytes / MEBIBYTE:+.1f} MiB in {self.iterations} calls, "
            f"median {self.slope_bytes / 1024:+.1f} KiB per call (allowed {self.threshold_bytes / MEBIBYTE:g} MiB)"
        )


def detect_memory_leak(
    fn: Callable[[], object], iterations: int = 100, threshold_mb: float = 10.0, *, warmup: int | None = None
) -> LeakReport:
    """Call ``fn`` many times and see whether the process grows. A leak is told in a WARNING.

    Other work of the process during the test counts as well, so run it alone. What ``fn`` raises passes.

    Args:
        fn: Called without arguments. Of a coroutine function, use ``detect_memory_leak_async``.
        iterations: Calls that are watched; at least 2.
        threshold_mb: Growth in MiB (2^20 bytes) over all of them that is still no leak.
        warmup: Calls before the first reading; a fifth of ``iterations``, at least 3, when left out.

    Raises:
        ValueError: Fewer than 2 iterations, or a negative or not finite threshold.
        TypeError: ``fn`` gives something to await.
    """
    study = _Study(fn, iterations, threshold_mb, warmup)
    for number in study.calls():
        given = fn()
        if number == 0 and inspect.isawaitable(given):
            if inspect.iscoroutine(given):
                given.close()
            raise TypeError("fn gives something to await: use detect_memory_leak_async")
        del given
        study.called(number)
    return study.report()


async def detect_memory_leak_async(
    fn: Callable[[], Awaitable[object]], iterations: int = 100, threshold_mb: float = 10.0, *, warmup: int | None = None
) -> LeakReport:
    """The same for a function whose result is awaited, such as ``lambda: agent.run("hi")``.

    The event loop's other tasks run meanwhile, and what they keep counts as well.

    Args:
        fn: Called without arguments; what it gives is awaited.
        iterations: As of ``detect_memory_leak``.
        threshold_mb: As of ``detect_memory_leak``.
        warmup: As of ``detect_memory_leak``.

    Raises:
        ValueError: As of ``detect_memory_leak``.
    """
    study = _Study(fn, iterations, threshold_mb, warmup)
    for number in study.calls():
        await fn()
        study.called(number)
    return study.report()


def _trim() -> None:
    """Let the C library give back what is free, where it can."""
    with suppress(OSError, AttributeError, TypeError, ValueError):
        ctypes.CDLL(None).malloc_trim(0)


class _Study:
    """Strictly private: when memory is read, and what is made of it."""

    def __init__(self, fn: Callable[..., object], iterations: int, threshold_mb: float, warmup: int | None) -> None:
        if iterations < 2:  # noqa: PLR2004 - a trend needs two
            raise ValueError("iterations must be 2 or more")
        if not 0 <= threshold_mb < float("inf"):
            raise ValueError("threshold_mb must be a number of 0 or more")
        self._name = label_text(getattr(fn, "__qualname__", None) or type(fn).__qualname__)
        self._iterations = iterations
        self._threshold_bytes = round(threshold_mb * MEBIBYTE)
        self._warmup = max(3, iterations // WARMUP_SHARE) if warmup is None else max(0, warmup)
        steps = min(iterations, READINGS)
        self._due = {self._warmup + round(step * iterations / steps) for step in range(steps + 1)}
        self._points: list[tuple[int, int]] = []

    def calls(self) -> range:
        """The numbers of all calls; the first reading is due before the first that is watched."""
        self._read_if_due(0)
        return range(self._warmup + self._iterations)

    def called(self, number: int) -> None:
        self._read_if_due(number + 1)

    def _read_if_due(self, calls: int) -> None:
        if calls not in self._due:
            return
        gc.collect()
        _trim()
        rss_bytes = read_rss()
        if rss_bytes is not None:
            self._points.append((calls, rss_bytes))

    def _smaller_half(self) -> int:
        """Growth in the half of the calls in which there was less."""
        first, middle, last = (self._points[place][1] for place in (0, len(self._points) // 2, -1))
        return min(middle - first, last - middle)

    def report(self) -> LeakReport:
        slope = median_slope(self._points)
        growth = None if slope is None else self._points[-1][1] - self._points[0][1]
        leaking = None
        if slope is not None and growth is not None:
            leaking = growth > self._threshold_bytes and self._smaller_half() >= growth * SHARE_OF_A_HALF
        report = LeakReport(
            name=self._name,
            leaking=leaking,
            iterations=self._iterations,
            warmup=self._warmup,
            growth_bytes=growth,
            slope_bytes=slope,
            threshold_bytes=self._threshold_bytes,
            readings_bytes=tuple(rss_bytes for _, rss_bytes in self._points),
        )
        if report.leaking:
            logger.warning("otel_perf: memory leak: %s", report)
        return report
