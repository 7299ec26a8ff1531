"""When a batch of the queue is due: when it is full, when its first item has waited long enough, or when asked for."""

from typing import Generic, TypeVar

from otel_perf.core import clock
from otel_perf.core.ledger import DestinationAccount
from otel_perf.delivery.parcels import Parcel
from otel_perf.delivery.queues import Admission, Queue

__all__ = ["Batches"]

G = TypeVar("G")


class Batches(Generic[G]):
    """A sender's queue, the account of what is in it, and its timing. Used under the sender's lock."""

    def __init__(self, queue: Queue[G], account: DestinationAccount, interval_seconds: float) -> None:
        """Give out batches of ``queue``, each at the latest when its first item has waited ``interval_seconds``."""
        self._queue = queue
        self._account = account
        self._interval_seconds = interval_seconds
        self._since_ns = 0

    @property
    def items(self) -> int:
        """Items that wait."""
        return self._queue.items

    def put(self, goods: G, items: int) -> Admission:
        """Take items in; what the bound pushes out is still in the account as queued."""
        if not self._queue.items:
            self._since_ns = clock.monotonic_ns()
        admission = self._queue.put(goods)
        self._account.accept(items - admission.withdrawn)
        return admission

    def worth_waking_for(self, items: int) -> bool:
        """Whether the ``items`` just put change what an idle sender has to do."""
        return self._queue.full() or self._queue.items == items

    def seconds_left(self) -> float:
        """Until the first item has waited long enough."""
        return max(0.0, self._interval_seconds - (clock.monotonic_ns() - self._since_ns) / 1e9)

    def due(self, *, hurried: bool) -> bool:
        """Whether a batch is to be sent."""
        return bool(self._queue.items) and (hurried or self._queue.full() or self.seconds_left() <= 0)

    def excess(self) -> Parcel | None:
        """The oldest batch of a queue that is more than half full."""
        return None if self._queue.relieved() or not self._queue.items else self.take()

    def take(self) -> Parcel:
        """The oldest batch, from now on in flight."""
        parcel = self._queue.take()
        self._since_ns = clock.monotonic_ns()
        self._account.move(parcel.items, "queued", "in_flight")
        return parcel

    def supersede(self, parcel: Parcel) -> bool:
        """Whether what waits makes ``parcel`` needless; the account then forgets it."""
        if parcel.state == "spooled" or not self._queue.supersedes(parcel):
            return False
        self._account.move(parcel.items, "in_flight", "queued")
        self._account.accept(-parcel.items)
        return True
