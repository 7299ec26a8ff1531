"""Which files the agent reads."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from typing import Final

import otel_perf

__all__ = ["standard_library", "walk"]

SKIPPED_FOLDERS: Final = frozenset(
    {"__pycache__", ".git", ".hg", ".tox", ".venv", "dist-packages", "node_modules", "site-packages"}
)
"""Folders that hold no source code of the folder's own."""

SECONDARY_FOLDERS: Final = frozenset({"idle_test", "test", "tests"})
"""Folders whose files come last when there are too many."""

MAX_FILE_BYTES: Final = 512 * 1024
"""Larger files are left out: they are generated tables, and parsing one takes longer than all questions."""


def standard_library() -> Path:
    """The folder with the standard library of the running Python."""
    return Path(sysconfig.get_path("stdlib"))


@otel_perf.tool
def walk(folder: Path, limit: int) -> list[Path]:
    """List at most ``limit`` files, tests last, evenly spread where some must be left out.

    Raises:
        FileNotFoundError: The folder is not there, or holds no file to read.
    """
    primary: list[Path] = []
    secondary: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        inside = Path(place)
        group = secondary if SECONDARY_FOLDERS & set(inside.relative_to(folder).parts) else primary
        group.extend(inside / name for name in sorted(names) if _readable(inside / name))
    if not primary and not secondary:
        raise FileNotFoundError(f"no files in {folder}")
    chosen = _spread(primary, limit)
    return chosen + _spread(secondary, limit - len(chosen))


def _readable(file: Path) -> bool:
    return file.is_file() and 0 < file.stat().st_size <= MAX_FILE_BYTES


def _spread(files: list[Path], limit: int) -> list[Path]:
    if len(files) <= limit:
        return files
    return [files[number * len(files) // limit] for number in range(limit)]
