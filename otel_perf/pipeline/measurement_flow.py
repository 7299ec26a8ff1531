"""Measurements on their way from the intake to the parts that read them, and their exact account."""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import isfinite
from typing import Any, Final, Protocol

from otel_perf.core import clock
from otel_perf.core.guard import guard
from otel_perf.core.intake import Intake
from otel_perf.core.measurements import Measurement, MeasurementBalance
from otel_perf.core.tallies import tallies

__all__ = ["MeasurementFlow", "MeasurementReader"]

SLICE: Final = 64
"""Measurements between two pauses: one takes some 0.5 us to fold."""
ASSIST: Final = 16
"""Measurements that an application thread handles when the queue is full."""
ASSIST_WAIT_SECONDS: Final = 0.0005
GATHER_NS: Final = 1_000_000_000
"""How old the counts of tallies may be that nobody waits for."""
GATHER_WAIT_SECONDS: Final = 0.5


class MeasurementReader(Protocol):
    """A part that reads every measurement. Called on the worker, under its lock; must not block, must not do I/O."""

    def on_measurements(self, measurements: Sequence[Measurement]) -> None:
        """Valid measurements, in the order in which they were made."""
        ...


class MeasurementFlow:
    """Takes measurements out of the intake. All methods but ``relieve`` run under the worker's lock.

    Attributes:
        readers: Who is told of measurements.
    """

    def __init__(self, intake: Intake, max_waiting: int) -> None:
        """Prepare; nothing is taken before ``handle``."""
        self._intake = intake
        self.readers: Sequence[MeasurementReader] = ()
        self._max_waiting = max_waiting
        self.reset()

    def reset(self) -> None:
        """Start at zero; what tallies counted until now belongs to nobody, or to the parent process."""
        tallies.restart()
        self._gathering = threading.Lock()
        self._gathered_ns = clock.monotonic_ns()
        self._recorded = self._invalid = 0
        self._dropped = itertools.count()

    def open(self, wake: Callable[[], object], lock: Any) -> None:
        """Let measurements in; ``wake`` rouses the worker, ``lock`` makes handling exclusive."""
        self._wake = wake
        self._lock = lock
        self._intake.relieve_measurements = self.relieve
        self._intake.measurement_mark = self._max_waiting // 2

    def gather(self) -> None:
        """Have the tallies hand in what they have counted. Past the bound of the queue: it is little, and exact.

        Whoever comes while another gathers waits for that one, so that nothing is under way when this returns.
        """
        if not self._gathering.acquire(timeout=GATHER_WAIT_SECONDS):
            return
        try:
            self._gathered_ns = clock.monotonic_ns()
            self._intake.measurements.extend(tallies.take())
        finally:
            self._gathering.release()

    def handle(self, size: int = SLICE) -> int:
        """Take up to ``size`` and hand them on; how many."""
        queue = self._intake.measurements
        if clock.monotonic_ns() - self._gathered_ns > GATHER_NS:
            self.gather()
        if not queue:
            return 0
        taken: list[Measurement] = []
        with suppress(IndexError):  # an overflow may shrink the other end meanwhile
            taken.extend(queue.popleft() for _ in range(min(size, len(queue))))
        valid = [entry for entry in taken if _is_valid(entry)]
        self._recorded += len(valid)
        self._invalid += len(taken) - len(valid)
        for reader in self.readers:
            guard.call("measurements", reader.on_measurements, valid)
        return len(taken)

    def relieve(self) -> None:
        """Called on an application thread that found the queue more than half full."""
        guard.call("measurements", self._wake)
        if len(self._intake.measurements) <= self._max_waiting:
            return
        if self._lock.acquire(timeout=ASSIST_WAIT_SECONDS):
            try:
                guard.call("measurements", self.handle, ASSIST)
            finally:
                self._lock.release()
        else:
            self._drop_newest(self._intake.measurements)

    def _drop_newest(self, queue: "deque[Measurement]") -> None:
        with suppress(IndexError):
            queue.pop()
            next(self._dropped)

    def balance(self, waiting: int) -> MeasurementBalance:
        """The account, ``waiting`` of the queue included, which count as recorded."""
        disabled = self._intake.disabled_measurements
        dropped = int(repr(self._dropped)[len("count(") : -1])
        return MeasurementBalance(
            measurements=self._recorded + self._invalid + waiting + dropped + disabled,
            recorded=self._recorded + waiting,
            invalid=self._invalid,
            dropped=dropped,
            disabled=disabled,
        )


def _is_valid(entry: Measurement) -> bool:
    """A finite number; one that is not negative, where it is added to a counter."""
    value: object = entry.value
    if not isinstance(value, (int, float)) or not _finite(value):
        return False
    return entry.metric.instrument != "counter" or value >= 0


def _finite(value: float) -> bool:
    with suppress(OverflowError):  # an integer beyond every float
        return isfinite(value)
    return False
