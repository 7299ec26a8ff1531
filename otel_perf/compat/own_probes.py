"""Probes of the machine for a monitor that runs without a pipeline. Importing this needs psutil."""

from typing import Final

from otel_perf.probes.attempts import Attempts
from otel_perf.probes.control_group import ControlGroup
from otel_perf.probes.disks import DiskProbe, FilesystemProbe
from otel_perf.probes.network import NetworkProbe
from otel_perf.probes.own_process import ProcessProbe
from otel_perf.probes.probe_set import Probe, ProbeSet
from otel_perf.probes.system_cpu import CpuProbe
from otel_perf.probes.system_memory import MemoryProbe

__all__ = ["own_probes"]

PERIOD_SECONDS: Final = 5.0


def own_probes() -> ProbeSet:
    """Those that ``SystemMetrics`` is made of."""
    attempts, group = Attempts(), ControlGroup()
    probes: list[Probe] = [
        ProcessProbe(attempts, group),
        CpuProbe(attempts, group),
        MemoryProbe(attempts, group),
        DiskProbe(attempts),
        NetworkProbe(attempts),
        FilesystemProbe(attempts),
    ]
    return ProbeSet(probes, PERIOD_SECONDS)
