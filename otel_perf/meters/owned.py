"""The meter provider that we set when the application has none: the SDK's, made safe to collect from.

An application's instruments are the SDK's matter. Three things are not left to it: a callback never holds up a
collection, a recording call never raises, and a forked child starts at zero.
"""

from collections.abc import Callable, Sequence
from typing import Final

from opentelemetry.metrics import Meter, NoOpMeter
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    MeterProvider,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
    UpDownCounter,
)
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader, MetricReader, MetricsData
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource
from opentelemetry.util.types import Attributes

from otel_perf.core.guard import guard
from otel_perf.meters.callbacks import CallbackRunner
from otel_perf.meters.instruments import OwnedMeter
from otel_perf.meters.interval import Temporality

__all__ = ["ApplicationReader", "OwnedMeterProvider", "temporalities"]

KINDS: Final = (Counter, UpDownCounter, Histogram, ObservableCounter, ObservableUpDownCounter, ObservableGauge)
DELTA_KINDS: Final[dict[Temporality, tuple[type, ...]]] = {
    "cumulative": (),
    "delta": (Counter, ObservableCounter, Histogram),
    "lowmemory": (Counter, Histogram),
}


def temporalities(preference: Temporality) -> dict[type, AggregationTemporality]:
    """What the OpenTelemetry specification makes of a temporality preference, by kind of instrument."""
    return {
        kind: AggregationTemporality.DELTA if kind in DELTA_KINDS[preference] else AggregationTemporality.CUMULATIVE
        for kind in KINDS
    }


class OwnedMeterProvider(MeterProvider):
    """An SDK meter provider for whoever looks, around another one that a forked child can make anew.

    Never registers itself with ``atexit``: ``instrument()`` shuts it down.
    """

    def __init__(self, resource: Resource, views: Sequence[View] = ()) -> None:
        """Start without a reader.

        Args:
            resource: What the metrics are about.
            views: Views for the application's instruments, as the SDK takes them.
        """
        super().__init__(resource=resource, shutdown_on_exit=False)
        self._views = views
        self._sdk = MeterProvider(resource=resource, shutdown_on_exit=False, views=views)
        self._owned_meters: dict[Meter, OwnedMeter] = {}
        self._identities: dict[Meter, tuple[str, str | None, str | None, Attributes]] = {}
        self._readers: list[ApplicationReader] = []
        self._foreign_readers: list[MetricReader] = []
        self._down = False
        self.callbacks = CallbackRunner()

    # -- what the application uses -----------------------------------------------------------------------------

    def get_meter(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> Meter:
        """See the API."""
        inner = self._sdk.get_meter(name, version, schema_url, attributes)
        if isinstance(inner, NoOpMeter):
            return inner
        owned = self._owned_meters.setdefault(inner, OwnedMeter(inner, self.callbacks))
        self._identities[inner] = (name, version, schema_url, attributes)
        return owned

    def add_metric_reader(self, metric_reader: MetricReader) -> None:
        """Add a reader of the application's. After a fork it keeps the parent's instruments, as with the plain SDK."""
        self._foreign_readers.append(metric_reader)
        self._sdk.add_metric_reader(metric_reader)

    def remove_metric_reader(self, metric_reader: MetricReader) -> None:
        """Remove a reader that was added."""
        if metric_reader in self._foreign_readers:
            self._foreign_readers.remove(metric_reader)
        self._sdk.remove_metric_reader(metric_reader)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Flush the readers that the application added; ours belong to ``Handle.flush()``. False when one failed."""
        done = [
            guard.call("metric reader flush", reader.force_flush, timeout_millis) for reader in self._foreign_readers
        ]
        return all(bool(answer) for answer in done)

    def shutdown(self, timeout_millis: float = 30_000) -> None:
        """Stop the callbacks, and the readers that the application added. Safe twice."""
        if self._down:
            return
        self._down = True
        self.callbacks.rest(min(1.0, timeout_millis / 1000))
        for reader in self._foreign_readers:
            guard.call("metric reader shutdown", reader.shutdown, timeout_millis)
        guard.call("meter provider shutdown", self._sdk.shutdown, timeout_millis)

    # -- what we use -------------------------------------------------------------------------------------------

    def reader(self, temporality: Temporality = "cumulative") -> "ApplicationReader":
        """A reader of the application's instruments. Each reader costs every recording call some 2 us."""
        reader = ApplicationReader(self.callbacks, temporality, self._readers.remove)
        reader.bind(self._sdk)
        self._readers.append(reader)
        return reader

    def rest(self, timeout_seconds: float = 1.0) -> None:
        """End the threads of the callbacks, between a ``shutdown()`` of ours and the next ``instrument()``."""
        self.callbacks.rest(timeout_seconds)

    def after_fork_in_child(self, resource: Resource) -> None:
        """Start at zero with another resource; every instrument that the application holds goes on working."""
        self.callbacks.after_fork_in_child()
        if self._foreign_readers:
            return
        self._sdk = MeterProvider(resource=resource, shutdown_on_exit=False, views=self._views)
        for reader in self._readers:
            reader.bind(self._sdk)
        rebound: dict[Meter, OwnedMeter] = {}
        identities: dict[Meter, tuple[str, str | None, str | None, Attributes]] = {}
        for old, owned in self._owned_meters.items():
            new = self._sdk.get_meter(*self._identities[old])
            owned.rebind(new)
            rebound[new] = owned
            identities[new] = self._identities[old]
        self._owned_meters, self._identities = rebound, identities


class ApplicationReader:
    """Reads the application's instruments of one provider; bounded in time whatever the callbacks do."""

    def __init__(
        self, callbacks: CallbackRunner, temporality: Temporality, closed: Callable[["ApplicationReader"], None]
    ) -> None:
        """See ``OwnedMeterProvider.reader``."""
        self._callbacks = callbacks
        self._temporality: Temporality = temporality
        self._closed = closed
        self._bound: tuple[MeterProvider, InMemoryMetricReader] | None = None

    def bind(self, provider: MeterProvider) -> None:
        """Read from ``provider`` from now on."""
        reader = InMemoryMetricReader(temporalities(self._temporality))
        provider.add_metric_reader(reader)
        self._bound = (provider, reader)

    def collect(self) -> MetricsData | None:
        """Run the callbacks for 0.4 s at most, then collect; ``None`` when the application measures nothing."""
        if self._bound is None:
            return None
        self._callbacks.refresh()
        return self._bound[1].get_metrics_data()

    def close(self) -> None:
        """Cost the recording calls nothing any more. Safe twice."""
        bound, self._bound = self._bound, None
        if bound is not None:
            self._closed(self)
            guard.call("metric reader close", bound[0].remove_metric_reader, bound[1])
