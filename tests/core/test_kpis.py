"""Indicators as the application knows them: ranges, labels, adaptation."""

import logging
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

import otel_perf
from otel_perf.core.kpi_signals import KPI_LABELS, KPIS
from otel_perf.core.kpis import adaptations, record_adaptation, told
from otel_perf.testing.capture import Capture


@pytest.fixture(autouse=True)
def _afresh() -> None:
    """Each test is told everything once."""
    told.forget()
    adaptations.forget()


def rejected(capture: Capture) -> dict[tuple[str, str], int]:
    """What was rejected, by indicator and reason."""
    points = capture.metrics().get("otel_perf.kpi.rejected", [])
    return {(p.attributes["otel_perf.kpi.name"], p.attributes["otel_perf.reason"]): p.value for p in points}


@pytest.mark.feature("S2-54", "S1-32", "S1-33")
@pytest.mark.parametrize("name", KPIS)
def test_each_known_indicator_is_a_metric(otel_perf_capture: Capture, name: str) -> None:
    """A value within the range arrives under the indicator's name with its labels; before, the metric is absent."""
    metric = KPIS[name].metric
    assert metric.name == f"otel_perf.kpi.{name}"
    assert metric.name not in otel_perf_capture.metrics()
    labels = dict.fromkeys(KPIS[name].labels, "x")
    otel_perf.record_kpi(name, 0.9, **labels)
    (point,) = otel_perf_capture.metrics()[metric.name]
    assert point.attributes == {attribute.name: "x" for attribute in metric.attributes}
    assert (point.value if metric.instrument == "gauge" else point.sum) == 0.9


@pytest.mark.feature("S2-54")
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "not_finite"),
        (float("inf"), "not_finite"),
        (1.0001, "out_of_range"),
        (-0.0001, "out_of_range"),
        (10**400, "not_finite"),
        ("0.9", "not_a_number"),
        (None, "not_a_number"),
        (object(), "not_a_number"),
        (1j, "not_a_number"),
    ],
)
def test_a_value_out_of_range_is_rejected_and_counted(
    otel_perf_capture: Capture, caplog: pytest.LogCaptureFixture, value: Any, reason: str
) -> None:
    """NaN, what is outside 0 to 1 and what is no number: no metric, one count each, one line for all, no exception."""
    for _ in range(3):
        otel_perf.record_kpi("f1_score", value)
    assert "otel_perf.kpi.f1_score" not in otel_perf_capture.metrics()
    assert rejected(otel_perf_capture) == {("f1_score", reason): 3}
    assert len(caplog.records) == 1
    assert "f1_score" in caplog.text


@pytest.mark.parametrize("value", [0, 1, 0.0, 1.0, True, Decimal("0.5"), Fraction(1, 2)])
def test_both_ends_of_the_range_and_any_number_are_taken(otel_perf_capture: Capture, value: Any) -> None:
    """Whatever type of number it is."""
    otel_perf.record_kpi("f1_score", value)
    (point,) = otel_perf_capture.metrics()["otel_perf.kpi.f1_score"]
    assert (point.count, point.sum) == (1, float(value))


def test_an_unknown_label_is_left_out_and_counted(otel_perf_capture: Capture, caplog: pytest.LogCaptureFixture) -> None:
    """An id cannot become a label: the value is kept, the label is not."""
    otel_perf.record_kpi("f1_score", 0.5, model="m", user_id="u-1")
    (point,) = otel_perf_capture.metrics()["otel_perf.kpi.f1_score"]
    assert point.attributes == {"gen_ai.request.model": "m"}
    assert rejected(otel_perf_capture) == {("f1_score", "unknown_label"): 1}
    assert "u-1" not in caplog.text


def test_label_values_are_bounded(otel_perf_capture: Capture) -> None:
    """1,000 data sets are 200 series and one for the rest; no value is lost."""
    for number in range(1000):
        otel_perf.record_kpi("f1_score", 1, dataset=f"d{number}")
    points = otel_perf_capture.metrics()["otel_perf.kpi.f1_score"]
    assert len(points) == 201
    assert sum(point.count for point in points) == 1000


def test_short_names_and_names_of_ones_own(otel_perf_capture: Capture) -> None:
    """``f1`` and ``latency`` are known; any other name is a custom metric."""
    otel_perf.record_kpi("f1", 0.5)
    otel_perf.record_kpi("latency", 2.3)
    otel_perf.record_kpi("tone_of_voice", 0.7, model="m")
    metrics = otel_perf_capture.metrics()
    assert metrics["otel_perf.kpi.f1_score"][0].sum == 0.5
    assert metrics["otel_perf.kpi.response_time"][0].sum == 2.3
    assert (metrics["tone_of_voice"][0].value, metrics["tone_of_voice"][0].attributes) == (0.7, {"model": "m"})


@pytest.mark.feature("S2-59")
def test_adaptation_successes_over_attempts(otel_perf_capture: Capture) -> None:
    """No attempt: no rate and no metric. Three of four: 0.75, both counted, by model."""
    without = adaptations.success_rate
    assert without is None
    assert not [name for name in otel_perf_capture.metrics() if "adaptation" in name]
    for success in (True, True, False, True):
        record_adaptation(success, model="m")
    assert (adaptations.success_rate, adaptations.attempts, adaptations.successes) == (0.75, 4, 3)
    metrics = otel_perf_capture.metrics()
    (attempts,), (successes,) = (metrics[f"otel_perf.kpi.adaptation.{name}"] for name in ("attempts", "successes"))
    assert (attempts.value, successes.value) == (4, 3)
    assert attempts.attributes == {"gen_ai.request.model": "m"}


@pytest.mark.feature("S2-55")
def test_latency_is_measured_without_being_recorded(otel_perf_capture: Capture) -> None:
    """Every tool call and every agent turn is in a histogram of durations; the application does nothing for it."""
    with otel_perf.agent("helper"), otel_perf.tool_call("search"):
        pass
    metrics, calls = otel_perf_capture.metrics(), otel_perf_capture.calls
    durations = {call.tool: call.duration_seconds for call in calls}
    assert metrics["gen_ai.execute_tool.duration"][0].sum == pytest.approx(durations["search"])
    assert metrics["gen_ai.invoke_agent.duration"][0].sum == pytest.approx(durations["helper"])
    assert "otel_perf.kpi.response_time" not in metrics


def test_before_instrument_nothing_happens(caplog: pytest.LogCaptureFixture) -> None:
    """Without a pipeline every call returns, and nothing is logged for a good value."""
    caplog.set_level(logging.DEBUG)
    otel_perf.record_kpi("f1_score", 0.5, model="m")
    record_adaptation(success=True)
    assert not caplog.records


def test_no_label_is_an_id() -> None:
    """None of the labels that are taken ends with the name of an identifier."""
    assert not [name for name in KPI_LABELS if name.endswith(("id", "key"))]
