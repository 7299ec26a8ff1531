"""The one folder in which a process keeps what has to outlive it: nobody else reads it, and no repository takes it."""

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from otel_perf.core import clock
from otel_perf.core.file_system import FileSystem, write_all
from otel_perf.core.guard import logger

__all__ = ["StateFolder"]

IGNORE_ALL: Final = b"*\n"
FIRST_RETRY_SECONDS: Final = 1.0
LONGEST_RETRY_SECONDS: Final = 60.0


class StateFolder:
    """A folder and its parts, made when they are needed, and whether the disk wants to.

    Attributes:
        path: Where it is.
        files: The system calls.
    """

    def __init__(self, path: Path, files: FileSystem | None = None) -> None:
        """Touch nothing yet."""
        self.path = path
        self.files = files or FileSystem()
        self._renew()

    def _renew(self) -> None:
        self._instance: str | None = None
        self._failing = False
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._retry_at_ns = 0

    @property
    def instance(self) -> str:
        """How this process is called in the folder: time, process id, random number, so that names sort by age."""
        if self._instance is None:
            now = datetime.fromtimestamp(clock.wall_ns() / 1e9, UTC)
            self._instance = f"{now:%Y%m%dT%H%M%S}-{os.getpid()}-{secrets.token_hex(3)}"
        return self._instance

    def after_fork_in_child(self) -> None:
        """The child is another process."""
        self._renew()

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

    # -- when the disk does not want to ----------------------------------------------------------------------------

    def usable(self) -> bool:
        """Whether it is worth trying to write."""
        return not self._failing or clock.monotonic_ns() >= self._retry_at_ns

    def fail(self, error: OSError) -> None:
        """Writing failed: told once, tried again after 1 s, later after up to 60 s."""
        if not self._failing:
            logger.warning(
                "otel_perf: the state folder %s cannot be used (%s): what is not delivered waits in memory only",
                self.path, error.strerror or error,
            )  # fmt: skip
            self._failing = True
            self._retry_seconds = FIRST_RETRY_SECONDS
        self._retry_at_ns = clock.monotonic_ns() + int(self._retry_seconds * 1e9)
        self._retry_seconds = min(2 * self._retry_seconds, LONGEST_RETRY_SECONDS)

    def recover(self) -> None:
        """Writing works."""
        if self._failing:
            self._failing = False
            logger.warning("otel_perf: the state folder %s can be used again", self.path)
