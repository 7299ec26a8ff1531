"""The machine and the process at one moment, from the running pipeline's probes, or from probes of one's own."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from otel_perf.compat.forks import renew_in_child
from otel_perf.core import clock
from otel_perf.core.guard import guard, logger
from otel_perf.core.measurements import Measurement
from otel_perf.probes.system_snapshot import (
    CpuState,
    DiskState,
    MemoryState,
    NetworkState,
    ProcessState,
    snapshot_of,
)
from otel_perf.runtime import active

if TYPE_CHECKING:
    from otel_perf.probes.probe_set import ProbeSet

__all__ = ["SystemLook", "SystemMetrics"]

SHORTEST_NS: Final = 1_000_000_000
"""Looks that follow faster see the same: how busy CPUs were during a few milliseconds says nothing."""
UTILIZATION: Final = "system.filesystem.utilization"


@dataclass(frozen=True, slots=True)
class SystemMetrics:
    """The machine and the process at one moment. What is not available is ``None``.

    Attributes:
        timestamp: Unix time in seconds.
        cpu: CPUs of the host, or those that the container may use. Known from the second look on.
        memory: Memory of the host or of the container.
        disk: Bytes of all disks since the first look.
        network: Bytes of all interfaces since the first look.
        process: This process.
        disk_utilization: Used share of the fullest local file system, 0 to 1.
    """

    timestamp: float
    cpu: CpuState | None = None
    memory: MemoryState | None = None
    disk: DiskState | None = None
    network: NetworkState | None = None
    process: ProcessState | None = None
    disk_utilization: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


class SystemLook:
    """Looks at the machine: asks the pipeline for what its probes found, or probes itself while there is none."""

    def __init__(self) -> None:
        """Nothing is imported or read before the first look."""
        self._own: ProbeSet | None = None
        self._read_ns = 0
        self._unavailable = False
        renew_in_child(self)

    def after_fork_in_child(self) -> None:
        """Probe anew: those of the parent look at the parent."""
        self._own = None

    def metrics(self) -> SystemMetrics:
        """What is known now. Never raises; reads the system (some 10 ms at first) unless a pipeline does so anyway."""
        observed = guard.call("monitor.look", self._observed) or ()
        now = clock.wall_ns() / 1e9
        found = snapshot_of(observed, now)
        return SystemMetrics(now, found.cpu, found.memory, found.disk, found.network, found.process, _fullest(observed))

    def _observed(self) -> Sequence[Measurement]:
        handle = active.current()
        probing = None if handle is None or handle.engine is None else handle.engine.probing
        if probing is not None and probing.jobs:
            self._own = None
            if not probing.observed():
                probing.read()
            return probing.observed()
        own, now_ns = self._own, clock.monotonic_ns()
        if own is None:
            own, self._read_ns = self._make(), 0
        if own is None:
            return ()
        if not self._read_ns or now_ns - self._read_ns >= SHORTEST_NS:
            self._read_ns = now_ns
            own.read()
        return own.observed()

    def _make(self) -> "ProbeSet | None":
        if self._unavailable:
            return None
        try:
            probes: Any = import_module("otel_perf.compat.own_probes")
        except (ImportError, OSError, AttributeError) as error:
            self._unavailable = True
            logger.warning("otel_perf: no system metrics: psutil cannot be imported (%s)", type(error).__name__)
            return None
        self._own = probes.own_probes()
        return self._own


def _fullest(observed: Sequence[Measurement]) -> float | None:
    return max(
        (each.value for each in observed if each.metric.name == UTILIZATION and "used" in each.labels), default=None
    )
