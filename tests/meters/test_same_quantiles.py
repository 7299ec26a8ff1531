"""A 2 ms, a 200 ms and a 20 s tool, called for real on a clock of the test: everybody shows the same quantiles."""

import math
import random
from bisect import bisect_left
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

import otel_perf
from otel_perf.core.intake import intake
from otel_perf.core.tool_signals import TOOL_SECONDS
from otel_perf.delivery.prometheus_page import PrometheusPage
from otel_perf.statistics.quantiles import DurationSketch
from otel_perf.testing.capture import Capture
from otel_perf.testing.recording import recording

TYPICAL = {"fast": 0.002, "medium": 0.2, "slow": 20.0}
CALLS = 1_000
QUANTILES = {0.5: "p50_seconds", 0.9: "p90_seconds", 0.95: "p95_seconds", 0.99: "p99_seconds"}


class Recorded:
    """What each tool took, and where it can be read."""

    def __init__(self, capture: Capture) -> None:
        self.now_ns = 1
        self.raw: dict[str, list[float]] = {name: [] for name in TYPICAL}
        intake.now_ns = lambda: self.now_ns
        draw = random.Random(11)
        for name, typical in TYPICAL.items():
            call = otel_perf.tool(name)(self.pass_time)
            for _ in range(CALLS):
                nanoseconds = round(draw.lognormvariate(0, 0.3) * typical * 1e9)
                call(nanoseconds)
                self.raw[name].append(nanoseconds / 1e9)
            self.raw[name].sort()
        self.summaries = dict(capture.tools)
        self.captured = capture.calls
        self.points = capture.metrics()["gen_ai.execute_tool.duration"]
        self.page = read_page(capture._engine.metrics_out.collect)  # noqa: SLF001 - the fixture's own way there

    def pass_time(self, nanoseconds: int) -> None:
        """The tool's work."""
        self.now_ns += nanoseconds

    def quantile(self, name: str, quantile: float) -> float:
        """Of the raw values: the smallest that so many do not exceed."""
        return self.raw[name][math.ceil(quantile * CALLS) - 1]


def read_page(collect: Any) -> dict[str, dict[float, float]]:
    """The cumulative buckets of every tool, as a scrape over HTTP gets them."""
    page = PrometheusPage(collect, "127.0.0.1", 0)
    page.start()
    try:
        text = requests.get(page.url, timeout=30).text
    finally:
        page.close()
    found: dict[str, dict[float, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "gen_ai_execute_tool_duration_seconds_bucket":
                found.setdefault(sample.labels["gen_ai_tool_name"], {})[float(sample.labels["le"])] = sample.value
    return found


def histogram_quantile(quantile: float, buckets: dict[float, float]) -> float:
    """Prometheus's function of that name, for cumulative buckets with a ``+Inf``."""
    bounds = sorted(buckets)
    rank = quantile * buckets[bounds[-1]]
    position = next(i for i, bound in enumerate(bounds) if buckets[bound] >= rank)
    below = bounds[position - 1] if position else 0.0
    before = buckets[bounds[position - 1]] if position else 0.0
    return below + (bounds[position] - below) * (rank - before) / (buckets[bounds[position]] - before)


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    """A thousand calls of each tool."""
    with recording() as capture:
        return Recorded(capture)


def test_the_calls_took_what_they_took(recorded: Recorded) -> None:
    """The recorded durations are those of the clock, each of them, from 1 ms to a minute."""
    for name, raw in recorded.raw.items():
        assert sorted(call.duration_seconds for call in recorded.captured if call.tool == name) == raw


@pytest.mark.parametrize("name", TYPICAL)
@pytest.mark.parametrize("quantile", QUANTILES)
def test_our_own_statistics_agree_with_the_raw_values(recorded: Recorded, name: str, quantile: float) -> None:
    """The summary's quantile is the raw one within the error it states, which is at most one per cent."""
    summary = recorded.summaries[name]
    assert summary.count == CALLS
    assert summary.quantiles_relative_error <= 0.01
    shown = getattr(summary, QUANTILES[quantile])
    assert shown == pytest.approx(recorded.quantile(name, quantile), rel=0.01)


@pytest.mark.feature("S1-21")
@pytest.mark.parametrize("name", TYPICAL)
@pytest.mark.parametrize("quantile", QUANTILES)
def test_the_prometheus_page_agrees_within_its_buckets(recorded: Recorded, name: str, quantile: float) -> None:
    """``histogram_quantile`` of the scraped page lies in the bucket of the raw quantile, for the fast tool as well."""
    shown = histogram_quantile(quantile, recorded.page[name])
    position = bisect_left(TOOL_SECONDS, recorded.quantile(name, quantile))
    assert TOOL_SECONDS[position - 1] <= shown <= TOOL_SECONDS[position]


@pytest.mark.parametrize("name", TYPICAL)
def test_what_goes_out_over_otlp_is_what_the_page_shows(recorded: Recorded, name: str) -> None:
    """The exported histogram has the same buckets as the page, and the exact sum, minimum and maximum."""
    (point,) = [point for point in recorded.points if point.attributes["gen_ai.tool.name"] == name]
    cumulative = [sum(point.bucket_counts[: number + 1]) for number in range(len(point.bucket_counts))]
    assert list(dict(sorted(recorded.page[name].items())).values()) == cumulative
    assert tuple(point.explicit_bounds) == TOOL_SECONDS
    raw = recorded.raw[name]
    assert (point.count, point.min, point.max) == (CALLS, raw[0], raw[-1])
    assert point.sum == pytest.approx(sum(raw), rel=1e-9)


@pytest.mark.parametrize("name", TYPICAL)
def test_windows_merged_agree_with_the_whole(recorded: Recorded, name: str) -> None:
    """The same calls kept in windows and put together give the quantiles of the summary."""
    windows = [DurationSketch() for _ in range(10)]
    for number, seconds in enumerate(recorded.raw[name]):
        windows[number % 10].add(round(seconds * 1e9))
    whole = DurationSketch()
    for window in windows:
        whole.merge(window)
    summary = recorded.summaries[name]
    merged = [value / 1e9 for value in whole.quantiles(tuple(QUANTILES)) if value is not None]
    assert merged == pytest.approx([getattr(summary, attribute) for attribute in QUANTILES.values()], rel=1e-9)
