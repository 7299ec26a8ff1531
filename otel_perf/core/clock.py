"""The two clocks: a monotonic one for durations, and wall time derived from it.

This is the only module that reads the operating system's clocks.
"""

from collections.abc import Callable
from time import perf_counter_ns, process_time_ns, thread_time_ns, time_ns

__all__ = ["Clock", "monotonic_ns", "process_cpu_ns", "seconds_until", "system_clock", "thread_cpu_ns", "wall_ns"]

monotonic_ns = perf_counter_ns
wall_ns = time_ns
thread_cpu_ns = thread_time_ns
process_cpu_ns = process_time_ns


def seconds_until(moment_ns: int) -> float:
    """Seconds to a moment of the monotonic clock; 0 when it has passed."""
    return max(0.0, (moment_ns - monotonic_ns()) / 1e9)


class Clock:
    """Monotonic nanoseconds, and the offset that turns them into Unix time.

    A duration is the difference of two monotonic readings, so a step of the wall clock can never make it
    negative. Unix time is ``monotonic + offset_ns``; the offset is measured again by the worker before each drain.
    """

    __slots__ = ("_held", "_wall_ns", "now_ns", "offset_ns")

    def __init__(self, now_ns: Callable[[], int] = perf_counter_ns, wall_ns: Callable[[], int] = time_ns) -> None:
        """Take both clocks as arguments, so that a test can drive them."""
        self.now_ns = now_ns
        self._wall_ns = wall_ns
        self.offset_ns = 0
        self._held = False
        self.calibrate()

    def calibrate(self) -> None:
        """Measure the offset again: the wall reading between two monotonic ones belongs to their middle."""
        if self._held:
            return
        before = self.now_ns()
        wall = self._wall_ns()
        after = self.now_ns()
        self.offset_ns = wall - (before + after) // 2

    def hold(self, offset_ns: int) -> None:
        """Use a fixed offset until ``release``: for tests whose monotonic clock is not the system's."""
        self._held = True
        self.offset_ns = offset_ns

    def release(self) -> None:
        """Measure the offset again."""
        self._held = False
        self.calibrate()

    def unix_ns(self, monotonic: int) -> int:
        """Unix time in nanoseconds of a monotonic reading."""
        return monotonic + self.offset_ns


system_clock = Clock()
