"""What waits for a sender: a bounded buffer of items or of requests, or the latest snapshot.

Used under the sender's lock.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Generic, Protocol, TypeVar

from otel_perf.delivery.parcels import BodyParcel, ItemParcel, Parcel

__all__ = ["Admission", "BodyQueue", "ItemQueue", "LatestSnapshot", "Queue", "QueueLimits"]

T = TypeVar("T")
G_contra = TypeVar("G_contra", contravariant=True)

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """Bounds of a queue and of the batches taken from it.

    Attributes:
        batch_items: Most items in one request (512: the default of OTel's batch processor).
        batch_bytes: Most encoded bytes in one request (1 MiB: the usual limit of a proxy, before compression).
        queue_items: Most items that wait; ``None``: only bytes count.
        queue_bytes: Most encoded bytes that wait.
    """

    batch_items: int = 512
    batch_bytes: int = MIB
    queue_items: int | None = None
    queue_bytes: int = 16 * MIB


@dataclass(frozen=True, slots=True)
class Admission:
    """What a queue gave up to take something in.

    Attributes:
        withdrawn: Items that the new ones stand for as well (an older snapshot of the same cumulative metrics).
        overflow: How many of the oldest the bound pushed out.
        reason: The ledger's reason for those.
    """

    withdrawn: int = 0
    overflow: int = 0
    reason: str = ""


NOTHING_LOST: Final = Admission()


class Queue(Protocol[G_contra]):
    """What a sender needs of its queue.

    Attributes:
        items: Items that wait.
    """

    items: int

    def put(self, goods: G_contra) -> Admission:
        """Take something in."""
        ...

    def full(self) -> bool:
        """Whether a whole batch waits."""
        ...

    def relieved(self) -> bool:
        """Whether there is room again, so that a loss by overflow has come to its end."""
        ...

    def take(self) -> Parcel:
        """The oldest batch; only asked when something waits."""
        ...

    def supersedes(self, parcel: Parcel) -> bool:
        """Whether what waits makes ``parcel`` needless."""
        ...

    def limit_batches(self, size_bytes: int) -> None:
        """Make no batch larger than this from now on."""
        ...

    def clear(self) -> None:
        """Forget everything."""
        ...


class ItemQueue(Generic[T]):
    """Items in the order of their coming, bounded by bytes and by count; the oldest give way."""

    SMALLEST_BATCH_BYTES: Final = 16 * 1024

    def __init__(
        self, limits: QueueLimits, size_of: Callable[[T], int], pack: Callable[[Sequence[T]], ItemParcel[T]]
    ) -> None:
        """Start empty.

        Args:
            limits: The bounds.
            size_of: Encoded bytes of one item.
            pack: Makes a parcel of a batch.
        """
        self.items = 0
        self.size_bytes = 0
        self._limits = limits
        self._batch_bytes = limits.batch_bytes
        self._size_of = size_of
        self._pack = pack
        self._waiting: deque[T] = deque()

    def put(self, goods: Sequence[T]) -> Admission:
        """Append items, oldest first."""
        self._waiting.extend(goods)
        self.items += len(goods)
        self.size_bytes += sum(map(self._size_of, goods))
        limits = self._limits
        if self.size_bytes > limits.queue_bytes:
            return self._overflow("byte_budget")
        if limits.queue_items is not None and self.items > limits.queue_items:
            return self._overflow("queue_full")
        return NOTHING_LOST

    def _overflow(self, reason: str) -> Admission:
        most = self._limits.queue_items
        before = self.items
        while self.items and (self.size_bytes > self._limits.queue_bytes or (most is not None and self.items > most)):
            self.items -= 1
            self.size_bytes -= self._size_of(self._waiting.popleft())
        return Admission(overflow=before - self.items, reason=reason)

    def full(self) -> bool:
        """Whether a whole batch waits."""
        return self.items >= self._limits.batch_items or self.size_bytes >= self._batch_bytes

    def relieved(self) -> bool:
        """Whether at most half of the bound is used."""
        most = self._limits.queue_items
        return 2 * self.size_bytes <= self._limits.queue_bytes and (most is None or 2 * self.items <= most)

    def take(self) -> ItemParcel[T]:
        """The oldest items that fit in one request; at least one, however large."""
        # Counted first and taken then: whoever offers waits for this, so it has to be quick (45 us for 512 spans).
        room = self._batch_bytes
        count = 0
        for size in map(self._size_of, islice(self._waiting, self._limits.batch_items)):
            if size > room and count:
                break
            room -= size
            count += 1
        popleft = self._waiting.popleft
        batch = [popleft() for _ in range(count)]
        self.items -= count
        self.size_bytes -= self._batch_bytes - room
        return self._pack(batch)

    def supersedes(self, parcel: Parcel) -> bool:  # noqa: ARG002 -- the protocol's question
        """Never: every item counts."""
        return False

    def limit_batches(self, size_bytes: int) -> None:
        """Smaller batches from now on, because larger ones were refused for their size."""
        self._batch_bytes = min(self._batch_bytes, max(size_bytes, self.SMALLEST_BATCH_BYTES))

    def clear(self) -> None:
        """Forget everything."""
        self._waiting.clear()
        self.items = self.size_bytes = 0


class BodyQueue:
    """Encoded requests in the order of their coming, bounded by bytes: the changes of delta metrics all count."""

    def __init__(self, limits: QueueLimits) -> None:
        """Start empty; only the bound in bytes applies."""
        self.items = 0
        self.size_bytes = 0
        self._most_bytes = limits.queue_bytes
        self._waiting: deque[BodyParcel] = deque()

    def put(self, goods: BodyParcel) -> Admission:
        """Append a request."""
        self._waiting.append(goods)
        self.items += goods.items
        self.size_bytes += len(goods.body())
        before = self.items
        while self.size_bytes > self._most_bytes and self._waiting:
            self._pop()
        return Admission(overflow=before - self.items, reason="byte_budget") if before > self.items else NOTHING_LOST

    def _pop(self) -> BodyParcel:
        parcel = self._waiting.popleft()
        self.items -= parcel.items
        self.size_bytes -= len(parcel.body())
        return parcel

    def full(self) -> bool:
        """A request is sent at once."""
        return bool(self._waiting)

    def relieved(self) -> bool:
        """Whether at most half of the bound is used."""
        return 2 * self.size_bytes <= self._most_bytes

    def take(self) -> BodyParcel:
        """The oldest request."""
        return self._pop()

    def supersedes(self, parcel: Parcel) -> bool:  # noqa: ARG002 -- the protocol's question
        """Never: every change counts."""
        return False

    def limit_batches(self, size_bytes: int) -> None:
        """A request is sent as it came."""

    def clear(self) -> None:
        """Forget everything."""
        self._waiting.clear()
        self.items = self.size_bytes = 0


class LatestSnapshot:
    """One encoded snapshot of cumulative metrics; a newer one takes the place of an older one."""

    def __init__(self) -> None:
        """Start empty."""
        self.items = 0
        self._pending: BodyParcel | None = None

    def put(self, goods: BodyParcel) -> Admission:
        """Replace what waits: the new values contain the old ones, so that nothing is lost."""
        replaced = self.items
        self._pending = goods
        self.items = goods.items
        return Admission(withdrawn=replaced) if replaced else NOTHING_LOST

    def full(self) -> bool:
        """A snapshot is sent at once."""
        return self._pending is not None

    def relieved(self) -> bool:
        """Always: a snapshot never overflows."""
        return True

    def take(self) -> BodyParcel:
        """The snapshot."""
        parcel, self._pending, self.items = self._pending, None, 0
        if parcel is None:
            raise LookupError("no snapshot waits")
        return parcel

    def supersedes(self, parcel: Parcel) -> bool:  # noqa: ARG002 -- any newer one does
        """Whether a newer snapshot waits, so that no older one is sent after an outage."""
        return self._pending is not None

    def limit_batches(self, size_bytes: int) -> None:
        """A snapshot cannot be divided."""

    def clear(self) -> None:
        """Forget the snapshot."""
        self._pending, self.items = None, 0
