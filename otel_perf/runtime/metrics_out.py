"""Metrics on their way out: folded by us, exported over OTLP and shown on the Prometheus page."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import MetricsData

from otel_perf.core.guard import guard
from otel_perf.core.intake import intake
from otel_perf.delivery.metric_encoder import encode
from otel_perf.meters.fold import ToolMeters
from otel_perf.meters.readings import Readings, read_metrics
from otel_perf.meters.snapshot import FoldedMetrics
from otel_perf.meters.sources import MetricSources, OpenCalls
from otel_perf.pipeline.measurement_flow import MeasurementReader
from otel_perf.pipeline.slo_board import slo_board
from otel_perf.pipeline.ticker import Job
from otel_perf.runtime.meter_providers import Collect, MetricSource, choose_metric_source
from otel_perf.runtime.origin import SCOPE

if TYPE_CHECKING:
    from otel_perf.delivery.prometheus_page import PrometheusPage
    from otel_perf.runtime.engine import Engine

__all__ = ["MetricsOut"]


class MetricsOut:
    """The metrics of one pipeline.

    Attributes:
        meters: The fold of all calls.
        jobs: What the ticker has to do.
        page: The Prometheus page, if one was asked for.
    """

    def __init__(self, engine: "Engine") -> None:
        """Make the parts; the meter provider is set, or found, here."""
        settings = engine.loaded.settings
        self._engine = engine
        self._outlets = engine.outlets.metrics
        self._console = "console" in settings.metrics_exporters
        self.meters = ToolMeters()
        self._all_sources = self._sources()
        folded = FoldedMetrics(self.meters, self._all_sources, engine.resource, SCOPE)
        may_set = settings.set_global and engine.provider_ownership == "owned"
        self._source: MetricSource = choose_metric_source(folded, may_set_global=may_set)
        self._collect = self._source.reader(settings.metric_temporality)
        self.page: PrometheusPage | None = None
        self._page_reader: Collect | None = None
        self.jobs: list[Job] = self._source.jobs()
        if self._outlets or self._console:
            self.jobs.append(Job("metrics", settings.metric_interval_seconds, self.export))

    @property
    def readers(self) -> list[Any]:
        """What the worker has to tell of calls."""
        return [_MetricReader(self._source), slo_board]

    @property
    def measurement_readers(self) -> list[MeasurementReader]:
        """What the worker has to tell of measurements."""
        return [self._source, slo_board]

    def _sources(self) -> MetricSources:
        engine = self._engine
        return MetricSources(
            measurements=engine.measurement_balance,
            calls=lambda: engine.balances()[0],
            destinations=lambda: engine.balances()[1],
            open_calls=self._open_calls,
            queue_items=lambda: len(intake.finished),
            worker_cpu_seconds=lambda: engine.worker.cpu_ns / 1e9,
            internal_errors=lambda: dict(guard.counts),
            self_time_seconds=self._self_seconds,
            events=engine.event_balance,
            observed=lambda: [*engine.probing.observed(), *slo_board.observe()],
        )

    def _open_calls(self) -> dict[str, OpenCalls]:
        running = [call for call in self._engine.running() if call.kind == "tool"]
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
        asked_for = self._engine.loaded.settings.prometheus
        if asked_for is not None:
            self.open_page(*asked_for)

    def open_page(self, host: str, port: int) -> str | None:
        """Open the Prometheus page unless there is one; its address, ``None`` when that failed (told in one warning).

        Args:
            host: Address to listen at.
            port: 0 takes a free one.
        """
        if self.page is not None and self.page.url is not None:
            return self.page.url
        from otel_perf.delivery.prometheus_page import PrometheusPage

        settings = self._engine.loaded.settings
        self._page_reader = self._page_reader or self._source.reader("cumulative", for_page=True)
        self.page = PrometheusPage(
            self._page_reader,
            host,
            port,
            token=settings.prometheus_token.get("token"),
            allowed_hosts=settings.prometheus_allowed_hosts,
            stale=self._source.stale,
        )
        self.page.start()
        return self.page.url

    def close_page(self) -> None:
        """Close the page; the rest goes on."""
        page, self.page = self.page, None
        if page is not None:
            page.close()

    def readings(self) -> Readings:
        """Every value of ours, now, for reports."""
        return read_metrics(self.meters, self._all_sources)

    def collect(self) -> MetricsData:
        """Our metrics and the application's, now."""
        return self._collect()

    def export(self) -> None:
        """Collect, encode, and offer to every destination."""
        if not self._outlets and not self._console:
            return
        data = self._collect()
        if self._console:
            _print(data)
        encoded = encode(data)
        for outlet in self._outlets:
            outlet.offer(encoded.body, encoded.points)
            outlet.account.accept(encoded.dropped)
            outlet.account.drop(encoded.dropped, "encode_error")

    def retire(self) -> None:
        """The page answers 503 from now on: its numbers are not kept up any more."""
        if self.page is not None:
            self.page.retire()

    def shutdown(self) -> None:
        """Close the page and the readers; an adopted provider keeps the last totals."""
        if self.page is not None:
            self.page.close()
        self._source.close()

    def after_fork_in_child(self) -> None:
        """Start at zero: the parent goes on counting its own calls."""
        slo_board.forget()
        self._source.after_fork_in_child(self._engine.resource)
        if self.page is not None:
            self.page.after_fork_in_child(restart=False)


class _MetricReader:
    """Strictly private: the fold as a reader of the worker."""

    def __init__(self, source: MetricSource) -> None:
        self.on_calls = source.on_calls
        self.on_foreign_calls = source.on_calls

    def on_starts(self, calls: Any) -> None:
        """A start alone is not counted: what is running is asked for when metrics are collected."""

    def on_overflow(self, call: Any) -> None:
        """A dropped call is in the ledger."""


def _print(data: MetricsData) -> None:
    """``OTEL_METRICS_EXPORTER=console``: on standard error, since standard output is the application's."""
    import sys

    from opentelemetry.sdk.metrics.export import ConsoleMetricExporter

    guard.call("console", ConsoleMetricExporter(out=sys.stderr).export, data)
