"""The probes of a pipeline, all imported at once.

They are imported where ``instrument()`` runs, not on a thread of ours: a process that forks while another thread is
in the middle of an import leaves its child with half a module, for ever.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from otel_perf.config.settings import Settings
from otel_perf.probes.attempts import Attempts
from otel_perf.probes.control_group import ControlGroup
from otel_perf.probes.disks import DiskProbe, FilesystemProbe
from otel_perf.probes.gpu import GpuProbe
from otel_perf.probes.interpreter import InterpreterProbe
from otel_perf.probes.network import ConnectionProbe, NetworkProbe
from otel_perf.probes.own_process import ProcessProbe, UniqueMemoryProbe
from otel_perf.probes.probe_set import Probe, ProbeSet
from otel_perf.probes.process_table import ProcessTableProbe
from otel_perf.probes.system_cpu import CpuProbe, HostProbe
from otel_perf.probes.system_memory import MemoryProbe
from otel_perf.probes.uptime import UptimeProbe

__all__ = ["StandardProbes", "Told"]


@dataclass(frozen=True, slots=True)
class Told:
    """What counters that began with the process showed when they were last told, by an earlier pipeline or a parent.

    Attributes:
        process: Those of the kernel.
        interpreter: Those of the garbage collector.
    """

    process: Mapping[Hashable, float] | None = None
    interpreter: Mapping[Hashable, float] | None = None


class StandardProbes:
    """The probes that the settings ask for. Made and read on one thread at a time.

    Attributes:
        probes: All of them, as a set that keeps what they found.
    """

    def __init__(self, settings: Settings, healthy: Callable[[], bool | None], told: Told, nvml: Any = None) -> None:
        """Nothing is read before ``probes.read()``.

        Args:
            settings: Which probes, and how often.
            healthy: Whether the process is well now; ``None`` when that is not known.
            told: From where to count on.
            nvml: The module ``pynvml``, where there is a driver.
        """
        attempts, group = Attempts(), ControlGroup()
        self._process = ProcessProbe(attempts, group, told.process)
        self._interpreter = InterpreterProbe(attempts, told.interpreter)
        self._gpu = None if nvml is None else GpuProbe(attempts, nvml)
        probes: list[Probe] = [
            self._process,
            self._interpreter,
            CpuProbe(attempts, group),
            MemoryProbe(attempts, group),
            DiskProbe(attempts),
            NetworkProbe(attempts),
            FilesystemProbe(attempts),
            UptimeProbe(healthy, settings.system_interval_seconds),
            HostProbe(attempts),
            UniqueMemoryProbe(attempts),
            ProcessTableProbe(attempts, settings.top_processes),
        ]
        if settings.connection_metrics:
            probes.append(ConnectionProbe(attempts))
        if self._gpu is not None:
            probes.append(self._gpu)
        self.probes = ProbeSet(probes, settings.system_interval_seconds)

    def close(self) -> Told:
        """Let go of what the probes hold; from where another one of the same process counts on."""
        if self._gpu is not None:
            self._gpu.close()
        return Told(self._process.shown(), self._interpreter.shown())
