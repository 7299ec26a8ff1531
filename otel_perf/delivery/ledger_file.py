"""What a process has not delivered yet, written down while it lives, so that the next one can say what was lost.

``ledger/<instance>.bin`` is overwritten after each drain, and removed by an orderly shutdown. Its lock ends with the
process, so that a file which can be locked belongs to one that ended in another way. It is written by ``pwrite``, not
through a mapping: on a full disk or a lost network folder a store into a mapping kills the process (SIGBUS), a write
that fails raises. Both survive SIGKILL, neither a power cut of the last seconds.

The format, little endian: magic, format version, number of destinations, process id, Unix time in ns of start and of
this entry, calls; for each destination its name (UTF-8, at most 120 bytes) and the items that wait in memory, wait on
disk, and may have arrived; a BLAKE2b checksum of all that.
"""

import contextlib
import hashlib
import os
import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from otel_perf.core import clock
from otel_perf.core.guard import logger
from otel_perf.core.state_folder import StateFolder

__all__ = ["AtRisk", "Ended", "LedgerFile", "pack", "read"]

LEDGER: Final = "ledger"
MAGIC: Final = b"otelledg"
VERSION: Final = 1
HEAD: Final = struct.Struct("<8sHHIQQQ")
ROW: Final = struct.Struct("<120sQQQ")
CHECKSUM_BYTES: Final = 16
MOST_BYTES: Final = 1 << 20
MOST_LINES: Final = 3
"""So many processes are told of one by one, the last ones; the others together."""
NEW: Final = ".new"
"""How a file ends until it is locked: under its own name another process could take it for one that was left, in the
moment before, and remove it. With many that start at once that happens."""
LEFT_NEW_NS: Final = 60 * 1_000_000_000
"""What is that old was left by a process killed in that moment."""


class AtRisk(NamedTuple):
    """One destination's spans at one moment.

    Attributes:
        destination: Its name.
        in_memory: Not delivered, and lost if the process ends now.
        on_disk: Not delivered, and safe.
        uncertain: Perhaps delivered.
    """

    destination: str
    in_memory: int
    on_disk: int
    uncertain: int


class Ended(NamedTuple):
    """A process that ended without a shutdown.

    Attributes:
        pid: Its process id.
        started_unix_ns: When it began.
        written_unix_ns: When it last wrote.
        calls: Its calls until then.
        rows: Its destinations.
    """

    pid: int
    started_unix_ns: int
    written_unix_ns: int
    calls: int
    rows: tuple[AtRisk, ...]

    @property
    def most_lost(self) -> int:
        """What can at most have been lost, of what was recorded when it last wrote."""
        return max((row.in_memory + row.uncertain for row in self.rows), default=0)


