"""One look at the machine and the process, as one object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

from otel_perf.core.measurements import Measurement

__all__ = [
    "CpuState",
    "DiskState",
    "MemoryState",
    "NetworkState",
    "ProcessState",
    "SystemSnapshot",
    "snapshot_of",
]


@dataclass(frozen=True, slots=True)
class CpuState:
    """CPUs of the host, or those that the cgroup may use.

    Attributes:
        utilization: Share of the last interval that was not idle or waiting for disks, 0 to 1.
        load_average_1m: Load average of the last minute.
        logical_count: Logical CPUs of the host.
        frequency_hz: Mean present frequency.
    """

    utilization: float | None
    load_average_1m: float | None
    logical_count: int | None
    frequency_hz: float | None


@dataclass(frozen=True, slots=True)
class MemoryState:
    """Memory of the host or of the cgroup, in bytes.

    Attributes:
        used_bytes: In use.
        limit_bytes: What there is.
        utilization: The one by the other, 0 to 1.
        source: ``host`` or ``cgroup``.
    """

    used_bytes: int | None
    limit_bytes: int | None
    utilization: float | None
    source: str | None


@dataclass(frozen=True, slots=True)
class DiskState:
    """Bytes of all disks since the first look."""

    read_bytes: int | None
    written_bytes: int | None


@dataclass(frozen=True, slots=True)
class NetworkState:
    """Bytes of all interfaces, the loopback included, since the first look."""

    received_bytes: int | None
    sent_bytes: int | None


@dataclass(frozen=True, slots=True)
class ProcessState:
    """This process.

    Attributes:
        cpu_utilization: Share of the last interval on the CPUs that it may use, 0 to 1.
        resident_bytes: Resident memory.
        threads: Threads.
        file_descriptors: Open file descriptors.
    """

    cpu_utilization: float | None
    resident_bytes: int | None
    threads: int | None
    file_descriptors: int | None


@dataclass(frozen=True, slots=True)
class SystemSnapshot:
    """The numbers that the metrics show, at one moment. What is not known is ``None``.

    Attributes:
        timestamp: Unix time in seconds at which this object was made.
        cpu: CPUs.
        memory: Memory.
        disk: Disks.
        network: Interfaces.
        process: This process.
    """

    timestamp: float
    cpu: CpuState | None
    memory: MemoryState | None
    disk: DiskState | None
    network: NetworkState | None
    process: ProcessState | None


State = TypeVar("State", CpuState, MemoryState, DiskState, NetworkState, ProcessState)


def snapshot_of(observed: Sequence[Measurement], unix_seconds: float) -> SystemSnapshot:
    """The snapshot in what probes found (``ProbeSet.observed``)."""
    values = _Values(observed)
    busy = values.total("system.cpu.utilization", without=("idle", "iowait"))
    disk = {d: values.whole("system.disk.io", d) for d in ("read", "write")}
    network = {d: values.whole("system.network.io", d) for d in ("receive", "transmit")}
    limit = values.labels("system.memory.limit")
    return SystemSnapshot(
        timestamp=unix_seconds,
        cpu=_known(
            CpuState(
                busy,
                values.total("system.cpu.load_average.1m"),
                values.whole("system.cpu.logical.count"),
                values.total("system.cpu.frequency"),
            )
        ),
        memory=_known(
            MemoryState(
                values.whole("system.memory.usage", "used"),
                values.whole("system.memory.limit"),
                values.total("system.memory.utilization", "used"),
                limit[0] if limit else None,
            )
        ),
        disk=_known(DiskState(disk["read"], disk["write"])),
        network=_known(NetworkState(network["receive"], network["transmit"])),
        process=_known(
            ProcessState(
                values.total("process.cpu.utilization"),
                values.whole("process.memory.usage"),
                values.whole("process.thread.count"),
                values.whole("process.unix.file_descriptor.count"),
            )
        ),
    )


class _Values:
    """Strictly private: measurements by the name of their metric."""

    def __init__(self, observed: Sequence[Measurement]) -> None:
        self._by_name: Mapping[str, list[Measurement]] = {}
        grouped: dict[str, list[Measurement]] = {}
        for each in observed:
            grouped.setdefault(each.metric.name, []).append(each)
        self._by_name = grouped

    def total(self, name: str, label: str | None = None, without: tuple[str, ...] = ()) -> float | None:
        """Sum over the series that have the label, and none of those ``without``."""
        values = [
            each.value
            for each in self._by_name.get(name, ())
            if (label is None or label in each.labels) and not any(word in each.labels for word in without)
        ]
        return sum(values) if values else None

    def whole(self, name: str, label: str | None = None) -> int | None:
        """The same, as a whole number."""
        value = self.total(name, label)
        return None if value is None else int(value)

    def labels(self, name: str) -> tuple[str | None, ...] | None:
        """Labels of the first series."""
        series = self._by_name.get(name)
        return series[0].labels if series else None


def _known(state: State) -> State | None:
    """The state, unless nothing of it is known."""
    return state if any(getattr(state, field.name) is not None for field in fields(state)) else None
