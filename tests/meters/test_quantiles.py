"""Fast, medium and slow tools: the same quantiles in raw values, in the histogram and on the Prometheus page."""

import random
from bisect import bisect_left
from itertools import accumulate

import pytest
from prometheus_client.parser import text_string_to_metric_families

from otel_perf.core.records import Tool
from otel_perf.core.tool_signals import TOOL_SECONDS
from otel_perf.delivery.prometheus_names import FamilyNames
from otel_perf.delivery.prometheus_text import TEXT, gather, render
from otel_perf.meters.fold import ToolMeters
from otel_perf.statistics.histogram import BucketHistogram
from tests.meters.calls import SECOND, ended_call, folded, points_of


def page_buckets(meters: ToolMeters) -> list[float]:
    """What Prometheus reads: the cumulative buckets of the only tool, in the order of their bounds."""
    page = render(gather(folded(meters).reader().collect(1), FamilyNames()), TEXT).decode()
    (family,) = [f for f in text_string_to_metric_families(page) if f.name == "gen_ai_execute_tool_duration_seconds"]
    buckets = {float(s.labels["le"]): s.value for s in family.samples if s.name.endswith("_bucket")}
    assert tuple(sorted(buckets))[:-1] == TOOL_SECONDS
    return [buckets[bound] for bound in sorted(buckets)]


@pytest.mark.parametrize("typical_seconds", [0.002, 0.2, 20.0])
@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.95, 0.99])
def test_a_quantile_of_the_histogram_is_in_the_bucket_of_the_raw_one(typical_seconds: float, quantile: float) -> None:
    """What ``histogram_quantile`` makes of our buckets lies in the same bucket as the raw quantile."""
    draw = random.Random(7)
    durations = sorted(round(draw.lognormvariate(0, 0.4) * typical_seconds * SECOND) for _ in range(2_000))
    meters = ToolMeters()
    meters.on_calls([ended_call(Tool("t"), duration) for duration in durations])
    (point,) = points_of(folded(meters).reader().collect(1), "gen_ai.execute_tool.duration")
    histogram = BucketHistogram(TOOL_SECONDS)
    for duration in durations:
        histogram.add(duration / SECOND)
    assert list(point.bucket_counts) == histogram.counts
    assert page_buckets(meters) == list(accumulate(histogram.counts))
    raw = durations[round(quantile * len(durations)) - 1] / SECOND
    estimate = histogram.quantile_estimate(quantile)
    assert estimate is not None
    position = bisect_left(TOOL_SECONDS, raw)
    assert TOOL_SECONDS[position - 1] <= estimate <= TOOL_SECONDS[position]
    assert estimate == pytest.approx(raw, rel=1.0)
