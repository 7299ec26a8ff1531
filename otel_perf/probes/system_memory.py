"""Memory of the host, or of the container where it has a limit, and swap."""

import re
import sys
from pathlib import Path
from typing import Any, Final

import psutil

from otel_perf.probes.attempts import Attempts
from otel_perf.probes.collected import Collected
from otel_perf.probes.control_group import ControlGroup, MemoryLimit
from otel_perf.probes.totals import Totals

__all__ = ["MemoryProbe", "memory_limit"]

VMSTAT: Final = Path("/proc/vmstat")
MEMINFO: Final = Path("/proc/meminfo")
PAGES: Final = re.compile(r"^(pgfault|pgmajfault|pswpin|pswpout) (\d+)$", re.MULTILINE)
KIB: Final = 1024


def memory_limit(attempts: Attempts, group: ControlGroup) -> tuple[int, str] | None:
    """Bytes there are, and whether the host or the cgroup sets them; ``None`` when not known."""
    host: Any = attempts.ask("memory", psutil.virtual_memory)
    limit = group.memory_limit()
    if limit is not None and (host is None or limit.limit_bytes < host.total):
        return limit.limit_bytes, "cgroup"
    return None if host is None else (host.total, "host")


class MemoryProbe:
    """Memory by state against its limit, swap, page faults."""

    name = "memory"
    costly = False

    def __init__(self, attempts: Attempts, group: ControlGroup) -> None:
        """Read the host through psutil, and the container through ``group``."""
        self._attempts = attempts
        self._group = group
        self._totals = Totals()

    def read(self, found: Collected) -> None:
        """See the catalogue: ``system.memory.*``, ``system.paging.*``."""
        host: Any = self._attempts.ask("memory", psutil.virtual_memory)
        limit = self._group.memory_limit()
        if limit is not None and (host is None or limit.limit_bytes < host.total):
            _put_group(found, limit)
        elif host is not None:
            states = {state: getattr(host, state, None) for state in ("used", "free", "cached", "buffers")}
            _put_states(found, states, host.total, "host")
        if host is not None and sys.platform == "linux":
            found.put("system.memory.linux.available", getattr(host, "available", None))
        self._read_swap(found)
        self._read_faults(found)

    def _read_swap(self, found: Collected) -> None:
        swap = self._attempts.ask("swap", _linux_swap if sys.platform == "linux" else _psutil_swap)
        if swap is None:
            return
        total, used = swap
        for state, value in (("used", used), ("free", total - used)):
            found.put("system.paging.usage", value, state)
            found.put("system.paging.utilization", value / total if total else None, state)

    def _read_faults(self, found: Collected) -> None:
        if sys.platform != "linux":
            return
        pages = {
            name: int(value)
            for name, value in PAGES.findall(self._attempts.ask("faults", VMSTAT.read_text, encoding="utf-8") or "")
        }
        every, major = pages.get("pgfault"), pages.get("pgmajfault")
        minor = None if every is None or major is None else every - major
        for kind, faults in (("minor", minor), ("major", major)):
            found.put("system.paging.faults", self._totals.since_first(kind, faults), kind)
        for direction, field in (("in", "pswpin"), ("out", "pswpout")):
            operations = self._totals.since_first(direction, pages.get(field))
            found.put("system.paging.operations", operations, direction)


def _put_group(found: Collected, limit: MemoryLimit) -> None:
    """The states of a cgroup, which together are its limit: what is no page cache counts as used."""
    usage, cache = limit.usage_bytes, limit.cache_bytes
    if usage is None:
        found.put("system.memory.limit", limit.limit_bytes, "cgroup")
        return
    cached = min(cache or 0, usage)
    states = {
        "used": usage - cached,
        "free": max(0, limit.limit_bytes - usage),
        "cached": None if cache is None else cached,
    }
    _put_states(found, states, limit.limit_bytes, "cgroup")


def _put_states(found: Collected, states: dict[str, int | None], limit: int, source: str) -> None:
    found.put("system.memory.limit", limit or None, source)
    for state, value in states.items():
        found.put("system.memory.usage", value, state, source)
        found.put("system.memory.utilization", value / limit if value is not None and limit else None, state, source)


def _linux_swap() -> tuple[int, int]:
    """Total and used bytes. psutil's own look warns where the container hides the counters of pages swapped."""
    fields = dict(line.split(":", 1) for line in MEMINFO.read_text(encoding="utf-8").splitlines())
    total, free = (int(fields[name].split()[0]) * KIB for name in ("SwapTotal", "SwapFree"))
    return total, total - free


def _psutil_swap() -> tuple[int, int]:
    swap = psutil.swap_memory()
    return swap.total, swap.used
