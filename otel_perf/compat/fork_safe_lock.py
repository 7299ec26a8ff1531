"""A lock that a forked child finds free, whatever another thread of the parent held at that moment."""

import os
import threading
import weakref
from types import TracebackType
from typing import Final

__all__ = ["ForkSafeLock"]


class ForkSafeLock:
    """Held for microseconds, in a ``with`` block. What it guards is copied into the child as it stood."""

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        """Free."""
        self.renew()
        _locks.add(self)

    def renew(self) -> None:
        """Free again: whoever held it is not here."""
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        """Wait for it."""
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give it back."""
        self._lock.release()


_locks: Final[weakref.WeakSet[ForkSafeLock]] = weakref.WeakSet()


def _in_forked_child() -> None:
    for lock in tuple(_locks):
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
