"""What a sender needs of others, and what may be attached to it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from otel_perf.core.guard import guard
from otel_perf.core.ledger import DestinationAccount
from otel_perf.delivery.backoff import Backoff
from otel_perf.delivery.parcels import Parcel
from otel_perf.delivery.queues import QueueLimits
from otel_perf.delivery.transport import Outcome

__all__ = ["Carrier", "ExportFailure", "Hooks", "LossListener", "SenderSettings", "Spool", "StoredParcel"]


class Carrier(Protocol):
    """What carries a parcel out: a transport with its signal, or a user's exporter."""

    def carry(self, parcel: Parcel, timeout_seconds: float) -> Outcome:
        """Send the parcel and wait for the verdict."""
        ...

    def on_wire(self) -> bool:
        """Whether the parcel under way may have reached the destination (any thread may ask)."""
        ...

    def close(self) -> None:
        """Cut what is under way; final, and harmless when repeated (any thread may call it)."""
        ...

    def after_fork_in_child(self) -> None:
        """Forget the parent's connection."""
        ...


class StoredParcel(Parcel, Protocol):
    """A parcel that waits on disk (state ``spooled``).

    Attributes:
        part: Whether it is a part of one that was divided.
        adopted: Whether an earlier process left it.
    """

    part: bool
    adopted: bool


class LossListener(Protocol):
    """Whom a spool tells of what it loses."""

    def __call__(self, items: int, reason: str, *, adopted: bool) -> None:
        """So many items, for this reason of the ledger; ``adopted``: an earlier process had left them."""
        ...


S = TypeVar("S", bound=StoredParcel)


class Spool(Protocol[S]):
    """Where parcels wait on disk while a destination is away.

    Used on the sender's thread, never under its lock; ``keep`` and ``close`` also by whoever ends a sender that hangs.
    """

    @property
    def accepting(self) -> bool:
        """Whether it takes parcels before the sender ends; if not, only what is left at the end."""
        ...

    def attach(self, on_adopted: Callable[[int], None], on_lost: LossListener) -> None:
        """Whom to tell of items that were taken over from other processes, and of spooled items that are lost."""
        ...

    def keep(self, parcel: Parcel, *, hasty: bool = False) -> bool:
        """Store the parcel; ``False`` when it cannot be kept. Storing the same one again does nothing.

        A ``hasty`` one has to outlive the process, but a power cut only after ``close``.
        """
        ...

    def oldest(self) -> S | None:
        """The parcel to try next; the same one until it is removed, postponed or divided."""
        ...

    def postpone(self, parcel: S) -> None:
        """An attempt failed and will be repeated."""
        ...

    def divide(self, parcel: S) -> bool:
        """Put two halves in the place of the parcel; ``False`` when it cannot be divided."""
        ...

    def remove(self, parcel: S, *, refused: bool = False) -> None:
        """The parcel was acknowledged, or refused for good."""
        ...

    def succeed(self) -> None:
        """A parcel that did not come from here was acknowledged."""
        ...

    def close(self) -> None:
        """The sender has ended; what is left is for another process."""
        ...

    def after_fork_in_child(self) -> None:
        """Start empty: what there is belongs to the parent."""
        ...


@dataclass(frozen=True, slots=True)
class ExportFailure:
    """What ``on_export_error`` is told.

    Attributes:
        destination: Its name in the ledger.
        signal: traces, metrics or logs.
        items: Items concerned.
        reason: What happened, without credentials.
        will_retry: Whether they are kept for another attempt.
    """

    destination: str
    signal: str
    items: int
    reason: str
    will_retry: bool


@dataclass(frozen=True, slots=True)
class Hooks:
    """What others may attach to a sender.

    Attributes:
        spool: Keeps parcels on disk while the destination is away.
        on_export_error: Told of every failed attempt, on the sender's thread.
    """

    spool: Spool[Any] | None = None
    on_export_error: Callable[[ExportFailure], None] | None = None

    def tell(self, account: DestinationAccount, items: int, reason: str, *, will_retry: bool) -> None:
        """Tell ``on_export_error`` of a failure."""
        if self.on_export_error is not None:
            failure = ExportFailure(account.destination, account.signal, items, reason, will_retry)
            guard.call("delivery.on_export_error", self.on_export_error, failure)


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """Times and bounds of a sender.

    Attributes:
        timeout_seconds: Longest time for one request (10: the default of the OTLP exporters).
        interval_seconds: Longest time that an item waits for its batch to fill.
        limits: Bounds of the queue and the batches.
        backoff: Pauses between attempts.
    """

    timeout_seconds: float = 10.0
    interval_seconds: float = 1.0
    limits: QueueLimits = field(default_factory=QueueLimits)
    backoff: Backoff = field(default_factory=Backoff)
