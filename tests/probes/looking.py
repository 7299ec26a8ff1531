"""Looking through one probe, and control groups made of files."""

from pathlib import Path

from otel_perf.core import clock
from otel_perf.probes.attempts import Attempts
from otel_perf.probes.collected import Collected
from otel_perf.probes.control_group import ControlGroup
from otel_perf.probes.disks import DiskProbe, FilesystemProbe
from otel_perf.probes.interpreter import InterpreterProbe
from otel_perf.probes.network import ConnectionProbe, NetworkProbe
from otel_perf.probes.own_process import ProcessProbe, UniqueMemoryProbe
from otel_perf.probes.probe_set import Probe
from otel_perf.probes.process_table import ProcessTableProbe
from otel_perf.probes.system_cpu import CpuProbe, HostProbe
from otel_perf.probes.system_memory import MemoryProbe

SECOND = 1_000_000_000


class Look:
    """What one look found, by name and labels."""

    def __init__(self, probe: Probe, time_ns: int | None = None) -> None:
        found = Collected(clock.monotonic_ns() if time_ns is None else time_ns)
        probe.read(found)
        keys = [(each.metric.name, each.labels) for each in found.measurements]
        assert len(set(keys)) == len(keys), "a series was given twice"
        for each in found.measurements:
            assert len(each.labels) == len(each.metric.attributes), each
        self.values = {(each.metric.name, each.labels): each.value for each in found.measurements}

    def __getitem__(self, key: str | tuple[str, ...]) -> float:
        """The value of ``name`` or of ``(name, label, …)``."""
        name, *labels = (key,) if isinstance(key, str) else key
        return self.values[name, tuple(labels)]

    def total(self, name: str, *labels: str) -> float:
        """Sum of all series of ``name`` that have the labels; ``KeyError`` when there is none."""
        values = [v for (n, found), v in self.values.items() if n == name and set(labels) <= set(found)]
        if not values:
            raise KeyError(name)
        return sum(values)

    def names(self) -> set[str]:
        """The metrics that have a value."""
        return {name for name, _ in self.values}


def no_group(tmp_path: Path) -> ControlGroup:
    """A machine without control groups."""
    return ControlGroup(tmp_path / "nothing")


def write(root: Path, **files: str) -> None:
    """Write files below ``root``; in the names ``__`` stands for a slash and ``_dot_`` for a dot."""
    for name, text in files.items():
        file = root / name.replace("__", "/").replace("_dot_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def every_probe(attempts: Attempts, group: ControlGroup) -> list[Probe]:
    """All probes that read through psutil."""
    return [
        ProcessProbe(attempts, group),
        InterpreterProbe(attempts),
        CpuProbe(attempts, group),
        MemoryProbe(attempts, group),
        DiskProbe(attempts),
        NetworkProbe(attempts),
        FilesystemProbe(attempts),
        HostProbe(attempts),
        UniqueMemoryProbe(attempts),
        ProcessTableProbe(attempts, 3),
        ConnectionProbe(attempts),
    ]
