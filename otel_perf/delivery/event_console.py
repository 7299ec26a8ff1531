"""``OTEL_LOGS_EXPORTER=console``: events on standard error, since standard output is the application's."""

import json
import sys
from collections.abc import Sequence
from typing import cast

from otel_perf.core.clock import Clock
from otel_perf.core.events import Event
from otel_perf.core.ledger import DestinationAccount
from otel_perf.delivery.parcels import ItemParcel, Parcel
from otel_perf.delivery.queues import ItemQueue
from otel_perf.delivery.sender import Sender
from otel_perf.delivery.sender_hooks import Hooks, SenderSettings
from otel_perf.delivery.sender_life import SenderLife
from otel_perf.delivery.transport import Delivered, Outcome

__all__ = ["EventConsole"]


class EventConsole(SenderLife):
    """Events on their way to standard error, one JSON object a line, written by a thread of their own.

    Attributes:
        account: What became of every event.
    """

    def __init__(self, clock: Clock, settings: SenderSettings | None = None) -> None:
        """Write nothing yet; ``clock`` turns monotonic times into Unix time."""
        settings = settings or SenderSettings()
        self.account = DestinationAccount("console", "logs")
        self._sender: Sender[Sequence[Event]] = Sender(
            ItemQueue(settings.limits, _no_size, ItemParcel), _Printer(clock), self.account, settings, Hooks()
        )

    def on_events(self, events: Sequence[Event]) -> None:
        """Take in events, oldest first. Called as a reader of events is."""
        self._sender.offer(events, len(events))


def _no_size(_event: Event) -> int:
    """Events have no encoded size here: their queue is bounded by count."""
    return 0


class _Printer:
    """Strictly private: writes the lines."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def carry(self, parcel: Parcel, timeout_seconds: float) -> Outcome:  # noqa: ARG002 - nothing waits here
        """Write one line per event."""
        events = cast("ItemParcel[Event]", parcel).contents
        sys.stderr.write("".join(f"{json.dumps(self._described(event), default=str)}\n" for event in events))
        sys.stderr.flush()
        return Delivered()

    def _described(self, event: Event) -> dict[str, object]:
        return {
            "event_name": event.spec.name,
            "time_unix_ns": self._clock.unix_ns(event.time_ns),
            "severity": event.severity,
            "trace_id": f"{event.trace_id:032x}" if event.trace_id else None,
            "span_id": f"{event.span_id:016x}" if event.span_id else None,
            "body": event.body,
            "attributes": dict(event.attributes),
        }

    def on_wire(self) -> bool:
        """Nothing can be lost on the way."""
        return False

    def close(self) -> None:
        """Standard error stays open."""

    def after_fork_in_child(self) -> None:
        """Nothing is connected."""
