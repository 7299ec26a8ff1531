"""From records to the SDK's span objects, for exporters that the application brought."""

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan

from otel_perf.core.clock import system_clock
from otel_perf.core.guard import guard
from otel_perf.core.records import ToolCall
from otel_perf.delivery.exporter_destination import ExporterDestination
from otel_perf.delivery.readable import to_readable

__all__ = ["ReadableDelivery"]


class ReadableDelivery:
    """Offers every sampled span to the application's exporters. Runs under the worker's lock."""

    def __init__(self, destinations: Sequence[ExporterDestination]) -> None:
        """Offer to ``destinations``; a span is converted once for all."""
        self._destinations = tuple(destinations)

    def on_calls(self, calls: Sequence[ToolCall]) -> None:
        """Convert the sampled calls; an SDK span that carries a call goes as it is."""
        spans: list[ReadableSpan] = []
        failed = 0
        for call in calls:
            if not call.scope.sampled:
                continue
            carried = call.readable
            span = (
                carried if isinstance(carried, ReadableSpan) else guard.call("convert", to_readable, call, system_clock)
            )
            if span is None:
                failed += 1
            else:
                spans.append(span)
        self._offer(spans, failed)

    def on_foreign(self, spans: Sequence[ReadableSpan]) -> None:
        """Offer the spans of other libraries as they are."""
        self._offer(spans, 0)

    def on_overflow(self, call: ToolCall) -> None:  # noqa: ARG002 - the protocol
        """A sampled call was dropped before it was converted: it is on every account."""
        for destination in self._destinations:
            destination.account.accept(1)
            destination.account.drop(1, "queue_full")

    def _offer(self, spans: Sequence[ReadableSpan], failed: int) -> None:
        for destination in self._destinations:
            destination.account.accept(failed)
            destination.account.drop(failed, "encode_error")
            destination.offer(spans)
