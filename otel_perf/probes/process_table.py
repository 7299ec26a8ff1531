"""All processes that can be seen: how many in which state, and which use most."""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import psutil

from otel_perf.probes.attempts import Attempts
from otel_perf.probes.collected import Collected

__all__ = ["ProcessRow", "ProcessTableProbe", "process_rows"]

PROC: Final = Path("/proc")
LINUX_STATES: Final = {"R": "running", "T": "stopped", "t": "stopped", "Z": "defunct", "X": "defunct"}
PSUTIL_STATES: Final = {
    "running": "running", "stopped": "stopped", "tracing-stop": "stopped", "zombie": "defunct", "dead": "defunct",
}  # fmt: skip
SLEEPING: Final = "sleeping"
"""Every other state: a process that waits, for whatever."""


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One process.

    Attributes:
        pid: Its id.
        name: Its name, never its arguments.
        state: running, sleeping, stopped or defunct.
        cpu_seconds: CPU time since it began; ``None`` when that may not be known.
        resident_bytes: Resident memory; ``None`` when that may not be known.
        began: Tells it from an earlier process with the same id.
    """

    pid: int
    name: str
    state: str
    cpu_seconds: float | None
    resident_bytes: int | None
    began: float | None = None


def process_rows(proc: Path = PROC) -> list[ProcessRow]:
    """All processes: from one file each on Linux (some 20 us), through psutil elsewhere; none that ends meanwhile."""
    return list(_linux_rows(proc) if sys.platform == "linux" else _psutil_rows())


class ProcessTableProbe:
    """Counts by state, and the processes that use most where that is asked for."""

    name = "processes"
    costly = True

    def __init__(self, attempts: Attempts, top: int = 0) -> None:
        """Tell of the ``top`` processes, at most 10; of none by default."""
        self._attempts = attempts
        self._top = min(top, 10)
        self._last: dict[tuple[int, float | None], float] = {}
        self._last_ns: int | None = None

    def read(self, found: Collected) -> None:
        """See the catalogue: ``system.process.count``, ``otel_perf.top_process.*``."""
        rows = self._attempts.ask("processes", process_rows)
        if not rows:
            return
        for state, count in Counter(row.state for row in rows).items():
            found.put("system.process.count", count, state)
        if self._top:
            self._read_top(found, rows)

    def _read_top(self, found: Collected, rows: list[ProcessRow]) -> None:
        """By CPU time since the last look; at the first look, where there is none, by memory."""
        shares = self._shares(rows, found.time_ns)
        ranked = sorted(rows, key=lambda row: (shares.get(row.pid, 0), row.resident_bytes or 0), reverse=True)
        for row in ranked[: self._top]:
            found.put("otel_perf.top_process.cpu.utilization", shares.get(row.pid), row.name, str(row.pid))
            found.put("otel_perf.top_process.memory.usage", row.resident_bytes, row.name, str(row.pid))

    def _shares(self, rows: list[ProcessRow], now_ns: int) -> dict[int, float]:
        present = {(row.pid, row.began): row.cpu_seconds for row in rows if row.cpu_seconds is not None}
        last, last_ns = self._last, self._last_ns
        self._last, self._last_ns = present, now_ns
        if last_ns is None or now_ns <= last_ns:
            return {}
        elapsed = (now_ns - last_ns) / 1e9
        return {key[0]: max(0.0, present[key] - last[key]) / elapsed for key in present if key in last}


def _linux_rows(proc: Path) -> Iterator[ProcessRow]:
    tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    with os.scandir(proc) as entries:
        pids = [entry.name for entry in entries if entry.name.isdecimal()]
    for pid in pids:
        with suppress(OSError, ValueError, IndexError):  # it has ended, or is hidden
            yield _linux_row(pid, (proc / pid / "stat").read_bytes().decode("utf-8", "replace"), tick, page)


def _linux_row(pid: str, stat: str, tick: int, page: int) -> ProcessRow:
    """One line of ``/proc/<pid>/stat``; the name stands in parentheses and may hold any character."""
    head, _, tail = stat.rpartition(")")
    fields = tail.split()
    return ProcessRow(
        pid=int(pid),
        name=head.partition("(")[2],
        state=LINUX_STATES.get(fields[0], SLEEPING),
        cpu_seconds=(int(fields[11]) + int(fields[12])) / tick,
        resident_bytes=int(fields[21]) * page,
        began=int(fields[19]) / tick,
    )


def _psutil_rows() -> Iterator[ProcessRow]:
    fields = ["pid", "name", "status", "cpu_times", "memory_info", "create_time"]
    for process in psutil.process_iter(fields):
        facts: dict[str, Any] = cast(Any, process).info
        times, memory = facts["cpu_times"], facts["memory_info"]
        yield ProcessRow(
            pid=facts["pid"],
            name=facts["name"] or "",
            state=PSUTIL_STATES.get(facts["status"] or "", SLEEPING),
            cpu_seconds=None if times is None else times.user + times.system,
            resident_bytes=None if memory is None else memory.rss,
            began=facts["create_time"],
        )
