"""This process, as the kernel sees it."""

import os
import sys
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, Final

import psutil

from otel_perf.core import clock
from otel_perf.probes.attempts import Attempts
from otel_perf.probes.collected import Collected
from otel_perf.probes.control_group import ControlGroup
from otel_perf.probes.shares import Shares
from otel_perf.probes.system_memory import memory_limit
from otel_perf.probes.totals import Totals

if sys.platform != "win32":
    import resource

__all__ = ["ProcessProbe", "UniqueMemoryProbe"]

DESCRIPTORS: Final = Path("/proc/self/fd")
LARGE_BYTES: Final = 4 << 30
"""Counting the pages that are the process' own holds a lock on its memory, some 0.3 s per 10 GiB."""


class ProcessProbe:
    """CPU, memory, disk, threads, descriptors, switches, faults and age of this process."""

    name = "process"
    costly = False

    def __init__(self, attempts: Attempts, group: ControlGroup, shown: Mapping[Hashable, float] | None = None) -> None:
        """Look at the process that makes this object; a forked child makes its own.

        Args:
            attempts: Asks the system.
            group: The container.
            shown: The ``shown()`` of an earlier probe of this process, where its counters are told on.
        """
        self._attempts = attempts
        self._group = group
        self._process = psutil.Process()
        self._totals = Totals(shown)
        self.shown = self._totals.shown
        self._shares = Shares()
        created = attempts.ask("the start of the process", self._process.create_time)
        # Read once: a wall clock that is set later must not make the process younger.
        age_ns = None if created is None else clock.wall_ns() - int(created * 1e9)
        self._began_ns = None if age_ns is None else clock.monotonic_ns() - age_ns

    def read(self, found: Collected) -> None:
        """See the catalogue: ``process.*``."""
        self._read_times(found)
        self._read_memory(found)
        self._read_disk(found)
        found.put("process.thread.count", self._attempts.ask("threads", self._process.num_threads))
        self._read_descriptors(found)
        began = self._began_ns
        found.put("process.uptime", None if began is None else (clock.monotonic_ns() - began) / 1e9)

    def _count(self, found: Collected, metric: str, value: float | None, label: str) -> None:
        found.put(metric, self._totals.since_start((metric, label), value), label)

    def _read_times(self, found: Collected) -> None:
        """Through ``getrusage`` where there is one: it counts CPU in microseconds, and the switches of all threads."""
        if sys.platform == "win32":
            times = self._attempts.ask("CPU time of the process", self._process.cpu_times)
            if times is not None:
                self._put_cpu(found, {"user": times.user, "system": times.system})
            return
        usage = self._attempts.ask("resource usage", resource.getrusage, resource.RUSAGE_SELF)
        if usage is None:
            return
        self._put_cpu(found, {"user": usage.ru_utime, "system": usage.ru_stime})
        self._count(found, "process.context_switches", usage.ru_nvcsw, "voluntary")
        self._count(found, "process.context_switches", usage.ru_nivcsw, "involuntary")
        self._count(found, "process.paging.faults", usage.ru_minflt, "minor")
        self._count(found, "process.paging.faults", usage.ru_majflt, "major")

    def _put_cpu(self, found: Collected, seconds: Mapping[str, float]) -> None:
        for mode, value in seconds.items():
            self._count(found, "process.cpu.time", value, mode)
        cpus, source = self._cpus()
        if cpus is not None:
            for mode, share in self._shares.of_elapsed(seconds, found.time_ns, cpus).items():
                found.put("process.cpu.utilization", share, mode, source)

    def _cpus(self) -> tuple[float | None, str]:
        """CPUs that the process may use, and whether its affinity or the quota of its cgroup says so."""
        if hasattr(os, "sched_getaffinity"):
            allowed = len(self._attempts.ask("CPU affinity", os.sched_getaffinity, 0) or ()) or None
        else:
            allowed = self._attempts.ask("logical CPUs", psutil.cpu_count)
        quota = self._group.cpu_limit()
        if quota is not None and (allowed is None or quota < allowed):
            return quota, "cgroup"
        return allowed, "host"

    def _read_memory(self, found: Collected) -> None:
        memory = self._attempts.ask("memory of the process", self._process.memory_info)
        if memory is None:
            return
        found.put("process.memory.usage", memory.rss)
        found.put("process.memory.virtual", memory.vms)
        limit = memory_limit(self._attempts, self._group)
        if limit is not None and limit[0]:
            found.put("process.memory.utilization", memory.rss / limit[0], limit[1])

    def _read_disk(self, found: Collected) -> None:
        """Absent on macOS, where psutil has no such counters, and in containers that hide them."""
        if not hasattr(self._process, "io_counters"):
            return
        counters: Any = self._attempts.ask("disk counters of the process", self._process.io_counters)
        # The counts of psutil are of system calls on anything, so there is no number of disk operations.
        for direction in ("read", "write"):
            self._count(found, "process.disk.io", getattr(counters, f"{direction}_bytes", None), direction)

    def _read_descriptors(self, found: Collected) -> None:
        if sys.platform == "win32":
            found.put("process.windows.handle.count", self._attempts.ask("handles", self._process.num_handles))
            return
        count = _linux_descriptors if sys.platform == "linux" else self._process.num_fds
        found.put("process.unix.file_descriptor.count", self._attempts.ask("file descriptors", count))
        limits = self._attempts.ask("the limit of file descriptors", resource.getrlimit, resource.RLIMIT_NOFILE)
        soft = None if limits is None or limits[0] == resource.RLIM_INFINITY else limits[0]
        found.put("otel_perf.process.unix.file_descriptor.limit", soft)


class UniqueMemoryProbe:
    """Memory that no other process shares."""

    name = "unique_memory"
    costly = True

    def __init__(self, attempts: Attempts) -> None:
        """Look at the process that makes this object."""
        self._attempts = attempts
        self._process = psutil.Process()

    def read(self, found: Collected) -> None:
        """See the catalogue: ``otel_perf.process.memory.unique``. Absent for a process above 4 GiB."""
        memory = self._attempts.ask("memory of the process", self._process.memory_info)
        if memory is None or memory.rss > LARGE_BYTES:
            return
        full: Any = self._attempts.ask("unique memory", self._process.memory_full_info)
        found.put("otel_perf.process.memory.unique", getattr(full, "uss", None))


def _linux_descriptors() -> int:
    """Since Linux 6.2 the size of the folder is the number; before, its entries are, without that of this look."""
    return DESCRIPTORS.stat().st_size or sum(1 for _ in DESCRIPTORS.iterdir()) - 1
