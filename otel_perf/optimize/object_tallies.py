"""The tallies of objects that come and go, as caches and limiters do: from the first count to the last."""

import os
import weakref
from collections import deque
from threading import Lock
from typing import Any, Final, Protocol

from otel_perf.core.guard import guard
from otel_perf.core.intake import intake
from otel_perf.core.measurements import Measurement
from otel_perf.core.tallies import Tally, tallies

__all__ = ["Forkable", "ObjectTallies", "object_tallies"]

GONE_LIMIT: Final = 1_000
"""Tallies of dead objects that are kept for a recording that may still be closing."""


class Forkable(Protocol):
    """An object that counts."""

    def after_fork_in_child(self) -> None:
        """Make new locks: those there are may be held by a thread of the parent."""
        ...


class ObjectTally(Tally, Protocol):
    """The tally of one object."""

    def end(self) -> None:
        """The object is gone, and holds nothing any more. Must take no lock: the garbage collector calls this."""
        ...


class ObjectTallies:
    """Knows them all, keeps no object alive, and asks the tally of a dead one a last time."""

    def __init__(self) -> None:
        """Start without any."""
        self._new: deque[ObjectTally] = deque()
        self._gone: deque[ObjectTally] = deque()
        self._members: list[ObjectTally] = []
        self._sorting = Lock()
        self._alive: weakref.WeakSet[Any] = weakref.WeakSet()

    def add(self, owner: Forkable, tally: ObjectTally) -> None:
        """Have an object counted; the tally must not refer to it."""
        self._new.append(tally)
        self._alive.add(owner)
        weakref.finalize(owner, self._remove, tally).atexit = False

    def _remove(self, tally: ObjectTally) -> None:
        tally.end()
        self._gone.append(tally)
        if len(self._gone) > GONE_LIMIT and not intake.accepting:
            self._sort()

    def _sort(self) -> list[ObjectTally]:
        """Those of the living become the members; those of the dead are returned."""
        if not self._sorting.acquire(blocking=False):
            return []  # somebody is at it
        try:
            while self._new:
                self._members.append(self._new.popleft())
            gone = [self._gone.popleft() for _ in range(len(self._gone))]
            if gone:
                leaving = set(map(id, gone))
                self._members = [tally for tally in self._members if id(tally) not in leaving]
            return gone
        finally:
            self._sorting.release()

    def take(self, time_ns: int) -> list[Measurement]:
        """See ``Tally``."""
        gone = self._sort()
        return [entry for tally in (*self._members, *gone) for entry in tally.take(time_ns)]

    def restart(self) -> None:
        """See ``Tally``. What the dead have left belongs to nobody."""
        self._sorting = Lock()
        self._sort()
        for tally in self._members:
            tally.restart()

    def after_fork_in_child(self) -> None:
        """New locks, here and in every object."""
        self._sorting = Lock()
        for owner in list(self._alive):
            guard.call("fork", owner.after_fork_in_child)


object_tallies: Final = ObjectTallies()
tallies.join(object_tallies)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=object_tallies.after_fork_in_child)
