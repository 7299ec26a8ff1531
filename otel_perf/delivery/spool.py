"""The durable spool of one destination: requests on disk while it is away, oldest first, bounded, adopted, counted."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Literal

from otel_perf.core import clock
from otel_perf.core.guard import logger
from otel_perf.delivery.adoption import Adoption
from otel_perf.delivery.halving import halve
from otel_perf.delivery.parcels import Parcel
from otel_perf.delivery.patience import Patience
from otel_perf.delivery.segments import DamagedSegmentError, Name, Segment, pack
from otel_perf.delivery.sender_hooks import LossListener
from otel_perf.delivery.shelf import Entry, Shelf
from otel_perf.delivery.spool_folder import SpoolFolder
from otel_perf.delivery.spooled_parcel import SpooledParcel
from otel_perf.delivery.strangers import discard_strangers
from otel_perf.delivery.transport import Signal

__all__ = ["DiskSpool", "SpoolSettings"]

LOCK_SECONDS: Final = 0.5
"""A disk that hangs holds up the sender's own thread only; whoever else asks gives up after that long, once."""
SETTLE_NS: Final = 200_000_000
SCAN_NS: Final = 30 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """Bounds of one destination's spool.

    Attributes:
        max_bytes: Most bytes of the disk; above it the oldest goes (64 MiB).
        max_age_seconds: Older segments go (7 days). Measured by the monotonic clock from when this process stored or
            found a segment, and before that by the file's date.
        only_at_end: Take nothing before the sender ends: for snapshots, of which the next makes the last needless.
    """

    max_bytes: int = 64 * 1024 * 1024
    max_age_seconds: float = 7 * 86_400.0
    only_at_end: bool = False


def _nothing(*_: object, **__: object) -> None:
    return None


