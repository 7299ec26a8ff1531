"""When a cache is loaded and saved: at its beginning, after so many new values, at the end of the process."""

import atexit
import os
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from otel_perf.core import clock
from otel_perf.core.background import background_thread
from otel_perf.core.cache_signals import CACHE_FILE_OPERATIONS, CACHE_SAVED_EVENT
from otel_perf.core.events import Event, emit
from otel_perf.core.file_system import FileSystem
from otel_perf.core.guard import guard, logger
from otel_perf.core.recording import record
from otel_perf.optimize.cache_core import CacheCore
from otel_perf.optimize.cache_entries import NEVER_NS, Entry
from otel_perf.optimize.cache_file import CacheFile, DamagedFileError, KeptValue, read_cache, write_cache

__all__ = ["CacheSaving"]

FINISH_SECONDS: Final = 30.0
"""How long ``finish`` waits for a save under way."""


class CacheSaving:
    """Keeps one cache and its file together.

    Attributes:
        file: The file.
    """

    def __init__(self, name: str, file: CacheFile, core: CacheCore[Any, Any], files: FileSystem | None = None) -> None:
        """Load what the file holds."""
        self.file = file
        self._name = name
        self._core = core
        self._files = files or FileSystem()
        self._writing = threading.Lock()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._automatic = True
        guard.call("cache.load", self._load)
        _ALIVE.add(self)

    # -- loading -------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        try:
            values = read_cache(self.file, self._files)
        except FileNotFoundError:
            self._count("load", "missing")
        except DamagedFileError:
            self._set_aside()
            self._count("load", "damaged")
        except OSError as error:
            logger.warning("otel_perf: the file of cache %r cannot be read: %s", self._name, error.strerror or error)
            self._count("load", "error")
        else:
            for key, entry in self._living(values):
                self._core.put(key, entry)
            self._core.saved(self._core.unsaved)
            self._count("load", "ok")

    def _living(self, values: list[KeptValue]) -> Iterator[tuple[Any, Entry[Any]]]:
        """The values that still count. A wall clock that was set back makes none live longer than it may at most."""
        now_ns, now_unix_ns, ttl_ns = self._core.policy.now_ns(), clock.wall_ns(), self._core.policy.ttl_ns
        for kept in values:
            left_ns = ttl_ns
            if kept.expires_unix_ns is not None:
                left_ns = kept.expires_unix_ns - now_unix_ns
                left_ns = left_ns if ttl_ns is None else min(left_ns, ttl_ns)
            if left_ns is None or left_ns > 0:
                expires_ns = NEVER_NS if left_ns is None else now_ns + left_ns
                yield kept.key, Entry(kept.value, expires_ns, cost_ns=kept.cost_ns)

    def _set_aside(self) -> None:
        path = Path(self.file.path)
        aside = path.with_name(f"{path.name}.damaged")
        logger.warning("otel_perf: the file of cache %r is damaged; it is now called %s", self._name, aside.name)
        with guard.block("cache.load"):
            self._files.rename(path, aside)

    # -- saving --------------------------------------------------------------------------------------------------

    def save_if_due(self) -> None:
        """Start a save in the background when enough is new and none is under way."""
        if self._core.unsaved < self.file.save_every or not self._automatic:
            return
        if not self._starting.acquire(blocking=False):
            return
        try:
            if self._thread is None:
                self._thread = background_thread(self._save_all, "otel_perf-cache-save")
                self._thread.start()
        finally:
            self._starting.release()

    def _save_all(self) -> None:
        """On the thread: save as long as enough is new."""
        try:
            while guard.call("cache.save", self.save) and self._core.unsaved >= self.file.save_every:
                pass
        finally:
            self._thread = None

    def save(self) -> bool:
        """Write the file now; False when the system refuses, which is told and counted."""
        with self._writing:
            unsaved = self._core.unsaved
            try:
                written = write_cache(self.file, self._kept(), self._files)
            except OSError as error:
                logger.warning("otel_perf: cache %r cannot be saved: %s", self._name, error.strerror or error)
                self._core.saved(unsaved)  # tried again after as many new values
                self._count("save", "error")
                return False
            self._core.saved(unsaved)
        self._count("save", "ok")
        sizes = {
            "otel_perf.cache.file.entries": written.entries,
            "otel_perf.cache.file.skipped": written.skipped,
            "otel_perf.cache.file.size": written.size_bytes,
        }
        emit(Event(CACHE_SAVED_EVENT, {"otel_perf.cache.name": self._name, **sizes}))
        return True

    def _kept(self) -> Iterator[KeptValue]:
        now_ns, now_unix_ns = self._core.policy.now_ns(), clock.wall_ns()
        for key, entry in self._core.values():
            expires = None if entry.expires_ns == NEVER_NS else now_unix_ns + entry.expires_ns - now_ns
            yield KeptValue(key, entry.value, expires, entry.cost_ns)

    def finish(self) -> None:
        """Wait for a save under way, then write what is new."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(FINISH_SECONDS)
        if self._core.unsaved:
            guard.call("cache.save", self.save)

    def finish_at_exit(self) -> None:
        """The same at the end of the process that made the cache."""
        if self._automatic:
            self.finish()

    def _count(self, operation: str, outcome: str) -> None:
        record(CACHE_FILE_OPERATIONS, 1, self._name, operation, outcome)

    def after_fork_in_child(self) -> None:
        """The file is the parent's: a child writes it only when told to by ``save()`` or ``close()``."""
        self._writing, self._starting = threading.Lock(), threading.Lock()
        self._thread = None
        self._automatic = False


_ALIVE: Final[weakref.WeakSet[CacheSaving]] = weakref.WeakSet()


@atexit.register
def _at_exit() -> None:
    for saving in list(_ALIVE):
        guard.call("cache.save", saving.finish_at_exit)


def _in_forked_child() -> None:
    for saving in list(_ALIVE):
        saving.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
