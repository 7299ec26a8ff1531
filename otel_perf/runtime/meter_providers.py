"""Where metrics are collected from: our fold and our own meter provider, or the application's provider with both."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from opentelemetry import metrics as metrics_api
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.resources import Resource

from otel_perf.core import clock
from otel_perf.core.guard import guard
from otel_perf.core.measurements import Measurement
from otel_perf.core.records import ToolCall
from otel_perf.meters.adopted import AdoptedMeters, read_adopted
from otel_perf.meters.interval import Temporality
from otel_perf.meters.owned import ApplicationReader, OwnedMeterProvider
from otel_perf.meters.snapshot import FoldedMetrics, merge_metrics
from otel_perf.pipeline.ticker import Job
from otel_perf.runtime.origin import SCOPE

__all__ = ["Collect", "MetricSource", "choose_metric_source"]

REFRESH_SECONDS = 1.0
"""How old the values of an adopted provider's observable instruments may be."""

Collect = Callable[[], MetricsData]


class MetricSource(Protocol):
    """What the metrics of a process are collected from."""

    def on_calls(self, calls: Sequence[ToolCall]) -> None:
        """Calls that ended. Runs on the worker."""
        ...

    def on_measurements(self, measurements: Sequence[Measurement]) -> None:
        """Measurements that were made. Runs on the worker."""
        ...

    def reader(self, temporality: Temporality, *, for_page: bool = False) -> Collect:
        """A collection of everything, for one consumer that calls it again and again."""
        ...

    def stale(self) -> Mapping[str, float]:
        """Instruments of the application whose callback hangs, and the age of their values in seconds."""
        ...

    def jobs(self) -> list[Job]:
        """What the ticker has to do."""
        ...

    def close(self) -> None:
        """End the readers."""
        ...

    def after_fork_in_child(self, resource: Resource) -> None:
        """Start at zero with the child's resource."""
        ...


class _Known:
    """The meter provider that this process set: the API lets it be set only once."""

    owned: OwnedMeterProvider | None = None


def choose_metric_source(folded: FoldedMetrics, *, may_set_global: bool) -> MetricSource:
    """The application's meter provider if it has set one; else our own, which is made global where that is allowed."""
    present: object = metrics_api.get_meter_provider()
    if isinstance(present, MeterProvider) and not isinstance(present, OwnedMeterProvider):
        return AdoptedSource(present, folded)
    if may_set_global and _Known.owned is None:
        _Known.owned = OwnedMeterProvider(folded.resource)
        metrics_api.set_meter_provider(_Known.owned)
    return OwnSource(folded, _Known.owned)


class OwnSource:
    """Our fold, and the application's instruments on our meter provider if that is the global one."""

    def __init__(self, folded: FoldedMetrics, provider: OwnedMeterProvider | None) -> None:
        """Collect from both."""
        self._folded = folded
        self._provider = provider
        self._readers: list[ApplicationReader] = []
        self.on_calls = folded.meters.on_calls
        self.on_measurements = folded.meters.measured.on_measurements

    def reader(self, temporality: Temporality, *, for_page: bool = False) -> Collect:
        """See ``MetricSource``."""
        ours = self._folded.reader(temporality, repeat_exemplars=for_page)
        if self._provider is None:
            return lambda: merge_metrics([ours.collect(clock.wall_ns())])
        application = self._provider.reader(temporality)
        self._readers.append(application)
        return lambda: merge_metrics(
            [ours.collect(clock.wall_ns()), guard.call("application metrics", application.collect)]
        )

    def stale(self) -> Mapping[str, float]:
        """See ``MetricSource``."""
        return {} if self._provider is None else self._provider.callbacks.stale_seconds()

    def jobs(self) -> list[Job]:
        """None: everything is read when it is collected."""
        return []

    def close(self) -> None:
        """End the readers, each of which costs every recording of the application some 2 us, and the callbacks."""
        for reader in self._readers:
            reader.close()
        if self._provider is not None:
            self._provider.rest()

    def after_fork_in_child(self, resource: Resource) -> None:
        """See ``MetricSource``."""
        self._folded.after_fork_in_child(resource)
        if self._provider is not None:
            self._provider.after_fork_in_child(resource)


class AdoptedSource:
    """The application's own meter provider, with our instruments on it."""

    def __init__(self, provider: MeterProvider, folded: FoldedMetrics) -> None:
        """Create our instruments there, or find those of an earlier time."""
        self._provider = provider
        self._folded = folded
        self._meters = AdoptedMeters(provider, folded.meters, folded.sources, SCOPE.version)
        self._readers: list[ApplicationReader] = []
        self.on_calls = self._meters.on_calls
        self.on_measurements = self._meters.on_measurements

    def reader(self, temporality: Temporality, *, for_page: bool = False) -> Collect:  # noqa: ARG002 - the protocol
        """Everything on the provider, ours included: a second way to the fold would count twice."""
        reader = read_adopted(self._provider, temporality)
        self._readers.append(reader)

        def collect() -> MetricsData:
            self._meters.refresh()
            return merge_metrics([reader.collect()])

        return collect

    def stale(self) -> Mapping[str, float]:
        """Not known of a provider that is not ours."""
        return {}

    def jobs(self) -> list[Job]:
        """Keep the values fresh that the application's own readers are given."""
        return [Job("adopted metrics", REFRESH_SECONDS, self._meters.refresh)]

    def close(self) -> None:
        """Take our readers away, and say the last totals from now on."""
        for reader in self._readers:
            reader.close()
        self._meters.close()

    def after_fork_in_child(self, resource: Resource) -> None:
        """Our fold starts at zero; what the provider itself does in a child is the application's business."""
        self._folded.after_fork_in_child(resource)
