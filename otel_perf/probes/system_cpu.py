"""CPU of the host, and of the container where it has a quota."""

import os
from typing import Any, Final

import psutil

from otel_perf.core import clock
from otel_perf.probes.attempts import Attempts
from otel_perf.probes.collected import Collected
from otel_perf.probes.control_group import ControlGroup
from otel_perf.probes.shares import Shares
from otel_perf.probes.totals import Totals

__all__ = ["CpuProbe", "HostProbe"]

MODES: Final = {
    "user": ("user",),
    "nice": ("nice",),
    "system": ("system",),
    "idle": ("idle",),
    "iowait": ("iowait",),
    "interrupt": ("irq", "softirq"),
    "steal": ("steal",),
}
"""Mode to psutil's fields. Time of guests is in ``user`` already; Windows' ``interrupt`` and ``dpc`` in ``system``."""

HERTZ_PER_MEGAHERTZ: Final = 1e6
LOAD_AVERAGES: Final = ("1m", "5m", "15m")


class CpuProbe:
    """CPU time by mode, shares of it, and load."""

    name = "cpu"
    costly = False

    def __init__(self, attempts: Attempts, group: ControlGroup) -> None:
        """Read the host through psutil, and the container through ``group``."""
        self._attempts = attempts
        self._group = group
        self._totals = Totals()
        self._host_shares = Shares()
        self._group_shares = Shares()

    def read(self, found: Collected) -> None:
        """See the catalogue: ``system.cpu.*``, ``container.cpu.*``."""
        limit = self._group.cpu_limit()
        self._read_host(found, limited=limit is not None)
        if limit is not None:
            self._read_group(found, limit)
        if hasattr(os, "getloadavg"):  # not on Windows, where psutil would start a thread to make one up
            for name, value in zip(LOAD_AVERAGES, self._attempts.ask("load", os.getloadavg) or (), strict=False):
                found.put(f"system.cpu.load_average.{name}", value)

    def _read_host(self, found: Collected, *, limited: bool) -> None:
        times: Any = self._attempts.ask("CPU time", psutil.cpu_times)
        if times is None:
            return
        modes = {mode: _sum(times, fields) for mode, fields in MODES.items()}
        seconds = {mode: value for mode, value in modes.items() if value is not None}
        for mode, value in seconds.items():
            found.put("system.cpu.time", self._totals.since_first(mode, value), mode)
        shares = self._host_shares.of_sum(seconds, found.time_ns)
        if not limited:
            for mode, share in shares.items():
                found.put("system.cpu.utilization", share, mode, "host")

    def _read_group(self, found: Collected, limit: float) -> None:
        use = self._group.cpu_use()
        found.put("otel_perf.container.cpu.limit", limit)
        if use is None:
            return
        for mode, seconds in use.modes.items():
            found.put("container.cpu.time", self._totals.since_first(("group", mode), seconds), mode)
        throttled = self._totals.since_first("throttled", use.throttled_seconds)
        found.put("otel_perf.container.cpu.throttled.time", throttled)
        shares = dict(self._group_shares.of_elapsed(use.modes, found.time_ns, limit))
        if shares:
            shares["idle"] = max(0.0, 1 - sum(shares.values()))
        for mode, share in shares.items():
            found.put("system.cpu.utilization", share, mode, "cgroup")


class HostProbe:
    """What hardly changes, or costs too much to be asked for often: counts, frequency, uptime."""

    name = "host"
    costly = True

    def __init__(self, attempts: Attempts) -> None:
        """Read through psutil."""
        self._attempts = attempts

    def read(self, found: Collected) -> None:
        """See the catalogue: ``system.cpu.*.count``, ``system.cpu.frequency``, ``system.uptime``."""
        ask = self._attempts.ask
        found.put("system.cpu.logical.count", ask("logical CPUs", psutil.cpu_count))
        found.put("system.cpu.physical.count", ask("physical cores", psutil.cpu_count, logical=False))
        frequency: Any = ask("CPU frequency", psutil.cpu_freq)
        megahertz = getattr(frequency, "current", None)
        found.put("system.cpu.frequency", megahertz * HERTZ_PER_MEGAHERTZ if megahertz else None)
        booted = ask("boot time", psutil.boot_time)
        found.put("system.uptime", None if booted is None else clock.wall_ns() / 1e9 - booted)


def _sum(times: Any, fields: tuple[str, ...]) -> float | None:
    values = [value for field in fields if (value := getattr(times, field, None)) is not None]
    return sum(values) if values else None
