"""The spool of one state folder, as one process uses it: its own shelves, those of the dead, and what was set aside.

``spool/<instance>/<destination>/`` holds segments and a lock file. The lock ends with the process that made the
folder; whoever gets it then delivers what is there. ``spool/refused/`` and ``spool/damaged/`` keep the last of what
was set aside, to be looked at.
"""

import contextlib
import hashlib
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from otel_perf.core import clock
from otel_perf.core.file_system import write_all
from otel_perf.core.state_folder import StateFolder
from otel_perf.delivery.segments import Name
from otel_perf.delivery.shelf import LOCK, Shelf

__all__ = ["SpoolFolder", "destination_key"]

SPOOL: Final = "spool"
ASIDE: Final = ("refused", "damaged")
ATTEMPTS: Final = 12
"""Another process may take a new folder for an orphan, in the moment before it is locked, and remove it. With many that
start at once that happens again and again."""
LONGEST_PAUSE_SECONDS: Final = 0.01
MOST_ASIDE: Final = 16
MOST_ASIDE_BYTES: Final = 4 * 1024 * 1024
"""Of each kind; the oldest go first, uncounted: their items were counted when they were set aside."""


def destination_key(signal: str, protocol: str, url: str, ordinal: int = 0) -> str:
    """The folder name of a destination: 16 hexadecimal digits that do not tell its address.

    Args:
        signal: traces, metrics or logs.
        protocol: ``http/protobuf`` or ``grpc``.
        url: The complete address; a different query is a different destination.
        ordinal: Tells apart destinations that are otherwise the same.
    """
    text = "\n".join((signal, protocol, url, str(ordinal)))
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


class SpoolFolder:
    """One process's way to its spool; used by several senders' threads.

    Attributes:
        home: The state folder.
        files: The system calls.
        keys: The destinations of this process.
    """

    def __init__(self, home: StateFolder) -> None:
        """Touch nothing yet."""
        self.home = home
        self.files = home.files
        self.keys: set[str] = set()

    # -- own and others' folders ---------------------------------------------------------------------------------

    def own(self, key: str) -> Shelf:
        """A new folder for the segments of a destination, locked. May raise ``OSError``."""
        for _ in range(ATTEMPTS):
            with contextlib.suppress(FileNotFoundError):
                folder = self.home.part(SPOOL, self.home.instance, key)
                lock = self.files.lock(folder / LOCK)
                if lock is not None:
                    return self._signed(folder, lock)
            time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))  # noqa: S311 - so that two do not meet again
        raise OSError("the folder is locked")

    def _signed(self, folder: Path, lock: int) -> Shelf:
        """Write down who we are, for people."""
        try:
            write_all(self.files, lock, f"{os.getpid()} {clock.wall_ns()}\n".encode())
            self.files.sync_folder(folder)
        except OSError:
            self.files.close(lock)
            raise
        return Shelf(self.files, folder, lock)

    def orphans(self, key: str) -> Iterator[Shelf]:
        """The folders of processes that have ended, oldest first, locked; one that cannot be opened is left out."""
        for folder in self._others(key):
            with contextlib.suppress(OSError):
                lock = self.files.lock(folder / LOCK)
                if lock is not None:
                    yield Shelf(self.files, folder, lock)

    def holds(self, key: str) -> bool:
        """Whether another process, running or not, has a folder for a destination."""
        return any(True for _ in self._others(key))

    def strange_keys(self) -> set[str]:
        """Destinations that others have spooled for, and this process does not know."""
        found: set[str] = set()
        for instance in self._instances():
            with contextlib.suppress(OSError):
                found.update(self.files.names(self.home.path / SPOOL / instance))
        return found - self.keys

    def _instances(self) -> list[str]:
        try:
            names = self.files.names(self.home.path / SPOOL)
        except OSError:
            return []
        return [name for name in names if name not in {self.home.instance, *ASIDE}]

    def _others(self, key: str) -> Iterator[Path]:
        for instance in self._instances():
            folder = self.home.path / SPOOL / instance / key
            if self._is_folder(folder):
                yield folder

    def _is_folder(self, path: Path) -> bool:
        try:
            return self.files.is_ours(path.parent) and self.files.is_ours(path)
        except OSError:
            return False

    # -- set aside -----------------------------------------------------------------------------------------------

    def set_aside(self, shelf: Shelf, name: Name, kind: Literal["refused", "damaged"]) -> None:
        """Move a segment out of the way, and the oldest of those out of the folder. May raise ``OSError``."""
        folder = self.home.part(SPOOL, kind)
        target = folder / f"{shelf.folder.parent.name}.{shelf.folder.name}.{name.text()}"
        shelf.set_aside(name, target)
        self._thin_out(folder)

    def _thin_out(self, folder: Path) -> None:
        sizes = [(path, self.files.look(path).size_bytes) for path in map(folder.joinpath, self.files.names(folder))]
        total = sum(size for _, size in sizes)
        while len(sizes) > MOST_ASIDE or total > MOST_ASIDE_BYTES:
            path, size = sizes.pop(0)
            total -= size
            with contextlib.suppress(FileNotFoundError):
                self.files.unlink(path)
