"""What waits in the spool of a state folder, for whoever looks from outside: nothing is written, nothing is taken."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otel_perf.core.file_system import FileSystem
from otel_perf.delivery.segments import Name
from otel_perf.delivery.shelf import LOCK
from otel_perf.delivery.spool_folder import ASIDE, SPOOL

try:
    import fcntl
except ImportError:  # there are no such locks on this platform, so nobody's life can be told from them
    fcntl = None  # type: ignore[assignment]

__all__ = ["Kept", "SpoolReport", "SpooledDestination", "SpoolingProcess", "look_at_lock", "read_spool"]

NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
LONGEST_LOCK: Final = 64


@dataclass(frozen=True, slots=True)
class Kept:
    """Requests on disk.

    Attributes:
        requests: How many.
        items: Spans or metric points in them.
        size_bytes: Bytes of their files.
    """

    requests: int = 0
    items: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class SpooledDestination:
    """What waits for one destination.

    Attributes:
        key: Folder name of the destination; it does not tell the address.
        waiting: What waits.
        held: Whether a living process has it, its own or one that has taken it over; ``None`` where not known.
    """

    key: str
    waiting: Kept
    held: bool | None


@dataclass(frozen=True, slots=True)
class SpoolingProcess:
    """A process that has or had something to spool.

    Attributes:
        instance: Its folder's name: start time (UTC), process id, random number.
        pid: Its process id; ``None`` where the lock file does not say.
        destinations: What it has spooled, by destination.
    """

    instance: str
    pid: int | None
    destinations: tuple[SpooledDestination, ...]

    @property
    def held(self) -> bool | None:
        """Whether a living process has any of it."""
        known = [each.held for each in self.destinations if each.held is not None]
        return any(known) if known else None


@dataclass(frozen=True, slots=True)
class SpoolReport:
    """The whole spool.

    Attributes:
        processes: Oldest first.
        refused: Set aside since a healthy backend kept refusing it.
        damaged: Set aside since it could not be read.
    """

    processes: tuple[SpoolingProcess, ...] = ()
    refused: Kept = Kept()
    damaged: Kept = Kept()

    @property
    def waiting(self) -> Kept:
        """All that waits."""
        kept = [each.waiting for process in self.processes for each in process.destinations]
        return _sum(kept)


def read_spool(home: Path) -> SpoolReport:
    """Look at the spool of a state folder while its processes go on; what disappears meanwhile is left out."""
    files, root = FileSystem(), home / SPOOL
    aside = {kind: _kept(files, root / kind) for kind in ASIDE}
    processes = [_process(files, root / instance) for instance in _folders(files, root) if instance not in ASIDE]
    return SpoolReport(tuple(each for each in processes if each.destinations), aside["refused"], aside["damaged"])


def _process(files: FileSystem, folder: Path) -> SpoolingProcess:
    found, pid = [], None
    for key in _folders(files, folder):
        written, held = look_at_lock(folder / key / LOCK)
        pid = written if pid is None else pid
        found.append(SpooledDestination(key, _kept(files, folder / key), held))
    return SpoolingProcess(folder.name, pid, tuple(found))


def _folders(files: FileSystem, folder: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):
        yield from (name for name in files.names(folder) if files.is_ours(folder / name))


def _kept(files: FileSystem, folder: Path) -> Kept:
    """The finished segments of a folder; a name set aside has its process and destination in front."""
    names = []
    with contextlib.suppress(OSError):
        names = files.names(folder)
    return _sum([kept for text in names if (kept := _one(files, folder / text)) is not None])


def _one(files: FileSystem, path: Path) -> Kept | None:
    """A segment, by its name and its size; ``None`` for anything else."""
    name = Name.read(".".join(path.name.rsplit(".", 3)[-3:]))
    if name is not None and name[1]:
        with contextlib.suppress(OSError):
            return Kept(1, name[0].items, files.look(path).size_bytes)
    return None


def _sum(kept: list[Kept]) -> Kept:
    return Kept(
        sum(each.requests for each in kept), sum(each.items for each in kept), sum(each.size_bytes for each in kept)
    )


def look_at_lock(path: Path) -> tuple[int | None, bool | None]:
    """The process id in a lock file, and whether somebody holds it (asked without taking it from anybody)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | NO_LINK)
    except OSError:
        return None, None
    held = None
    try:
        word = os.read(descriptor, LONGEST_LOCK).partition(b" ")[0]
        with contextlib.suppress(OSError):
            held = _held(descriptor)
        return int(word) if word.isdigit() else None, held
    except OSError:
        return None, None
    finally:
        os.close(descriptor)


def _held(descriptor: int) -> bool:
    if fcntl is None:
        raise OSError("no file locks on this platform")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
