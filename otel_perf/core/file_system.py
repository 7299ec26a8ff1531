"""The system calls that everything kept on disk is made of: one object, so that a test can stop at any of them."""

import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

try:
    import fcntl
except ImportError:  # no POSIX: there is no lock that ends with its process, so nothing is kept on disk
    fcntl = None  # type: ignore[assignment]

__all__ = ["FileSystem", "Look", "write_all"]

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class Look(NamedTuple):
    """What is known of a file without opening it: bytes, and Unix time of the last write in ns."""

    size_bytes: int
    modified_unix_ns: int


class FileSystem:
    """The real one. Every method may raise ``OSError``; none follows a symbolic link in the last part of a path."""

    def make_folder(self, path: Path) -> None:
        """Make a folder for this user alone, whatever the umask; it must not exist. Its parents are made as usual."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(FOLDER_MODE)
        path.chmod(FOLDER_MODE)

    def is_ours(self, path: Path) -> bool:
        """Whether ``path`` is a real folder that belongs to this user or to root: not a trap laid by another user."""
        found = path.lstat()
        owners = (os.geteuid(), 0) if hasattr(os, "geteuid") else (found.st_uid,)
        return stat.S_ISDIR(found.st_mode) and found.st_uid in owners

    def create(self, path: Path) -> int:
        """A descriptor of a new file for this user alone; it must not exist."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | NO_LINK, FILE_MODE)
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, FILE_MODE)
        return descriptor

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Write some of ``data``; how many bytes that were."""
        return os.write(descriptor, data)

    def overwrite(self, descriptor: int, data: bytes) -> None:
        """Put ``data`` at the beginning of the file."""
        os.pwrite(descriptor, data, 0)

    def sync(self, descriptor: int) -> None:
        """What was written will outlive a power cut."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Give a descriptor back."""
        os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Move a file in one step."""
        source.rename(target)

    def unlink(self, path: Path) -> None:
        """Remove a file."""
        path.unlink()

    def remove_folder(self, path: Path) -> None:
        """Remove an empty folder."""
        path.rmdir()

    def sync_folder(self, path: Path) -> None:
        """What was created, renamed and removed in a folder will outlive a power cut."""
        _sync(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | NO_LINK)

    def sync_file(self, path: Path) -> None:
        """What was written into a file, by whomever, will outlive a power cut."""
        _sync(path, os.O_RDWR | NO_LINK)

    def names(self, path: Path) -> list[str]:
        """The names in a folder, sorted."""
        return sorted(entry.name for entry in path.iterdir())

    def look(self, path: Path) -> Look:
        """Size and age of a regular file."""
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise OSError("not a regular file")
        return Look(found.st_size, found.st_mtime_ns)

    def read(self, path: Path, most_bytes: int) -> bytes:
        """The first ``most_bytes`` of a regular file; a pipe of the same name is not waited for."""
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | NO_LINK)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError("not a regular file")
            parts = []
            while most_bytes > 0 and (part := os.read(descriptor, most_bytes)):
                parts.append(part)
                most_bytes -= len(part)
            return b"".join(parts)
        finally:
            os.close(descriptor)

    def lock(self, path: Path) -> int | None:
        """Hold the lock file ``path``, made if need be, until the descriptor is closed; ``None`` when another has it.

        The lock ends with the process, however that ends. A forked child has to close its copy.
        """
        if fcntl is None:
            raise OSError("no file locks on this platform")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | NO_LINK, FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.lstat()):
                return descriptor
        except (BlockingIOError, FileNotFoundError):
            pass  # held by a living process, or removed by the one that held it until now
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(files: FileSystem, descriptor: int, data: bytes) -> None:
    """Write all of ``data``; a write may take less than it is given."""
    rest = memoryview(data)
    while rest:
        rest = rest[files.write(descriptor, rest) :]
