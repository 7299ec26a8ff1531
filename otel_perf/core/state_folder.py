"""The one folder in which a process keeps what has to outlive it: nobody else reads it, and no repository takes it."""

from pathlib import Path
from typing import Final

from otel_perf.core.file_system import FileSystem, write_all

__all__ = ["StateFolder"]

IGNORE_ALL: Final = b"*\n"


class StateFolder:
    """A folder and its parts, made when they are needed.

    Attributes:
        path: Where it is.
        files: The system calls.
    """

    def __init__(self, path: Path, files: FileSystem | None = None) -> None:
        """Touch nothing yet."""
        self.path = path
        self.files = files or FileSystem()

    def part(self, *names: str) -> Path:
        """The folder ``names`` below this one, made if need be: 0700, ours, no symbolic link.

        Raises:
            OSError: It cannot be made, or is not ours.
        """
        folder = self.path
        if self._make(folder) or not self.files.names(folder):
            self._ignore()
        for name in names:
            folder /= name
            self._make(folder)
        return folder

    def _make(self, folder: Path) -> bool:
        try:
            self.files.make_folder(folder)
        except FileExistsError:
            if not self.files.is_ours(folder):
                raise PermissionError(f"{folder.name} is not a folder of this user") from None
            return False
        self.files.sync_folder(folder.parent)
        return True

    def _ignore(self) -> None:
        """Git is told to leave the folder alone; not one in which the user has something of his own."""
        try:
            descriptor = self.files.create(self.path / ".gitignore")
        except FileExistsError:
            return  # another process was faster
        try:
            write_all(self.files, descriptor, IGNORE_ALL)
        finally:
            self.files.close(descriptor)
