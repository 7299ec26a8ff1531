"""Targets under watch: their windows, where their values come from, their metrics."""

from collections.abc import Iterator
from typing import Any

import pytest

import otel_perf
from otel_perf.core.kpi_signals import KPIS
from otel_perf.core.recording import record
from otel_perf.pipeline.slo_board import SlidingTally, SloBoard, slo_board
from otel_perf.statistics.slo import DEFAULT_TARGETS, SloTarget, Tally
from otel_perf.testing.capture import Capture
from otel_perf.testing.recording import recording

SECOND = 1_000_000_000


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    """No target is left to another test."""
    slo_board.clear()
    yield
    slo_board.clear()


def states() -> dict[str, str]:
    """The state of each target by indicator."""
    return {status.target.kpi: status.state for status in slo_board.status()}


def slo_metrics(capture: Capture) -> dict[str, dict[str, Any]]:
    """The metrics of targets, by name and target."""
    return {
        name: {point.attributes["otel_perf.slo.name"]: point.value for point in points}
        for name, points in capture.metrics().items()
        if name.startswith("otel_perf.slo.")
    }


@pytest.mark.feature("S1-16", "S1-18")
def test_the_usual_targets_can_be_chosen_and_are_unknown_without_data(otel_perf_capture: Capture) -> None:
    """Nobody is held to a target unasked; a chosen one without a value has no metric, and is neither met nor missed."""
    otel_perf.record_kpi("response_time", 9.0)
    assert slo_metrics(otel_perf_capture) == {}
    assert slo_board.status() == ()
    slo_board.watch(*DEFAULT_TARGETS)
    assert set(states().values()) == {"unknown"}
    assert slo_metrics(otel_perf_capture) == {}


@pytest.mark.feature("S1-16", "S1-18")
def test_measured_indicators_are_compared_with_their_targets(otel_perf_capture: Capture) -> None:
    """2.3 s meet 3 s; 99.1 % meet 95 %; 60 % of cache hits miss 70 %; tokens are not measured."""
    slo_board.watch(*DEFAULT_TARGETS)
    otel_perf.record_kpi("response_time", 2.0)
    otel_perf.record_kpi("response_time", 2.6)
    otel_perf.record_kpi("success_rate", 0.991)
    otel_perf.record_kpi("cache_hit_rate", 0.6)
    found = slo_metrics(otel_perf_capture)
    assert states() == {
        "response_time": "met",
        "success_rate": "met",
        "cache_hit_rate": "missed",
        "token_efficiency": "unknown",
    }
    assert found["otel_perf.slo.met"] == {"response_time < 3": 1, "success_rate > 0.95": 1, "cache_hit_rate > 0.7": 0}
    assert found["otel_perf.slo.measured"]["response_time < 3"] == pytest.approx(2.3)
    assert found["otel_perf.slo.objective"]["response_time < 3"] == 3
    assert found["otel_perf.slo.error_budget"]["success_rate > 0.95"] == pytest.approx(0.82)
    assert "response_time < 3" not in found["otel_perf.slo.error_budget"]


@pytest.mark.feature("S1-16", "S1-18")
def test_without_a_recorded_value_calls_speak_for_themselves(otel_perf_capture: Capture) -> None:
    """Response time is that of agent turns, success that of tool calls without the cancelled ones."""
    slo_board.watch(SloTarget("response_time", 3.0, "<"), SloTarget("success_rate", 0.7, ">="))
    with otel_perf.agent("helper"):
        for _ in range(3):
            with otel_perf.tool_call("one"):
                pass
        with pytest.raises(KeyError), otel_perf.tool_call("one"):
            raise KeyError
    assert otel_perf_capture.calls
    response, success = slo_board.status()
    (turn,) = (call for call in otel_perf_capture.calls if call.tool == "helper")
    assert (response.measured, response.values) == (turn.duration_seconds, 1)
    assert (success.measured, success.values, success.state) == (0.75, 4, "met")
    otel_perf.record_kpi("success_rate", 0.5)
    assert slo_metrics(otel_perf_capture)["otel_perf.slo.measured"]["success_rate >= 0.7"] == 0.5


def test_a_window_forgets() -> None:
    """Values older than the window take no part; the memory is that of 60 slots, however many values."""
    target = SloTarget("response_time", 3.0, "<", window_seconds=60)
    window = SlidingTally(target)
    for second in range(600):
        window.add(1.0 if second < 570 else 5.0, second * SECOND, 2)
    assert window.tally(599 * SECOND) == Tally(120, 60 * 1.0 + 60 * 5.0, 60)
    assert window.tally(629 * SECOND) == Tally(60, 60 * 5.0, 0)
    assert window.tally(700 * SECOND) == Tally()


def test_the_clock_of_the_pipeline_moves_the_window() -> None:
    """With a window of some ticks of the clock, a recorded value is gone later, and its metrics with it."""
    with recording() as capture:
        slo_board.watch(SloTarget("response_time", 3.0, "<", window_seconds=1.0))
        otel_perf.record_kpi("response_time", 1.0)
        assert slo_metrics(capture)["otel_perf.slo.met"] == {"response_time < 3": 1}
        for _ in range(1100):
            record(KPIS["recall"].metric, 1)
        assert slo_metrics(capture) == {}
        assert states() == {"response_time": "unknown"}


def test_wrong_targets_are_refused_and_the_same_one_is_watched_once() -> None:
    """An unknown indicator, and more targets than anybody reads."""
    board = SloBoard()
    with pytest.raises(ValueError, match="no known indicator"):
        board.watch(SloTarget("happiness", 1.0))
    board.watch(DEFAULT_TARGETS[0], DEFAULT_TARGETS[0])
    board.watch(DEFAULT_TARGETS[0])
    assert len(board.status()) == 1
    with pytest.raises(ValueError, match="at most 64"):
        board.watch(*(SloTarget("recall", number / 100) for number in range(64)))
    assert len(board.status()) == 1
