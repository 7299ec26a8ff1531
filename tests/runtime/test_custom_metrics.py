"""Custom metrics on every way out: OTLP, the Prometheus page, an adopted meter provider."""

from typing import Any

import pytest
import requests

import otel_perf
from otel_perf.core.custom_metrics import custom_metrics
from tests.behaviour.processes import seen_by
from tests.sinks.http_sink import http_sink

THREE_LINES = """
from otel_perf.core.custom_metrics import counter
docs_indexed = counter("docs_indexed")
docs_indexed(3, {"source": "wiki"})
"""


@pytest.fixture(autouse=True)
def _afresh() -> None:
    """No test knows the metrics of another."""
    custom_metrics.forget()


def received(sink: Any) -> dict[str, Any]:
    """The newest metric of each name."""
    return {
        metric.name: metric
        for message in sink.metrics
        for resource in message.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


@pytest.mark.feature("S1-88", "S2-66")
def test_three_lines_are_seen_in_otlp_and_prometheus() -> None:
    """A counter, a gauge and a histogram of the application's own, over both ways, with their tags."""
    with http_sink() as sink:
        with otel_perf.instrument(endpoint=sink.url, prometheus=0) as handle:
            exec(THREE_LINES, {})  # noqa: S102 - the three lines of the user
            otel_perf.record_custom_metric("queue depth", 7)
            otel_perf.record_custom_metric("answer.length", 120, kind="histogram", unit="{character}")
            assert handle.flush(20)
            url = handle.status().prometheus
            assert url is not None
            page = requests.get(url, timeout=10).text
        metrics = received(sink)
    (point,) = metrics["docs_indexed"].sum.data_points
    assert metrics["docs_indexed"].sum.is_monotonic
    assert {each.key: each.value.string_value for each in point.attributes} == {"source": "wiki"}
    assert (point.as_int, metrics["queue_depth"].gauge.data_points[0].as_int) == (3, 7)
    (lengths,) = metrics["answer.length"].histogram.data_points
    assert (metrics["answer.length"].unit, lengths.count, lengths.sum) == ("{character}", 1, 120)
    lines = page.splitlines()
    counted = next(line for line in lines if line.startswith("docs_indexed_total{"))
    assert 'source="wiki"' in counted
    assert counted.endswith(" 3")
    assert next(line for line in lines if line.startswith(("queue_depth ", "queue_depth{"))).endswith(" 7")
    assert next(line for line in lines if line.startswith("answer_length_count")).endswith(" 1")
    assert "# TYPE docs_indexed" in page


ADOPTED = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
import otel_perf
handle = otel_perf.instrument()
for value in (1, 2):
    otel_perf.record_custom_metric("docs", value, {"source": "wiki"}, "counter")
    otel_perf.record_custom_metric("depth", value)
    otel_perf.record_custom_metric("length", value, kind="histogram")
    otel_perf.record_kpi("f1_score", 0.5, model="m")
otel_perf.record_score("tone", 0.25)
handle.flush()
import time
for _ in range(200):
    data = reader.get_metrics_data()
    found = {m.name: m.data.data_points for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics}
    if "docs" in found and "depth" in found: break
    time.sleep(0.05)
handle.shutdown()
print(json.dumps([found["docs"][0].value, dict(found["docs"][0].attributes), found["depth"][0].value,
                  found["length"][0].sum, found["otel_perf.kpi.f1_score"][0].sum,
                  found["otel_perf.evaluation.score"][0].sum, lines]))
"""


@pytest.mark.feature("S2-66")
def test_on_the_meter_provider_of_the_application() -> None:
    """The same metrics appear on an adopted provider, for its own readers."""
    *values, lines = seen_by(ADOPTED)
    assert values == [3, {"source": "wiki"}, 2, 3, 1.0, 0.25]
    assert lines == []


@pytest.mark.feature("S2-67")
def test_settings_come_from_arguments_environment_and_file(tmp_path: Any) -> None:
    """The way out for events: the argument wins over the environment, that over the file, that over the default."""
    file = tmp_path / "settings.yaml"
    file.write_text("logs_exporters: [console]\nplugins: false\n")

    def shown(arguments: str = "", **environment: str) -> list[str]:
        program = f"""
import otel_perf
handle = otel_perf.instrument({arguments})
rows = {{row.name: [row.value_text, row.source_text] for row in handle.status().settings}}
handle.shutdown()
print(json.dumps(rows["logs_exporters"] + rows["plugins"]))
"""
        found: list[str] = seen_by(program, **environment)
        return found

    with_file = {"OTEL_PERF_CONFIG_FILE": str(file)}
    assert shown() == ["otlp", "default", "true", "default"]
    from_file = shown(**with_file)
    assert (from_file[0], from_file[2]) == ("console", "false")
    assert str(file) in from_file[1]
    assert shown(**with_file, OTEL_LOGS_EXPORTER="none")[:2] == ["none", "OTEL_LOGS_EXPORTER"]
    assert shown('logs_exporters=["otlp"]', **with_file, OTEL_LOGS_EXPORTER="none")[:2] == ["otlp", "argument"]
