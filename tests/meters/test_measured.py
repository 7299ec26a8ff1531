"""Measurements as metrics: sums, last values, distributions, bounded labels; on our provider and on theirs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otel_perf.core.measurements import Measurement
from otel_perf.core.signal_spec import AttributeSpec, MetricSpec
from otel_perf.meters.adopted import AdoptedMeters
from otel_perf.meters.fold import ToolMeters
from otel_perf.meters.measured import SERIES_LIMIT
from otel_perf.meters.sources import MetricSources
from tests.meters.calls import folded, points_of, values_of

KIND = AttributeSpec("kind", "What.")
MADE = MetricSpec("test.made", "counter", "{thing}", "Things made.", (KIND,), synchronous=True)
STOCK = MetricSpec("test.stock", "updowncounter", "{thing}", "Things here.", (KIND,), synchronous=True)
LEVEL = MetricSpec("test.level", "gauge", "1", "How full.", (KIND,), synchronous=True)
WAIT = MetricSpec("test.wait", "histogram", "s", "Waited.", (KIND,), bounds=(0.1, 1.0, 10.0), synchronous=True)


def made(metric: MetricSpec, value: float, kind: str | None = "a") -> Measurement:
    """One measurement."""
    return Measurement(metric, value, (kind,), 0)


VALUES = [made(MADE, 2), made(MADE, 3), made(STOCK, 5), made(STOCK, -2), made(LEVEL, 0.4), made(LEVEL, 0.2)]
WAITS = [made(WAIT, value) for value in (0.05, 0.1, 0.5, 99.0)]


def test_each_instrument_does_what_its_name_says() -> None:
    """Counters add, up-down counters add both ways, gauges keep the last, histograms distribute."""
    meters = ToolMeters()
    meters.measured.on_measurements([*VALUES, *WAITS])
    data = folded(meters).reader().collect(1)
    assert values_of(data, "test.made") == {("a",): 5}
    assert values_of(data, "test.stock") == {("a",): 3}
    assert values_of(data, "test.level") == {("a",): 0.2}
    (wait,) = points_of(data, "test.wait")
    assert (wait.count, wait.bucket_counts, wait.min, wait.max) == (4, (2, 1, 0, 1), 0.05, 99.0)
    assert wait.sum == pytest.approx(99.65)


def test_a_label_that_does_not_apply_is_left_out() -> None:
    """``None`` is no label value."""
    meters = ToolMeters()
    meters.measured.on_measurements([made(MADE, 1, None)])
    (point,) = points_of(folded(meters).reader().collect(1), "test.made")
    assert point.attributes == {}


def test_delta_readers_get_what_is_new_and_the_stock_as_it_is() -> None:
    """With ``lowmemory`` too: a measurement is recorded where it happens. An up-down counter stays cumulative."""
    meters = ToolMeters()
    for temporality in ("delta", "lowmemory"):
        meters.measured.forget()
        reader = folded(meters).reader(temporality)
        meters.measured.on_measurements([*VALUES, *WAITS])
        reader.collect(1)
        meters.measured.on_measurements([made(MADE, 1), made(STOCK, 1), made(WAIT, 0.5)])
        data = reader.collect(2)
        assert values_of(data, "test.made") == {("a",): 1}
        assert values_of(data, "test.stock") == {("a",): 4}
        (wait,) = points_of(data, "test.wait")
        assert (wait.count, wait.bucket_counts, wait.min) == (1, (0, 1, 0, 0), None)


def test_series_are_bounded_and_nothing_is_lost() -> None:
    """Beyond the limit all further labels share one series, which holds the rest of the sum."""
    meters = ToolMeters()
    meters.measured.on_measurements([made(MADE, 1, f"kind {i}") for i in range(SERIES_LIMIT + 50)] * 2)
    values = values_of(folded(meters).reader().collect(1), "test.made")
    assert len(values) == SERIES_LIMIT + 1
    assert sum(values.values()) == 2 * (SERIES_LIMIT + 50)
    assert values["_OTHER",] == 100


def test_an_adopted_provider_says_the_same_numbers() -> None:
    """The same measurements through the instruments of an SDK provider of the application's."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    meters = ToolMeters()
    adopted = AdoptedMeters(provider, meters, MetricSources())
    adopted.on_measurements([*VALUES, *WAITS])
    adopted.refresh()
    theirs = reader.get_metrics_data()
    ours = folded(meters).reader().collect(1)
    for name in ("test.made", "test.stock", "test.level"):
        assert values_of(theirs, name) == values_of(ours, name)
    (their_wait,), (our_wait,) = points_of(theirs, "test.wait"), points_of(ours, "test.wait")
    assert tuple(their_wait.bucket_counts) == our_wait.bucket_counts
    assert their_wait.explicit_bounds == our_wait.explicit_bounds
    provider.shutdown()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1e6)), max_size=200))
def test_a_histogram_holds_every_value(values: list[tuple[str, Any]]) -> None:
    """Counts and sums per label equal those of the values."""
    meters = ToolMeters()
    meters.measured.on_measurements([made(WAIT, value, kind) for kind, value in values])
    points = {p.attributes["kind"]: p for p in points_of(folded(meters).reader().collect(1), "test.wait")}
    for kind in "abc":
        mine = [value for label, value in values if label == kind]
        assert (points[kind].count if kind in points else 0) == len(mine)
        if mine:
            assert points[kind].sum == pytest.approx(sum(mine))
