"""What of a sender waits on disk: its spool, if it has one, with every call guarded and every item in the account."""

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from otel_perf.core import clock
from otel_perf.core.guard import guard
from otel_perf.core.ledger import DestinationAccount
from otel_perf.delivery.delivery_log import DeliveryLog
from otel_perf.delivery.parcels import Parcel
from otel_perf.delivery.sender_hooks import Spool, StoredParcel
from otel_perf.delivery.settlement import Settlement

__all__ = ["Backlog"]

LONGEST_RESERVE_NS: Final = 1_000_000_000
RESERVE: Final = 0.2
"""The part of a shutdown's time that is kept for putting the rest on disk, at most 1 s."""
LONGEST_RESERVE_WITHOUT_NS: Final = 200_000_000
RESERVE_WITHOUT: Final = 0.05
"""The same without a spool: for the account, on a machine where a thread waits for its turn."""


class Backlog:
    """The sender's side of its spool. Without one nothing is kept and nothing is found."""

    def __init__(
        self,
        spool: Spool[Any] | None,
        account: DestinationAccount,
        log: DeliveryLog,
        on_leave: Callable[[int, int], None],
    ) -> None:
        """Enter what the spool takes over and loses into ``account``.

        Args:
            spool: The spool.
            account: The sender's.
            log: The sender's.
            on_leave: Told of items of this process that have left the disk: how many, and how many of them failed.
        """
        self._on_leave = on_leave
        self._spool = spool
        self._account = account
        self._log = log
        if spool is not None:
            guard.call("delivery.spool", spool.attach, account.adopt, self._lose)

    @property
    def exists(self) -> bool:
        """Whether there is a spool."""
        return self._spool is not None

    @property
    def accepting(self) -> bool:
        """Whether parcels may go to disk before the end."""
        return self._spool is not None and self._spool.accepting

    def oldest(self) -> StoredParcel | None:
        """The stored parcel to try next."""
        return None if self._spool is None else guard.call("delivery.spool", self._spool.oldest)

    def keep(self, parcel: Parcel, *, hasty: bool = False) -> bool:
        """Whether the parcel is on disk; the account is the sender's business."""
        return self._spool is not None and bool(guard.call("delivery.spool", self._spool.keep, parcel, hasty=hasty))

    def postpone(self, parcel: Parcel) -> None:
        """An attempt with a stored parcel failed."""
        if self._spool is not None:
            guard.call("delivery.spool", self._spool.postpone, parcel)

    def divide(self, parcel: Parcel) -> bool:
        """Whether a stored parcel is two by now."""
        return self._spool is not None and bool(guard.call("delivery.spool", self._spool.divide, parcel))

    def remove(self, parcel: Parcel, end: Settlement) -> None:
        """A stored parcel was settled."""
        if self._spool is not None:
            guard.call("delivery.spool", self._spool.remove, parcel, refused=not end.exported)
        if not cast("StoredParcel", parcel).adopted:
            self._on_leave(parcel.items, end.rejected)

    def succeed(self) -> None:
        """Something that was not stored was acknowledged."""
        if self._spool is not None:
            guard.call("delivery.spool", self._spool.succeed)

    def reserve_ns(self, deadline_ns: int) -> int:
        """The part of the time until the deadline of a shutdown that is needed to settle the rest."""
        left_ns = deadline_ns - clock.monotonic_ns()
        if self._spool is None:
            return max(0, min(LONGEST_RESERVE_WITHOUT_NS, int(RESERVE_WITHOUT * left_ns)))
        return max(0, min(LONGEST_RESERVE_NS, int(RESERVE * left_ns)))

    def end(self, rest: Sequence[Parcel], unsure: Parcel | None) -> None:
        """The sender ends: what is left goes to disk, or is lost.

        Args:
            rest: What is left, oldest first; in the account it is in flight.
            unsure: What may have arrived, and is in the account as such. It goes to disk as well, since to arrive
                twice is better than not at all.
        """
        for parcel in rest:
            kept = self.keep(parcel, hasty=True)
            if parcel is unsure:
                continue
            if kept:
                self._account.move(parcel.items, "in_flight", "spooled")
                continue
            reason = "shutdown_timeout" if self._spool is None else "disk_full"
            self._account.drop(parcel.items, reason, "in_flight")
            self._log.lose(parcel.items, reason)
        if self._spool is not None:
            guard.call("delivery.spool", self._spool.close)

    def after_fork_in_child(self) -> None:
        """Start empty."""
        if self._spool is not None:
            guard.call("delivery.spool", self._spool.after_fork_in_child)

    def _lose(self, items: int, reason: str, *, adopted: bool) -> None:
        self._account.drop(items, reason, "spooled")
        self._log.lose(items, reason)
        if not adopted:
            self._on_leave(items, items)