class DiskSpool:
    """What ``Spool`` asks for, on disk.

    ``keep`` returns when the request is safe from the end of the process and of the power. ``remove`` is the only way
    out for what was delivered, so that a crash between the acknowledgement and it sends one request twice.
    """

    def __init__(self, folder: SpoolFolder, key: str, signal: Signal, settings: SpoolSettings | None = None) -> None:
        """Touch nothing yet: folders are made for the first parcel, and looked for by the first ``oldest``.

        Args:
            folder: The spool of the process.
            key: The destination, see ``destination_key``.
            signal: What its requests are.
            settings: Bounds.
        """
        self._folder = folder
        folder.keys.add(key)
        self._key = key
        self._signal: Signal = signal
        self._settings = settings or SpoolSettings()
        self._on_adopted: Callable[[int], None] = _nothing
        self._on_lost: LossListener = _nothing
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._adoption = Adoption(self._folder, self._key)
        self._patience = Patience()
        self._own: Shelf | None = None
        self._shelves: list[Shelf] = []
        self._entries: list[Entry] = []
        self._hasty: list[Entry] = []
        self._cost_bytes = 0
        self._sequence = 0
        self._scan_at_ns = 0
        self._lent: SpooledParcel | None = None
        self._last_kept: Parcel | None = None
        self._closed = self._stuck = False

    def attach(self, on_adopted: Callable[[int], None], on_lost: LossListener) -> None:
        """Whom to tell of items that were taken over from others, and of spooled items that are lost."""
        self._on_adopted = on_adopted
        self._on_lost = on_lost

    @property
    def items(self) -> int:
        """Spans or metric points on disk, in the care of this process."""
        return sum(entry.name.items for entry in self._entries)

    @property
    def size_bytes(self) -> int:
        """What those take of the disk, in whole blocks."""
        return self._cost_bytes

    # -- storing -------------------------------------------------------------------------------------------------

    @property
    def accepting(self) -> bool:
        """Whether parcels may be brought before the end."""
        return not self._settings.only_at_end and not self._closed and self._folder.home.usable()

    def keep(self, parcel: Parcel, *, hasty: bool = False) -> bool:
        """Store the parcel; ``False`` when the disk does not take it now, or another thread is stuck in it.

        A ``hasty`` one is safe from a power cut only after ``close``: many at once are written ten times faster so.
        """
        if not self._acquire():
            return False
        try:
            return parcel is self._last_kept or self._keep(parcel, hasty=hasty)
        finally:
            self._release()

    def _acquire(self) -> bool:
        self._stuck = not self._lock.acquire(timeout=0.0 if self._stuck else LOCK_SECONDS)
        return not self._stuck

    def _release(self) -> None:
        """Who was inside when another wanted to close does it for him: no lock may outlive the pipeline."""
        try:
            if self._closed:
                self._let_go()
        finally:
            self._lock.release()

    @contextmanager
    def _inside(self) -> Iterator[None]:
        self._lock.acquire()
        try:
            yield
        finally:
            self._release()

    def _keep(self, parcel: Parcel, *, hasty: bool) -> bool:
        if self._closed or not self._folder.home.usable():
            return False
        data = pack(Segment(self._signal, parcel.items, clock.wall_ns(), parcel.body()))
        if len(data) > self._settings.max_bytes:
            return False
        try:
            entry = self._store(Name(self._sequence, (), parcel.items), data, hasty=hasty)
        except OSError as error:
            self._folder.home.fail(error)
            return False
        self._folder.home.recover()
        self._sequence += 1
        self._last_kept = parcel
        self._entries.append(entry)
        if hasty:
            self._hasty.append(entry)
        self._cost_bytes += entry.cost_bytes
        self._make_room()
        return True

    def _store(self, name: Name, data: bytes, *, hasty: bool) -> Entry:
        if self._own is not None:
            try:
                return self._own.store(name, data, hasty=hasty)
            except FileNotFoundError:
                self._own = None  # somebody has removed the folder: a new one
        self._own = self._folder.own(self._key)
        self._shelves.append(self._own)
        return self._own.store(name, data, hasty=hasty)

    def _make_room(self) -> None:
        """Evict the oldest until the bound is kept, but not what is being sent."""
        lent = None if self._lent is None else self._lent.entry
        while self._cost_bytes > self._settings.max_bytes:
            oldest = next((entry for entry in self._entries if entry is not lent), None)
            if oldest is None:
                return
            self._lose(oldest, "spool_evicted")

    # -- sending -------------------------------------------------------------------------------------------------

    def oldest(self) -> SpooledParcel | None:
        """The parcel to try next: that which has waited longest, unless others get through and it never does."""
        with self._inside():
            if self._lent is not None:
                return self._lent
            if clock.monotonic_ns() >= self._scan_at_ns and not self._closed:
                self._look_around()
            while (entry := self._patience.choose(self._entries)) is not None:
                self._lent = self._load(entry)
                if self._lent is not None:
                    return self._lent
            return None

    def _look_around(self) -> None:
        """Every 30 s: what has become too old, and what others have left."""
        now, first = clock.monotonic_ns(), not self._scan_at_ns
        self._scan_at_ns = now + SCAN_NS
        too_old_ns = now - int(self._settings.max_age_seconds * 1e9)
        for entry in [entry for entry in self._entries if entry.stored_ns < too_old_ns]:
            self._lose(entry, "spool_evicted")
        with suppress(OSError):  # there is nothing, or nothing that can be read
            for adopted in self._adoption.find(self._settings.max_bytes - self._cost_bytes):
                self._shelves.append(adopted.shelf)
                self._entries[:0] = adopted.contents.entries
                self._cost_bytes += adopted.cost_bytes
                self._on_adopted(adopted.items + adopted.contents.torn)
                if adopted.contents.torn:
                    self._on_lost(adopted.contents.torn, "spool_damaged", adopted=True)
                self._tidy()
        self._make_room()
        if first:
            discard_strangers(self._folder, self._settings.max_age_seconds)

    def _load(self, entry: Entry) -> SpooledParcel | None:
        try:
            body = entry.shelf.read(entry.name, self._signal).body
        except (DamagedSegmentError, OSError) as error:
            logger.warning("otel_perf: a spooled request of %d items is unreadable: %s", entry.name.items, error)
            self._lose(entry, "spool_damaged", aside="damaged")
            return None
        return SpooledParcel(entry, body)

    def postpone(self, parcel: SpooledParcel) -> None:
        """An attempt failed and may be repeated."""
        with self._inside():
            self._lent = None
            if self._patience.fail(parcel.entry):
                logger.warning("otel_perf: a spooled request of %d items never gets through: set aside", parcel.items)
                self._lose(parcel.entry, "retry_exhausted", aside="refused")

    def succeed(self) -> None:
        """A request that did not come from here was acknowledged."""
        with self._inside():
            self._patience.succeed()

    def remove(self, parcel: SpooledParcel, *, refused: bool = False) -> None:
        """The parcel was acknowledged; or refused for good, and is then set aside."""
        with self._inside():
            self._lent = None
            self._forget(parcel.entry)
            self._dispose(parcel.entry, "refused" if refused else None)
            if not refused:
                self._patience.succeed()

    def divide(self, parcel: SpooledParcel) -> bool:
        """Store two halves in place of the parcel; ``False`` when it cannot be divided.

        None of the two is sent before the whole is gone, so that a crash in between repeats nothing.
        """
        with self._inside():
            entry = parcel.entry
            halves = halve(self._signal, parcel.body())
            if halves is None or entry not in self._entries:
                return False
            stored = []
            try:
                for number, half in enumerate(halves):
                    name = Name(entry.name.sequence, (*entry.name.parts, number), half.items)
                    data = pack(Segment(self._signal, half.items, clock.wall_ns(), half.body))
                    stored.append(entry.shelf.store(name, data, stored_ns=entry.stored_ns))
                    stored[-1].adopted = entry.adopted
                entry.shelf.remove(entry.name)
            except OSError:
                for half_entry in stored:
                    self._dispose(half_entry)
                return False
            position = self._entries.index(entry)
            self._entries[position : position + 1] = stored
            self._cost_bytes += sum(half_entry.cost_bytes for half_entry in stored) - entry.cost_bytes
            self._patience.forget(entry)
            self._lent = None
            return True

    # -- what leaves ---------------------------------------------------------------------------------------------

    def _lose(self, entry: Entry, reason: str, *, aside: Literal["refused", "damaged"] | None = None) -> None:
        self._forget(entry)
        self._dispose(entry, aside)
        self._on_lost(entry.name.items, reason, adopted=entry.adopted)

    def _forget(self, entry: Entry) -> None:
        with suppress(ValueError):
            self._entries.remove(entry)
            self._cost_bytes -= entry.cost_bytes
        self._patience.forget(entry)

    def _dispose(self, entry: Entry, aside: Literal["refused", "damaged"] | None = None) -> None:
        """Take a file off the disk. When that fails the next process finds it again, which is said."""
        if aside is not None:
            with suppress(OSError):
                self._folder.set_aside(entry.shelf, entry.name, aside)
        try:
            entry.shelf.remove(entry.name)
        except FileNotFoundError:
            pass  # set aside, or removed by somebody
        except OSError as error:
            self._folder.home.fail(error)
        self._tidy()

    def _tidy(self) -> None:
        """Let go of folders of others that are empty by now."""
        for shelf in [shelf for shelf in self._shelves if shelf is not self._own]:
            if not any(entry.shelf is shelf for entry in self._entries):
                self._shelves.remove(shelf)
                shelf.close()

    # -- the end -------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of everything: what is left is for the next process, or for the next pipeline of this one."""
        self._closed = True
        if self._acquire():
            self._release()

    def _let_go(self) -> None:
        self._settle()
        shelves, self._shelves, self._own = self._shelves, [], None
        for shelf in shelves:
            shelf.close()

    def _settle(self) -> None:
        """Make what was stored in haste safe from a power cut, as far as there is time."""
        until_ns = clock.monotonic_ns() + SETTLE_NS
        hasty, self._hasty = self._hasty, []
        for entry in hasty:
            if clock.monotonic_ns() > until_ns:
                return
            with suppress(OSError):
                entry.shelf.settle(entry.name)
        if hasty and self._own is not None:
            self._own.sync()

    def after_fork_in_child(self) -> None:
        """Start empty, in a folder of the child's own; what there is belongs to the parent."""
        for shelf in self._shelves:
            shelf.abandon()
        self._folder.home.after_fork_in_child()
        self._reset()
