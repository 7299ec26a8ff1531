"""The probes of one process: read at their own pace on one thread, and what they found, for any reader at any time."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from otel_perf.core import clock
from otel_perf.core.guard import guard
from otel_perf.core.measurements import Measurement
from otel_perf.core.signals import metric
from otel_perf.probes.collected import Collected

__all__ = ["Probe", "ProbeSet"]

STALE_PERIODS: Final = 3
"""What was not read again for so many periods is not shown any more."""
COSTLY_NS: Final = 1_000_000
"""CPU time from which a costly probe is read at most once a minute."""
COSTLY_PERIOD_NS: Final = 60 * 1_000_000_000
COST_SHARE: Final = 1000
"""A costly probe takes at most one part in so many of a CPU, however much it costs."""
WAIT_SECONDS: Final = 0.2


class Probe(Protocol):
    """One group of values that is read together.

    Attributes:
        name: The label in the metrics on probes.
        costly: Whether it may cost more than 1 ms, and is then read less often.
    """

    @property
    def name(self) -> str:
        """See above."""
        ...

    @property
    def costly(self) -> bool:
        """See above."""
        ...

    def read(self, found: Collected) -> None:
        """Put in what is known now. Runs on one thread at a time."""
        ...


@dataclass(slots=True)
class _Slot:
    """Strictly private: a probe, and what it found last."""

    probe: Probe
    period_ns: int
    due_ns: int = 0
    read_ns: int | None = None
    cpu_ns: int = 0
    measurements: Sequence[Measurement] = field(default=())


class ProbeSet:
    """Reads probes, and keeps what they found.

    ``observed`` answers from memory with the same objects to everybody, so all readers see the same numbers however
    often each of them asks.
    """

    def __init__(
        self, probes: Sequence[Probe], period_seconds: float, now_ns: Callable[[], int] = clock.monotonic_ns
    ) -> None:
        """Nothing is read before ``read``.

        Args:
            probes: Their names differ.
            period_seconds: How often ``read`` is called.
            now_ns: The monotonic clock.
        """
        self._period_ns = int(period_seconds * 1e9)
        self._slots = [_Slot(probe, self._period_ns) for probe in probes]
        self._now_ns = now_ns
        self._reading = threading.Lock()

    def read(self) -> None:
        """Read every probe that is due; one that fails is counted, and what it found before grows old.

        Does nothing when another thread is reading and does not end within 0.2 s.
        """
        if not self._reading.acquire(timeout=WAIT_SECONDS):
            return
        try:
            for slot in self._slots:
                if self._now_ns() >= slot.due_ns:
                    self._read(slot)
        finally:
            self._reading.release()

    def _read(self, slot: _Slot) -> None:
        found = Collected(self._now_ns())
        cpu_ns = clock.thread_cpu_ns()
        done = guard.call(f"probe {slot.probe.name}", _read_into, slot.probe, found)
        cost_ns = clock.thread_cpu_ns() - cpu_ns
        slot.cpu_ns += cost_ns
        if slot.probe.costly:
            costs = cost_ns > COSTLY_NS
            slot.period_ns = max(COSTLY_PERIOD_NS, cost_ns * COST_SHARE) if costs else self._period_ns
            # Somewhat early: the thread that calls this every period is never quite on time.
            slot.due_ns = found.time_ns + slot.period_ns - self._period_ns // 2
        if done:
            slot.measurements, slot.read_ns = tuple(found.measurements), found.time_ns

    def observed(self) -> list[Measurement]:
        """What was found last, and how old it is; nothing that is older than three periods. Reads nothing."""
        now = self._now_ns()
        observed: list[Measurement] = []
        for slot in self._slots:
            read_ns, name = slot.read_ns, slot.probe.name
            if read_ns is None:
                continue
            observed.append(Measurement(metric("otel_perf.self.probe.age"), (now - read_ns) / 1e9, (name,), now))
            observed.append(Measurement(metric("otel_perf.self.probe.cpu_time"), slot.cpu_ns / 1e9, (name,), now))
            if now - read_ns <= slot.period_ns * STALE_PERIODS:
                observed.extend(slot.measurements)
        return observed


def _read_into(probe: Probe, found: Collected) -> bool:
    probe.read(found)
    return True
