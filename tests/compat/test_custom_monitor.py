"""A monitor with metrics of the application's own."""

from datetime import UTC, datetime

import pytest

from otel_perf.compat.custom_monitor import CustomPerformanceMonitor
from otel_perf.compat.metrics_collector import MetricsCollector
from otel_perf.core.custom_metrics import custom_metrics
from otel_perf.testing.capture import Capture


@pytest.fixture(autouse=True)
def _afresh() -> None:
    """No test knows the metrics of another."""
    custom_metrics.forget()


@pytest.mark.feature("S1-89")
def test_value_tags_and_timestamp_are_kept_and_recorded(
    otel_perf_capture: Capture, caplog: pytest.LogCaptureFixture
) -> None:
    """By ``record_custom_metric(name, value, tags=None)``; a bad name is one warning, never an exception."""
    monitor = CustomPerformanceMonitor()
    assert isinstance(monitor, MetricsCollector)
    before = datetime.now(UTC)
    monitor.record_custom_metric("docs", 3, tags={"source": "wiki"})
    monitor.record_custom_metric("docs", 4)
    monitor.record_custom_metric("bad name!", 5)
    kept = monitor.custom_metrics
    assert (kept["docs"]["value"], kept["docs"]["tags"]) == (4, {})
    assert before <= kept["docs"]["timestamp"] <= datetime.now(UTC)
    metrics = otel_perf_capture.metrics()
    assert {tuple(p.attributes.items()): p.value for p in metrics["docs"]} == {(("source", "wiki"),): 3, (): 4}
    assert metrics["bad_name_"][0].value == 5
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.feature("S1-89")
def test_names_are_bounded() -> None:
    """A name made of data fills neither the monitor nor the metrics."""
    monitor = CustomPerformanceMonitor()
    for number in range(500):
        monitor.record_custom_metric(f"name_{number}", number)
    assert len(monitor.custom_metrics) == 200
    assert len(custom_metrics.names()) == 200
