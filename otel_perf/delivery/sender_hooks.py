"""What a sender needs of others, and what may be attached to it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from otel_perf.delivery.backoff import Backoff
from otel_perf.delivery.parcels import Parcel
from otel_perf.delivery.queues import QueueLimits
from otel_perf.delivery.transport import Outcome

__all__ = ["Carrier", "ExportFailure", "Hooks", "SenderSettings", "Spool"]


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


class Spool(Protocol):
    """Where parcels wait on disk while a destination is away. Used on the sender's thread, never under its lock."""

    def keep(self, parcel: Parcel) -> bool:
        """Store the parcel; ``False`` when it cannot be kept."""
        ...

    def oldest(self) -> Parcel | None:
        """The parcel (state ``spooled``) that has waited longest; the same one until it is removed."""
        ...

    def remove(self, parcel: Parcel) -> None:
        """The parcel was acknowledged, or refused for good."""
        ...


@dataclass(frozen=True, slots=True)
class ExportFailure:
    """What ``on_export_error`` is told.

    Attributes:
        destination: Its name in the ledger.
        signal: traces or metrics.
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
        overflow: Takes over what the bound of the queue pushes out (the ledger then has it as ``spooled``); ``False``
            lets it drop. Called on the thread of ``offer``, under the lock: it must neither block nor do I/O.
        spool: Keeps parcels on disk while the destination is away.
        on_export_error: Told of every failed attempt, on the sender's thread.
    """

    overflow: Callable[[list[Any]], bool] | None = None
    spool: Spool | None = None
    on_export_error: Callable[[ExportFailure], None] | None = None


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
