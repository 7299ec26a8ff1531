"""What a forked child must find in order: free locks, and no object that clings to the parent's threads or sockets."""

import os
import threading
import weakref
from types import TracebackType
from typing import Final, Protocol

from otel_perf.core.guard import guard

__all__ = ["ForkSafeLock", "renew_in_child"]


class ForkSafeLock:
    """A lock that a forked child finds free, whatever another thread of the parent held at that moment.

    Held for microseconds, in a ``with`` block. What it guards is copied into the child as it stood.
    """

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


class _Forked(Protocol):
    def after_fork_in_child(self) -> object:
        """Let go of what is the parent's."""
        ...


_locks: Final[weakref.WeakSet[ForkSafeLock]] = weakref.WeakSet()
_members: Final[weakref.WeakSet[_Forked]] = weakref.WeakSet()


def renew_in_child(member: _Forked) -> None:
    """Call the ``after_fork_in_child`` of an object in every forked child, as long as the object lives."""
    _members.add(member)


def _in_forked_child() -> None:
    for lock in tuple(_locks):
        lock.renew()
    for member in tuple(_members):
        guard.call("fork", member.after_fork_in_child)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
