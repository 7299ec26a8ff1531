"""A user's own ``SpanExporter`` as a destination: its thread, its account, and a guard around all it does."""

from collections.abc import Sequence
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_perf.core.guard import guard
from otel_perf.core.ledger import DestinationAccount
from otel_perf.delivery.parcels import ItemParcel, Parcel
from otel_perf.delivery.queues import ItemQueue
from otel_perf.delivery.sender import Sender
from otel_perf.delivery.sender_hooks import Hooks, SenderSettings
from otel_perf.delivery.sender_life import SenderLife
from otel_perf.delivery.transport import Delivered, Outcome, Refused, Retry

__all__ = ["ExporterDestination"]

MOST_ATTEMPTS: Final = 2
"""A batch on which the exporter raised is given to it once more. An exporter that returns FAILURE has done its own
repeating, and the batch must then be dropped (OpenTelemetry specification, ``Export(batch)``)."""


class ExporterDestination(SenderLife):
    """Finished SDK spans on their way into one exporter object.

    Attributes:
        account: What became of every span.
    """

    def __init__(
        self, name: str, exporter: SpanExporter, settings: SenderSettings | None = None, hooks: Hooks | None = None
    ) -> None:
        """The exporter belongs to this object from now on: it is used on one thread only, and shut down with it."""
        settings = settings or SenderSettings()
        self.account = DestinationAccount(name, "traces")
        self._sender: Sender[Sequence[ReadableSpan]] = Sender(
            ItemQueue(settings.limits, _no_size, ItemParcel),
            _ExporterCarrier(exporter),
            self.account,
            settings,
            hooks or Hooks(),
        )

    def offer(self, spans: Sequence[ReadableSpan]) -> None:
        """Take in finished spans, oldest first; above the bound the oldest that wait are dropped and counted."""
        if spans:
            self._sender.offer(spans, len(spans))


def _no_size(_span: ReadableSpan) -> int:
    """SDK spans have no encoded size: their queue is bounded by count."""
    return 0


class _ExporterCarrier:
    """Strictly private: calls the exporter so that nothing it raises gets past."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._busy = self._closed = False
        self._raised_on: Parcel | None = None
        self._attempts = 0

    def carry(self, parcel: Parcel, timeout_seconds: float) -> Outcome:  # noqa: ARG002 -- an exporter takes none
        """Export the spans of the parcel."""
        if self._closed:
            return Retry("the exporter is shut down")
        assert isinstance(parcel, ItemParcel)  # noqa: S101 -- the queue above makes no other
        self._busy = True
        try:
            result = self._exporter.export(parcel.contents)
        except BaseException as error:  # noqa: BLE001 -- SystemExit too: nothing above may end the thread
            guard.report("delivery.exporter", error)
            return self._again(parcel, type(error).__name__)
        finally:
            self._busy = False
        if result is SpanExportResult.SUCCESS:
            return Delivered()
        return Refused("the exporter returned FAILURE", "exporter_error")

    def _again(self, parcel: Parcel, raised: str) -> Outcome:
        self._attempts = self._attempts + 1 if parcel is self._raised_on else 1
        self._raised_on = parcel
        if self._attempts < MOST_ATTEMPTS:
            return Retry(f"the exporter raised {raised}")
        return Refused(f"the exporter raised {raised}", "exporter_error")

    def on_wire(self) -> bool:
        """Whether the exporter is at work: what it has sent by then is not known."""
        return self._busy

    def close(self) -> None:
        """Shut the exporter down, once, and not under its own feet."""
        if self._closed or self._busy:
            return
        self._closed = True
        try:
            self._exporter.shutdown()
        except BaseException as error:  # noqa: BLE001 -- as above
            guard.report("delivery.exporter", error)

    def after_fork_in_child(self) -> None:
        """Nothing of ours is connected."""
        self._busy = False
