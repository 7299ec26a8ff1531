"""Metrics on their way out: folded by us, exported over OTLP and shown on the Prometheus page."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics as metrics_api
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricsData

from otel_perf.core import clock
from otel_perf.core.guard import guard
from otel_perf.core.intake import intake
from otel_perf.delivery.metric_encoder import encode
from otel_perf.meters.adopted import AdoptedMeters
from otel_perf.meters.fold import ToolMeters
from otel_perf.meters.owned import OwnedMeterProvider
from otel_perf.meters.snapshot import FoldedMetrics, merge_metrics
from otel_perf.meters.sources import MetricSources, OpenCalls
from otel_perf.pipeline.ticker import Job
from otel_perf.runtime.origin import SCOPE

if TYPE_CHECKING:
    from otel_perf.delivery.prometheus_page import PrometheusPage
    from otel_perf.runtime.engine import Engine

__all__ = ["MetricsOut"]

REFRESH_SECONDS = 1.0
"""How old the values of an adopted provider's observable instruments may be."""


class _Known:
    """The meter provider that this process set: the API lets it be set only once."""

    owned: OwnedMeterProvider | None = None


class MetricsOut:
    """The metrics of one pipeline.

    Attributes:
        meters: The fold of all calls.
        jobs: What the ticker has to do.
    """

    def __init__(self, engine: "Engine") -> None:
        """Make the parts; the meter provider is set, or found, here."""
        settings = engine.loaded.settings
        self._engine = engine
        self._outlets = engine.outlets.metrics
        self.meters = ToolMeters()
        self._folded = FoldedMetrics(self.meters, self._sources(), engine.resource, SCOPE)
        self._reader = self._folded.reader(settings.metric_temporality)
        self._owned, self._adopted = self._choose_provider()
        self._application = None if self._owned is None else self._owned.reader(settings.metric_temporality)
        self.page: PrometheusPage | None = None
        self.jobs: list[Job] = []
        if self._outlets:
            self.jobs.append(Job("metrics", settings.metric_interval_seconds, self.export))
        if self._adopted is not None:
            self.jobs.append(Job("adopted metrics", REFRESH_SECONDS, self._adopted.refresh))

    @property
    def readers(self) -> list[Any]:
        """What the worker has to tell of calls."""
        return [_MetricReader(self.meters if self._adopted is None else self._adopted)]

    def _choose_provider(self) -> tuple[OwnedMeterProvider | None, AdoptedMeters | None]:
        """The meter provider that is ours, or our instruments on the application's; neither when that cannot be."""
        present: object = metrics_api.get_meter_provider()
        if isinstance(present, OwnedMeterProvider):
            return present, None
        if isinstance(present, MeterProvider):
            return None, AdoptedMeters(present, self.meters, self._folded.sources, SCOPE.version)
        if not self._engine.loaded.settings.set_global or self._engine.provider_ownership != "owned":
            return None, None
        _Known.owned = _Known.owned or OwnedMeterProvider(self._engine.resource)
        metrics_api.set_meter_provider(_Known.owned)
        return _Known.owned, None

    def _sources(self) -> MetricSources:
        engine = self._engine
        return MetricSources(
            calls=lambda: engine.balances()[0],
            destinations=lambda: engine.balances()[1],
            open_calls=self._open_calls,
            queue_items=lambda: len(intake.finished),
            worker_cpu_seconds=lambda: engine.worker.cpu_ns / 1e9,
            internal_errors=lambda: dict(guard.counts),
            self_time_seconds=self._self_seconds,
        )

    def _open_calls(self) -> dict[str, OpenCalls]:
        running = self._engine.running()
        counts = Counter(call.tool for call in running)
        oldest: dict[str, float] = {}
        for call in running:
            oldest.setdefault(call.tool, call.age_seconds)
        return {tool: OpenCalls(count, oldest[tool]) for tool, count in counts.items()}

    def _self_seconds(self) -> dict[str, float]:
        with self._engine.worker.lock:
            return self._engine.statistics.self_seconds()

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open the Prometheus page, if one was asked for."""
        settings = self._engine.loaded.settings
        if settings.prometheus is None:
            return
        from otel_perf.delivery.prometheus_page import PrometheusPage

        host, port = settings.prometheus
        reader = self._folded.reader("cumulative", repeat_exemplars=True)
        application = None if self._owned is None else self._owned.reader("cumulative")
        self.page = PrometheusPage(
            lambda: merge_metrics([reader.collect(_now()), None if application is None else application.collect()]),
            host,
            port,
        )
        self.page.start()

    def collect(self) -> MetricsData:
        """Our metrics and the application's, now."""
        application = (
            None if self._application is None else guard.call("application metrics", self._application.collect)
        )
        return merge_metrics([self._reader.collect(_now()), application])

    def export(self) -> None:
        """Collect, encode, and offer to every destination."""
        if self._adopted is not None:
            self._adopted.refresh()
        if not self._outlets:
            return
        encoded = encode(self.collect())
        for outlet in self._outlets:
            outlet.offer(encoded.body, encoded.points)
            outlet.account.accept(encoded.dropped)
            outlet.account.drop(encoded.dropped, "encode_error")

    def shutdown(self) -> None:
        """Close the page and say the last totals."""
        if self.page is not None:
            self.page.close()
        if self._adopted is not None:
            self._adopted.close()

    def after_fork_in_child(self) -> None:
        """Start at zero: the parent goes on counting its own calls."""
        self._folded.resource = self._engine.resource
        self.meters.forget()
        self._reader.forget()
        if self._owned is not None:
            self._owned.after_fork_in_child(self._engine.resource)
        if self.page is not None:
            self.page.after_fork_in_child(restart=False)


class _MetricReader:
    """Strictly private: the fold as a reader of the worker."""

    def __init__(self, target: Any) -> None:
        self.on_calls = target.on_calls
        self.on_foreign_calls = target.on_calls

    def on_starts(self, calls: Any) -> None:
        """A start alone is not counted: what is running is asked for when metrics are collected."""

    def on_overflow(self, call: Any) -> None:
        """A dropped call is in the ledger."""


def _now() -> int:
    return clock.wall_ns()
