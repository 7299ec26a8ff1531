"""Counting beside the queue: parts that are asked too often for one measurement each count on their own.

A tally is asked for what has come up: once a second by the worker, and whenever somebody waits for exact numbers (a
flush, the end). So nothing of it is lost, and a look-up in a cache costs no record.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock
from typing import Final, Protocol

from otel_perf.core import clock
from otel_perf.core.guard import guard
from otel_perf.core.measurements import Measurement
from otel_perf.core.signal_spec import MetricSpec

__all__ = ["BATCH", "OTHER", "Distribution", "Names", "Tallies", "Tally", "tallies"]

OTHER: Final = "_OTHER"
NANOSECONDS: Final = 1_000_000_000
BATCH: Final = 256


class Tally(Protocol):
    """A part that counts on its own. Both methods are called on any thread, must not block and must not do I/O."""

    def take(self, time_ns: int) -> Sequence[Measurement]:
        """What has come up since the last time; ``time_ns`` is the monotonic time of the measurements."""
        ...

    def restart(self) -> None:
        """Leave out what has come up until now: whoever asks next begins at zero. Of what is there he is told anew."""
        ...


class Names:
    """The first names of a recording get a label of their own, all others share ``_OTHER``."""

    def __init__(self, limit: int) -> None:
        """Know none; ``limit`` names will be told apart."""
        self._limit = limit
        self._known: dict[str, str] = {}

    def label(self, name: str) -> str:
        """The label of a name."""
        if name in self._known or len(self._known) < self._limit:
            return self._known.setdefault(name, name)
        return OTHER

    def forget(self) -> None:
        """A new recording has labels of its own."""
        self._known = {}


class Tallies:
    """All tallies of the process."""

    def __init__(self) -> None:
        """Start without any."""
        self._members: tuple[Tally, ...] = ()
        self._names: tuple[Names, ...] = ()
        self._lock = Lock()

    def names(self, limit: int) -> Names:
        """What bounds the labels of one kind of tally: so many of them."""
        made = Names(limit)
        with self._lock:
            self._names = (*self._names, made)
        return made

    def join(self, tally: Tally) -> None:
        """Have a tally asked from now on, for the life of the process."""
        with self._lock:
            self._members = (*self._members, tally)

    def take(self) -> list[Measurement]:
        """What has come up everywhere."""
        time_ns = clock.monotonic_ns()
        found: list[Measurement] = []
        for member in self._members:
            found.extend(guard.call("tallies", member.take, time_ns) or ())
        return found

    def restart(self) -> None:
        """Recording begins, or begins anew in a forked child: what was counted before is not part of it."""
        self._lock = Lock()
        for names in self._names:
            names.forget()
        for member in self._members:
            guard.call("tallies", member.restart)


tallies: Final = Tallies()


class Distribution:
    """Durations by bucket, with the sum of each, so that few measurements tell them all and none is made up.

    For one thread at a time.

    Attributes:
        recent: Durations in nanoseconds that are not sorted into buckets yet. Who appends one, and finds ``BATCH`` of
            them, calls ``sort``: a batch takes a fifth of the time that its durations take one by one.
    """

    __slots__ = ("_bounds_ns", "_counts", "_handed", "_handed_sums", "_maximum", "_minimum", "_sums", "recent")

    def __init__(self, bounds_seconds: Iterable[float]) -> None:
        """Start empty, with upper bounds that belong to their bucket."""
        self._bounds_ns: Final = [round(bound * NANOSECONDS) for bound in bounds_seconds]
        self._counts = [0] * (len(self._bounds_ns) + 1)
        self._sums = [0] * len(self._counts)
        self._minimum, self._maximum = 1 << 62, -1
        self.recent: list[int] = []
        self.skip()

    def add(self, duration_ns: int) -> None:
        """Take one duration in."""
        self.recent.append(duration_ns)
        if len(self.recent) >= BATCH:
            self.sort()

    def sort(self) -> None:
        """Sort what is recent into buckets."""
        recent = sorted(self.recent)
        self.recent.clear()
        if not recent:
            return
        self._minimum = min(self._minimum, recent[0])
        self._maximum = max(self._maximum, recent[-1])
        begin = 0
        while begin < len(recent):
            index = bisect_left(self._bounds_ns, recent[begin])
            end = bisect_right(recent, self._bounds_ns[index]) if index < len(self._bounds_ns) else len(recent)
            self._counts[index] += end - begin
            self._sums[index] += sum(recent[begin:end])
            begin = end

    @property
    def count(self) -> int:
        """Values so far."""
        return sum(self._counts) + len(self.recent)

    def within(self, seconds: float) -> int:
        """How many values were not above one of the bounds."""
        self.sort()
        return sum(self._counts[: bisect_left(self._bounds_ns, round(seconds * NANOSECONDS)) + 1])

    def skip(self) -> None:
        """Leave out of the next ``take`` what has come up until now."""
        self.sort()
        self._handed, self._handed_sums = list(self._counts), list(self._sums)
        self._minimum, self._maximum = 1 << 62, -1

    def take(self, metric: MetricSpec, labels: tuple[str | None, ...], time_ns: int) -> Iterator[Measurement]:
        """What is new, as few measurements that give the same buckets, sum, least and greatest value."""
        self.sort()
        extremes = [self._minimum, self._maximum] if self._maximum >= 0 else []
        for index, count in enumerate(self._counts):
            new, new_sum = count - self._handed[index], self._sums[index] - self._handed_sums[index]
            for extreme in extremes:
                if new and bisect_left(self._bounds_ns, extreme) == index:
                    yield Measurement(metric, extreme / NANOSECONDS, labels, time_ns)
                    new, new_sum = new - 1, new_sum - extreme
            if new:
                yield Measurement(metric, new_sum / new / NANOSECONDS, labels, time_ns, new)
        self.skip()
