"""From events to encoded log records: each is encoded once and offered to every destination."""

from collections.abc import Sequence

from otel_perf.core.events import Event
from otel_perf.core.guard import guard
from otel_perf.delivery.destination import LogDestination
from otel_perf.delivery.log_encoder import LogEncoder

__all__ = ["LogDelivery"]


class LogDelivery:
    """Encodes events. ``on_events`` runs under the worker's lock."""

    def __init__(self, encoder: LogEncoder, destinations: Sequence[LogDestination]) -> None:
        """Offer what ``encoder`` makes to each of ``destinations``."""
        self._encoder = encoder
        self._destinations = tuple(destinations)

    def on_events(self, events: Sequence[Event]) -> None:
        """Encode all; one that cannot be is dropped and counted alone."""
        encoded = [
            record for event in events if (record := guard.call("encode", self._encoder.encode, event)) is not None
        ]
        failed = len(events) - len(encoded)
        for destination in self._destinations:
            destination.account.accept(failed)
            destination.account.drop(failed, "encode_error")
            destination.offer(encoded)

    def on_overflow(self, event: Event) -> None:  # noqa: ARG002 - the protocol
        """An event was dropped before it was encoded: it is on every account. On the thread that handed it in."""
        for destination in self._destinations:
            destination.account.accept(1)
            destination.account.drop(1, "queue_full")