class LedgerFile:
    """This process's file, and what was found of others.

    Attributes:
        notes: What there is to say of processes that ended without a shutdown, one line each.
    """

    def __init__(self, home: StateFolder) -> None:
        """Touch nothing yet."""
        self._home = home
        self.notes: tuple[str, ...] = ()
        self._looked = False
        self._reset()

    def _reset(self) -> None:
        self._started_unix_ns = clock.wall_ns()
        self._descriptor: int | None = None
        self._path: Path | None = None
        self._last: tuple[int, tuple[AtRisk, ...]] = (-1, ())
        self._closed = False

    def update(self, calls: int, rows: Sequence[AtRisk]) -> None:
        """Write down how things stand; does nothing when they have not changed. Raises nothing foreseeable."""
        if self._closed or not self._home.usable():
            return
        state = (calls, tuple(rows))
        if self._descriptor is not None and state == self._last:
            return
        self._last = state
        try:
            if self._descriptor is None:
                self._descriptor = self._open()
            entry = Ended(os.getpid(), self._started_unix_ns, clock.wall_ns(), *state)
            self._home.files.overwrite(self._descriptor, pack(entry))
        except OSError as error:
            self._home.fail(error)

    def _open(self) -> int:
        folder = self._home.part(LEDGER)
        if not self._looked:
            self._looked = True
            self._tidy(folder)
            self._report([ended for path in self._others(folder) if (ended := self._take(path)) is not None])
        self._path = folder / f"{self._home.instance}.bin"
        unseen = self._path.with_suffix(NEW)
        lock = self._home.files.lock(unseen)
        if lock is None:
            raise OSError("the ledger file is locked")
        try:
            self._home.files.rename(unseen, self._path)
        except OSError:
            self._home.files.close(lock)
            raise
        self._home.recover()
        return lock

    def _others(self, folder: Path) -> list[Path]:
        return [folder / name for name in self._home.files.names(folder) if name.endswith(".bin")]

    def _tidy(self, folder: Path) -> None:
        files = self._home.files
        for path in [folder / name for name in files.names(folder) if name.endswith(NEW)]:
            with contextlib.suppress(OSError):
                if clock.wall_ns() - files.look(path).modified_unix_ns > LEFT_NEW_NS:
                    files.unlink(path)

    def _take(self, path: Path) -> Ended | None:
        """Read and remove the file of a process that has ended; ``None`` while it lives."""
        files = self._home.files
        try:
            lock = files.lock(path)
            if lock is None:
                return None
            try:
                ended = read(files.read(path, MOST_BYTES))
                files.unlink(path)
            finally:
                files.close(lock)
        except OSError:
            return None
        return ended

    def _report(self, found: Sequence[Ended]) -> None:
        told = sorted((ended for ended in found if ended.calls), key=lambda ended: ended.written_unix_ns)
        earlier, last = told[:-MOST_LINES], told[-MOST_LINES:]
        self.notes = (*_sum_up(earlier), *map(_line, last))
        for note in self.notes:
            logger.warning("otel_perf: %s", note)

    def close(self) -> None:
        """An orderly end: everything is delivered, on disk, or told."""
        self._closed = True
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None or self._path is None:
            return
        with contextlib.suppress(OSError):
            self._home.files.unlink(self._path)
        with contextlib.suppress(OSError):
            self._home.files.close(descriptor)

    def after_fork_in_child(self) -> None:
        """The child writes a file of its own; the parent's stays locked by the parent."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                self._home.files.close(self._descriptor)
        self._looked = True
        self.notes = ()
        self._reset()


def pack(entry: Ended) -> bytes:
    """The bytes of a file."""
    rows = b"".join(ROW.pack(row.destination.encode("utf-8", "replace")[:120], *row[1:]) for row in entry.rows)
    times = (entry.started_unix_ns, entry.written_unix_ns)
    body = HEAD.pack(MAGIC, VERSION, len(entry.rows), entry.pid, *times, entry.calls) + rows
    return body + hashlib.blake2b(body, digest_size=CHECKSUM_BYTES).digest()


def read(data: bytes) -> Ended | None:
    """What a file says; ``None`` for one that says nothing, or not what was written."""
    if len(data) < HEAD.size + CHECKSUM_BYTES:
        return None
    magic, version, count, pid, started_unix_ns, written_unix_ns, calls = HEAD.unpack_from(data)
    end = HEAD.size + count * ROW.size
    if (magic, version) != (MAGIC, VERSION) or len(data) < end + CHECKSUM_BYTES:
        return None
    checksum = hashlib.blake2b(data[:end], digest_size=CHECKSUM_BYTES).digest()
    if data[end : end + CHECKSUM_BYTES] != checksum:
        return None
    rows = tuple(
        AtRisk(name.rstrip(b"\0").decode("utf-8", "replace"), *numbers)
        for name, *numbers in ROW.iter_unpack(data[HEAD.size : end])
    )
    return Ended(pid, started_unix_ns, written_unix_ns, calls, rows)


def _sum_up(earlier: Sequence[Ended]) -> Sequence[str]:
    """One line for many processes: a server whose workers are killed by the hundred."""
    if not earlier:
        return ()
    lost, calls = sum(ended.most_lost for ended in earlier), sum(ended.calls for ended in earlier)
    ended = f"{len(earlier)} earlier processes ended without shutdown"
    return (f"{ended}: at most {lost} calls not delivered of {calls}, besides those that ended later",)


def _line(ended: Ended) -> str:
    moment = datetime.fromtimestamp(ended.written_unix_ns / 1e9, UTC)
    on_disk = max((row.on_disk for row in ended.rows), default=0)
    safe = f"; {on_disk} more were on disk" if on_disk else ""
    return (
        f"previous process {ended.pid} ended without shutdown: at most {ended.most_lost} calls not delivered of"
        f" {ended.calls} until {moment:%Y-%m-%dT%H:%M:%S}Z, besides those that ended later{safe}"
    )
