"""What the processes of a state folder have written into their ledger files, for whoever looks from outside."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from otel_perf.core.file_system import FileSystem
from otel_perf.delivery.ledger_file import LEDGER, MOST_BYTES, AtRisk, read
from otel_perf.delivery.spool_report import look_at_lock

__all__ = ["ProcessEntry", "read_ledgers"]


@dataclass(frozen=True, slots=True)
class ProcessEntry:
    """One process.

    Attributes:
        instance: Its file's name: start time (UTC), process id, random number.
        pid: Its process id.
        alive: Whether it lives; when not, it ended without a shutdown. ``None`` where that cannot be told.
        written_unix_ns: When it last wrote, Unix time.
        calls: Its calls until then.
        destinations: Its destinations then.
    """

    instance: str
    pid: int
    alive: bool | None
    written_unix_ns: int
    calls: int
    destinations: tuple[AtRisk, ...]


def read_ledgers(home: Path) -> tuple[ProcessEntry, ...]:
    """The processes of a state folder, oldest first. A file that says nothing is left out; nothing is written."""
    files, folder = FileSystem(), home / LEDGER
    names: list[str] = []
    with contextlib.suppress(OSError):
        names = files.names(folder)
    found = [_entry(files, folder / name) for name in names if name.endswith(".bin")]
    return tuple(entry for entry in found if entry is not None)


def _entry(files: FileSystem, path: Path) -> ProcessEntry | None:
    try:
        said = read(files.read(path, MOST_BYTES))
    except OSError:
        return None
    if said is None:
        return None
    _, alive = look_at_lock(path)
    return ProcessEntry(path.stem, said.pid, alive, said.written_unix_ns, said.calls, said.rows)
