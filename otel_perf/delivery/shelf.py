"""One folder of segments that this process holds: its own, or that of a process which has ended."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from otel_perf.core import clock
from otel_perf.core.file_system import FileSystem, write_all
from otel_perf.delivery.segments import HEADER_BYTES, MOST_BYTES, DamagedSegmentError, Name, Segment, unpack
from otel_perf.delivery.transport import Signal

__all__ = ["LOCK", "Contents", "Entry", "Shelf"]

LOCK: Final = "lock"
BLOCK_BYTES: Final = 4096
"""A file takes whole blocks of the disk, however little it holds."""


@dataclass(slots=True, eq=False)
class Entry:
    """One segment on a shelf.

    Attributes:
        shelf: Where it is.
        name: Its name.
        cost_bytes: What it takes of the disk.
        stored_ns: When it was stored, on the monotonic clock.
        failures: Attempts that failed since it was last passed over.
        first_failed_ns: When the first of all failed, on the monotonic clock.
        passed_over: How often others got through where it had failed.
        adopted: Whether an earlier process left it.
    """

    shelf: "Shelf"
    name: Name
    cost_bytes: int
    stored_ns: int
    failures: int = 0
    first_failed_ns: int | None = None
    passed_over: int = 0
    adopted: bool = False


@dataclass(slots=True)
class Contents:
    """What a process has left.

    Attributes:
        entries: Its segments, oldest first.
        torn: Items of a request that it was about to store when it ended.
    """

    entries: list[Entry] = field(default_factory=list)
    torn: int = 0


class Shelf:
    """A folder whose lock this process holds. Every method but the last two may raise ``OSError``.

    Attributes:
        folder: Where it is.
    """

    def __init__(self, files: FileSystem, folder: Path, lock: int) -> None:
        """Take over the lock."""
        self.folder = folder
        self._files = files
        self._lock: int | None = lock

    def store(self, name: Name, data: bytes, *, stored_ns: int | None = None, hasty: bool = False) -> Entry:
        """Write a segment so that it is there whole or not at all, whenever the process or the power ends.

        A ``hasty`` one is safe from the end of the process only, until ``settle`` is called.
        """
        files = self._files
        passing, final = self.folder / name.text("tmp"), self.folder / name.text()
        try:
            descriptor = files.create(passing)
            try:
                write_all(files, descriptor, data)
                if not hasty:
                    files.sync(descriptor)
            finally:
                files.close(descriptor)
            files.rename(passing, final)
            if not hasty:
                files.sync_folder(self.folder)
        except OSError:
            for path in (passing, final):
                with contextlib.suppress(OSError):
                    files.unlink(path)
            raise
        return Entry(self, name, cost(len(data)), clock.monotonic_ns() if stored_ns is None else stored_ns)

    def settle(self, name: Name) -> None:
        """Make a hasty segment safe from a power cut."""
        self._files.sync_file(self.folder / name.text())

    def sync(self) -> None:
        """Make what happened to the folder safe from a power cut. Without it removed files may come back."""
        with contextlib.suppress(OSError):
            self._files.sync_folder(self.folder)

    def read(self, name: Name, signal: Signal) -> Segment:
        """A segment's content.

        Raises:
            DamagedSegmentError: It is not what was written.
        """
        segment = unpack(self._files.read(self.folder / name.text(), HEADER_BYTES + MOST_BYTES))
        if (segment.signal, segment.items) != (signal, name.items):
            raise DamagedSegmentError("its header belongs to another place")
        return segment

    def remove(self, name: Name) -> None:
        """Remove a segment for good."""
        self._files.unlink(self.folder / name.text())
        self.sync()

    def set_aside(self, name: Name, target: Path) -> None:
        """Move a segment to another folder."""
        self._files.rename(self.folder / name.text(), target)
        self.sync()

    def contents(self) -> Contents:
        """What is there when a process takes over the folder of another; half-done steps are undone or completed.

        A half of a divided request counts only when the whole is gone: until then none of it was sent. A file that
        was complete but not yet renamed is a segment; one that was not is removed. What the last process did is made
        safe first: a power cut must not undo what this one builds on.
        """
        self.sync()
        found = [(text, read) for text in self._files.names(self.folder) if (read := Name.read(text)) is not None]
        whole = {(name.sequence, name.parts) for _, (name, finished) in found if finished}
        contents = Contents()
        for text, (name, finished) in found:
            with contextlib.suppress(OSError):  # one file that cannot be touched is left where it is
                if self._is_scratch(name, whole, finished=finished):
                    self._files.unlink(self.folder / text)
                elif finished or self._complete(name):
                    contents.entries.append(self._entry(name))
                else:
                    contents.torn += name.items
        contents.entries.sort(key=lambda entry: entry.name)
        return contents

    @staticmethod
    def _is_scratch(name: Name, whole: set[tuple[int, tuple[int, ...]]], *, finished: bool) -> bool:
        if name.parts and not finished:
            return True
        return any((name.sequence, name.parts[:depth]) in whole for depth in range(len(name.parts)))

    def _complete(self, name: Name) -> bool:
        """Rename an unfinished file if it is whole; remove it otherwise."""
        passing = self.folder / name.text("tmp")
        try:
            complete = unpack(self._files.read(passing, HEADER_BYTES + MOST_BYTES)).items == name.items
        except DamagedSegmentError:
            complete = False
        if complete:
            self._files.rename(passing, self.folder / name.text())
        else:
            self._files.unlink(passing)
        self._files.sync_folder(self.folder)
        return complete

    def _entry(self, name: Name) -> Entry:
        look = self._files.look(self.folder / name.text())
        age_ns = max(0, clock.wall_ns() - look.modified_unix_ns)
        return Entry(self, name, cost(look.size_bytes), clock.monotonic_ns() - age_ns, adopted=True)

    def close(self) -> None:
        """Let go of the folder, and remove it when nothing is left in it."""
        lock, self._lock = self._lock, None
        if lock is None:
            return
        with contextlib.suppress(OSError):
            if self._files.names(self.folder) == [LOCK]:
                self._files.unlink(self.folder / LOCK)
                self._files.remove_folder(self.folder)
                self._files.remove_folder(self.folder.parent)
        with contextlib.suppress(OSError):
            self._files.close(lock)

    def abandon(self) -> None:
        """In a forked child: close the copy of the lock. The parent goes on holding it."""
        lock, self._lock = self._lock, None
        if lock is not None:
            with contextlib.suppress(OSError):
                self._files.close(lock)


def cost(size_bytes: int) -> int:
    """What a file of that size takes of the disk."""
    return -(-max(size_bytes, 1) // BLOCK_BYTES) * BLOCK_BYTES
