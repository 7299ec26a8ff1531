"""The first turn: read every file of the folder and put what it defines into the index."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import otel_perf
from otel_perf.demo.corpus import walk
from otel_perf.demo.source_code import Definition, parse, read_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from otel_perf.demo.library import Library

__all__ = ["build_index"]

READERS = 4


@otel_perf.tool
def load_file(file: Path, folder: Path) -> list[Definition]:
    """Read and parse one file; a file that is not Python is kept as one piece of text."""
    text = read_file(file)
    path = file.relative_to(folder).as_posix()
    try:
        return parse(text, path)
    except (SyntaxError, ValueError, RecursionError):
        return [Definition(path, 1, "text", file.name, text[:1000], "")]


def build_index(folder: Path, limit: int, library: Library, progress: Callable[[int, int], None]) -> int:
    """Index a folder as one turn of the agent ``indexer``.

    Args:
        folder: What to read.
        limit: Number of files.
        library: Where to.
        progress: Told how many files of how many are done.

    Returns:
        The number of files in the index; those that are no text are not among them.
    """
    with otel_perf.agent("indexer"), ThreadPoolExecutor(READERS, thread_name_prefix="reader") as pool:
        files = walk(folder, limit)
        loading = [pool.submit(load_file, file, folder) for file in files]
        try:
            indexed = 0
            for done, future in enumerate(loading, 1):
                indexed += _take(future, library)
                progress(done, len(files))
            return indexed
        finally:
            # After Ctrl-C nobody waits for a thousand files.
            pool.shutdown(cancel_futures=True)


def _take(loading: Future[list[Definition]], library: Library) -> bool:
    try:
        library.index(loading.result())
    except (UnicodeDecodeError, OSError):
        # A picture, an archive, a compiled module: the agent goes on without it.
        return False
    return True
