"""A disk in memory that can lose power or a process at any system call.

What was written and not synced is lost with the power, or lost in part; so are creations, renames and removals in a
folder that was not synced since, from some point on: a journal keeps their order. When only the process ends,
everything that was done stays done.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from otel_perf.core.file_system import FileSystem, Look

MOST_WRITTEN = 40
Step: TypeAlias = Callable[[dict[str, "Inode"]], None]


class DeadError(BaseException):
    """The process or the power has ended: nothing of ours may catch this."""


class Inode:
    def __init__(self) -> None:
        self.data = bytearray()
        self.synced = 0  # bytes that outlive the power


class Disk:
    """What all processes see: files by path, and what of it would outlive the power."""

    def __init__(self) -> None:
        self.files: dict[str, Inode] = {}
        self.folders: set[str] = set()
        self.safe_files: dict[str, Inode] = {}
        self.pending: list[tuple[str, Step]] = []  # per folder, in order
        self.locks: dict[int, object] = {}  # id of the inode -> who holds it
        self.now_ns = 0

    def change(self, folder: Path, step: Step) -> None:
        step(self.files)
        self.pending.append((str(folder), step))

    def sync_folder(self, folder: Path) -> None:
        for where, step in self.pending:
            if where == str(folder):
                step(self.safe_files)
        self.pending = [entry for entry in self.pending if entry[0] != str(folder)]

    def lose_power(self, survive_steps: int, survive_bytes: int) -> None:
        """The first ``survive_steps`` unsynced changes of folders, and bytes of each file, made it to the disk."""
        for _, step in self.pending[:survive_steps]:
            step(self.safe_files)
        self.pending = []
        self.files = dict(self.safe_files)
        for inode in self.files.values():
            del inode.data[inode.synced + survive_bytes :]
            inode.synced = len(inode.data)
        self.locks.clear()


class SimulatedFiles(FileSystem):
    """One process's system calls on a disk. After ``calls_left`` of them the process is dead."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.calls_left: int | None = None
        self.failing: OSError | None = None
        self.room: int | None = None  # bytes until the disk is full
        self.calls = 0
        self.dead = False
        self._open: dict[int, tuple[Inode, str]] = {}
        self._next = 3

    def _call(self, *, writes: bool = False) -> None:
        if self.dead:
            raise DeadError
        self.calls += 1
        if self.calls_left is not None:
            if self.calls_left <= 0:
                self.die()
                raise DeadError
            self.calls_left -= 1
        if writes and self.failing is not None:
            raise self.failing

    def die(self) -> None:
        """The process ends: its locks are free."""
        self.dead = True
        self.disk.locks = {inode: owner for inode, owner in self.disk.locks.items() if owner is not self}

    def make_folder(self, path: Path) -> None:
        self._call(writes=True)
        if str(path) in self.disk.folders:
            raise FileExistsError(str(path))
        self.disk.folders.add(str(path))  # outlives everything: what is lost with a folder is lost with its files

    def is_ours(self, path: Path) -> bool:
        self._call()
        if str(path) not in self.disk.folders:
            raise FileNotFoundError(str(path))
        return True

    def _descriptor(self, inode: Inode, name: str) -> int:
        self._next += 1
        self._open[self._next] = (inode, name)
        return self._next

    def create(self, path: Path) -> int:
        self._call(writes=True)
        if str(path.parent) not in self.disk.folders:
            raise FileNotFoundError(str(path))
        if str(path) in self.disk.files:
            raise FileExistsError(str(path))
        inode = Inode()
        self.disk.change(path.parent, lambda files: files.__setitem__(str(path), inode))
        return self._descriptor(inode, str(path))

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        # Not all of it at once, so that a process can die with a torn file.
        part = bytes(data[: max(MOST_WRITTEN, len(data) // 4)])
        if self.room is not None and self.room < len(part):
            raise OSError(28, "No space left on device")
        self._call(writes=True)
        if self.room is not None:
            self.room -= len(part)
        self._open[descriptor][0].data += part
        return len(part)

    def sync(self, descriptor: int) -> None:
        self._call(writes=True)
        inode = self._open[descriptor][0]
        inode.synced = len(inode.data)

    def close(self, descriptor: int) -> None:
        if self.dead:
            raise DeadError
        inode, _ = self._open.pop(descriptor)
        if self.disk.locks.get(id(inode)) is self:
            del self.disk.locks[id(inode)]

    def rename(self, source: Path, target: Path) -> None:
        self._call(writes=True)
        inode = self._inode(source)

        def both(files: dict[str, Inode]) -> None:
            files.pop(str(source), None)
            files[str(target)] = inode

        self.disk.change(source.parent, both)

    def unlink(self, path: Path) -> None:
        self._call(writes=True)
        self._inode(path)
        self.disk.change(path.parent, lambda files: files.pop(str(path), None) and None)

    def _inode(self, path: Path) -> Inode:
        try:
            return self.disk.files[str(path)]
        except KeyError:
            raise FileNotFoundError(str(path)) from None

    def remove_folder(self, path: Path) -> None:
        self._call(writes=True)
        if self.names(path):
            raise OSError(39, "Directory not empty")
        self.disk.sync_folder(path)  # a folder that is gone for good takes its files along
        self.disk.folders.remove(str(path))

    def sync_folder(self, path: Path) -> None:
        self._call(writes=True)
        self.disk.sync_folder(path)

    def sync_file(self, path: Path) -> None:
        self._call(writes=True)
        inode = self._inode(path)
        inode.synced = len(inode.data)

    def names(self, path: Path) -> list[str]:
        self._call()
        if str(path) not in self.disk.folders:
            raise FileNotFoundError(str(path))
        everything = (*self.disk.files, *self.disk.folders)
        return sorted(Path(name).name for name in everything if str(Path(name).parent) == str(path))

    def look(self, path: Path) -> Look:
        self._call()
        return Look(len(self._inode(path).data), self.disk.now_ns)

    def read(self, path: Path, most_bytes: int) -> bytes:
        self._call()
        return bytes(self._inode(path).data[:most_bytes])

    def lock(self, path: Path) -> int | None:
        self._call()
        if str(path.parent) not in self.disk.folders:
            raise FileNotFoundError(str(path))
        inode = self.disk.files.get(str(path))
        if inode is None:
            inode = Inode()
            made = inode
            self.disk.change(path.parent, lambda files: files.__setitem__(str(path), made))
        if id(inode) in self.disk.locks:
            return None
        self.disk.locks[id(inode)] = self
        return self._descriptor(inode, str(path))
