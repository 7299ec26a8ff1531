"""Where telemetry goes: one object per destination and signal, each with its own queue, thread and account.

A slow destination holds nobody up but itself. ``offer`` is for the worker: it does no I/O and never waits for the
network.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import ClassVar, Final

from otel_perf.core.ledger import DestinationAccount
from otel_perf.delivery.carriers import WireCarrier
from otel_perf.delivery.parcels import BodyParcel, SpanParcel
from otel_perf.delivery.queues import BodyQueue, ItemQueue, LatestSnapshot, Queue, QueueLimits
from otel_perf.delivery.sender import Sender
from otel_perf.delivery.sender_hooks import Hooks, SenderSettings
from otel_perf.delivery.sender_life import SenderLife
from otel_perf.delivery.span_request import EncodedSpan
from otel_perf.delivery.transport import Signal, Transport

__all__ = ["DeltaMetricDestination", "LogDestination", "MetricDestination", "SpanDestination"]

_SIZE: Final = attrgetter("size")


class SpanDestination(SenderLife):
    """Spans on their way to one destination.

    Attributes:
        account: What became of every span.
    """

    signal: ClassVar[Signal] = "traces"

    def __init__(
        self, name: str, transport: Transport, settings: SenderSettings | None = None, hooks: Hooks | None = None
    ) -> None:
        """Nothing is connected, and no thread runs, before the first span or ``start``.

        Args:
            name: The destination in ledger, logs and thread names.
            transport: Belongs to this object from now on; closed with it.
            settings: Times and bounds.
            hooks: Spool and callbacks.
        """
        settings = settings or SenderSettings()
        self.account = DestinationAccount(name, self.signal)
        self._sender: Sender[Sequence[EncodedSpan]] = Sender(
            ItemQueue(settings.limits, _SIZE, SpanParcel),
            WireCarrier(transport, self.signal),
            self.account,
            settings,
            hooks or Hooks(),
        )

    def offer(self, spans: Sequence[EncodedSpan]) -> None:
        """Take in finished spans, oldest first; above the bound the oldest that wait are dropped and counted."""
        if spans:
            self._sender.offer(spans, len(spans))


class LogDestination(SpanDestination):
    """Events on their way to one destination, as log records: in their requests they stand where spans do.

    Attributes:
        account: What became of every log record.
    """

    signal: ClassVar[Signal] = "logs"


class MetricDestination(SenderLife):
    """Snapshots of cumulative metrics on their way to one destination: only the latest counts.

    A snapshot that a newer one replaces before it was delivered leaves the account as if it had never been offered:
    its values are contained in the newer one, so that nothing is lost, and nothing was delivered either. ``accepted``
    therefore counts the points of those snapshots that reached an end of their own.

    Attributes:
        account: What became of every metric point.
    """

    def __init__(
        self, name: str, transport: Transport, settings: SenderSettings | None = None, hooks: Hooks | None = None
    ) -> None:
        """See ``SpanDestination``."""
        settings = settings or SenderSettings()
        self.account = DestinationAccount(name, "metrics")
        self._sender: Sender[BodyParcel] = Sender(
            self._queue(settings.limits),
            WireCarrier(transport, "metrics"),
            self.account,
            settings,
            hooks or Hooks(),
        )

    @staticmethod
    def _queue(_limits: QueueLimits) -> Queue[BodyParcel]:
        return LatestSnapshot()

    def offer(self, body: bytes, points: int) -> None:
        """Take in one encoded ``ExportMetricsServiceRequest`` with ``points`` data points; it is sent at once."""
        if points:
            self._sender.offer(BodyParcel(body, points), points)


class DeltaMetricDestination(MetricDestination):
    """Changes of metrics on their way to one destination: each is delivered, oldest first, however late.

    Attributes:
        account: What became of every metric point.
    """

    @staticmethod
    def _queue(limits: QueueLimits) -> Queue[BodyParcel]:
        return BodyQueue(limits)
