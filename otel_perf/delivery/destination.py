"""Where telemetry goes: one object per destination and signal, each with its own queue, thread and account.

A slow destination holds nobody up but itself. ``offer`` is for the worker: it does no I/O and never waits for the
network.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from otel_perf.core.ledger import DestinationAccount
from otel_perf.delivery.carriers import WireCarrier
from otel_perf.delivery.parcels import BodyParcel, SpanParcel
from otel_perf.delivery.queues import BodyQueue, ItemQueue, LatestSnapshot, Queue, QueueLimits
from otel_perf.delivery.sender import Sender
from otel_perf.delivery.sender_hooks import Hooks, SenderSettings
from otel_perf.delivery.span_request import EncodedSpan
from otel_perf.delivery.transport import Transport

__all__ = ["DeltaMetricDestination", "MetricDestination", "SpanDestination"]

_SIZE: Final = attrgetter("size")


class SpanDestination:
    """Spans on their way to one destination.

    Attributes:
        account: What became of every span.
    """

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
        self.account = DestinationAccount(name, "traces")
        self._sender: Sender[Sequence[EncodedSpan]] = Sender(
            ItemQueue(settings.limits, _SIZE, SpanParcel),
            WireCarrier(transport, "traces"),
            self.account,
            settings,
            hooks or Hooks(),
        )

    def offer(self, spans: Sequence[EncodedSpan]) -> None:
        """Take in finished spans, oldest first; above the bound the oldest that wait are dropped and counted."""
        if spans:
            self._sender.offer(spans, len(spans))

    def start(self) -> None:
        """Start the sender's thread, so that no ``offer`` has to."""
        self._sender.start()

    def flush(self, deadline_ns: int) -> bool:
        """Send what waits; by the deadline (monotonic ns).

        ``True`` when every span offered since the last flush is acknowledged; ``False`` when one was refused or
        dropped, or waits.
        """
        return self._sender.flush(deadline_ns)

    def hurry(self) -> None:
        """Begin to send what waits, without waiting for it, so that several destinations can flush together."""
        self._sender.hurry()

    def close_by(self, deadline_ns: int) -> None:
        """Begin the end without waiting, so that several destinations can end at the same time; see ``shutdown``."""
        self._sender.close_by(deadline_ns)

    def shutdown(self, deadline_ns: int) -> bool:
        """Send what waits until the deadline (monotonic ns), account for the rest, end the thread.

        ``True`` when nothing was lost by ending. Returns at most 0.2 s after the deadline. What is left becomes
        ``dropped{shutdown_timeout}``; a request that was under way and may have arrived becomes ``uncertain``.
        """
        return self._sender.shutdown(deadline_ns)

    def after_fork_in_child(self) -> None:
        """Start empty, with an account at zero: the parent delivers what was waiting."""
        self._sender.after_fork_in_child()


class MetricDestination:
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

    def start(self) -> None:
        """Start the sender's thread, so that no ``offer`` has to."""
        self._sender.start()

    def flush(self, deadline_ns: int) -> bool:
        """Wait for the snapshot; ``True`` when it, or a newer one, is acknowledged by the deadline (monotonic ns)."""
        return self._sender.flush(deadline_ns)

    def hurry(self) -> None:
        """Begin to send what waits, without waiting for it, so that several destinations can flush together."""
        self._sender.hurry()

    def close_by(self, deadline_ns: int) -> None:
        """Begin the end without waiting, so that several destinations can end at the same time; see ``shutdown``."""
        self._sender.close_by(deadline_ns)

    def shutdown(self, deadline_ns: int) -> bool:
        """Send the snapshot until the deadline (monotonic ns), then give it up and end the thread."""
        return self._sender.shutdown(deadline_ns)

    def after_fork_in_child(self) -> None:
        """Start empty, with an account at zero."""
        self._sender.after_fork_in_child()


class DeltaMetricDestination(MetricDestination):
    """Changes of metrics on their way to one destination: each is delivered, oldest first, however late.

    Attributes:
        account: What became of every metric point.
    """

    @staticmethod
    def _queue(limits: QueueLimits) -> Queue[BodyParcel]:
        return BodyQueue(limits)
