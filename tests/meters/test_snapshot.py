"""Metric data made of the fold and of the sources."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource

from otel_perf.core.clock import Clock
from otel_perf.core.guard import guard
from otel_perf.core.records import Tool
from otel_perf.core.signals import METRICS
from otel_perf.meters.fold import ToolMeters
from otel_perf.meters.interval import Temporality
from otel_perf.meters.snapshot import merge_metrics
from otel_perf.meters.sources import MetricSources, OpenCalls
from tests.meters.calls import (
    FAILED,
    MILLISECOND,
    RESOURCE,
    SAMPLED,
    SCOPE,
    SECOND,
    by_agent,
    ended_call,
    folded,
    full_sources,
    points_of,
    some_measurements,
    span_context,
    values_of,
)

SEARCH, READ = Tool("search"), Tool("read")
NOW = 2_000 * SECOND


def meters_at(start_seconds: int = 1_000) -> ToolMeters:
    """A fold that began at a known time."""
    return ToolMeters(Clock(now_ns=lambda: 0, wall_ns=lambda: start_seconds * SECOND))


def some_calls() -> list[Any]:
    """A turn of an agent with a search that reads, and a failure."""
    turn = ended_call(Tool("helper", kind="agent"), SECOND)
    search = ended_call(SEARCH, 20 * MILLISECOND, caller=turn, scope=by_agent("helper"))
    read = ended_call(READ, 2 * MILLISECOND, caller=search, scope=by_agent("helper"))
    return [read, search, turn, ended_call(READ, MILLISECOND, failure=FAILED)]


def test_every_metric_of_the_catalogue_is_emitted_and_nothing_else() -> None:
    """Names, units, descriptions, kinds, labels and bounds are those of the catalogue."""
    meters = meters_at()
    meters.on_calls([*some_calls(), ended_call(Tool("helper", kind="agent"), failure=FAILED)])
    meters.measured.on_measurements(some_measurements())
    (entry,) = folded(meters, full_sources()).reader().collect(NOW).resource_metrics
    (scope,) = entry.scope_metrics
    assert (entry.resource, scope.scope) == (RESOURCE, SCOPE)
    kinds = {"counter": Sum, "updowncounter": Sum, "gauge": Gauge, "histogram": Histogram}
    assert [m.name for m in scope.metrics] == [spec.name for spec in METRICS]
    for metric, spec in zip(scope.metrics, METRICS, strict=True):
        assert (metric.unit, metric.description) == (spec.unit, spec.meaning)
        assert isinstance(metric.data, kinds[spec.instrument])
        assert getattr(metric.data, "is_monotonic", None) in {None, spec.instrument == "counter"}
        names = {attribute.name for attribute in spec.attributes}
        for point in metric.data.data_points:
            assert set(point.attributes or {}) <= names
            assert tuple(getattr(point, "explicit_bounds", ())) == spec.bounds
        assert names == {name for point in metric.data.data_points for name in point.attributes or {}}


def test_calls_edges_and_times_are_those_of_the_calls() -> None:
    """Outcomes by tool, edges from caller to callee, the empty caller of a root."""
    meters = meters_at()
    meters.on_calls(some_calls())
    data = folded(meters).reader().collect(NOW)
    assert values_of(data, "otel_perf.tool.calls") == {("read", "ok"): 1, ("search", "ok"): 1, ("read", "error"): 1}
    assert values_of(data, "otel_perf.tool.edges") == {
        ("", "helper", "ok"): 1,
        ("helper", "search", "ok"): 1,
        ("search", "read", "ok"): 1,
        ("", "read", "error"): 1,
    }
    assert values_of(data, "otel_perf.tool.edge.time")["search", "read"] == pytest.approx(0.002)
    durations = {tuple(p.attributes.values()): p for p in points_of(data, "gen_ai.execute_tool.duration")}
    assert set(durations) == {("read", "helper"), ("search", "helper"), ("read", "ValueError")}
    assert durations["search", "helper"].sum == pytest.approx(0.02)
    assert (durations["search", "helper"].min, durations["search", "helper"].max) == (0.02, 0.02)


def test_the_histogram_counts_every_call_of_the_calls_metric() -> None:
    """However the labels are cut, both metrics tell the same number of calls."""
    meters = meters_at()
    for _ in range(7):
        meters.on_calls(some_calls())
    data = folded(meters).reader().collect(NOW)
    counted = sum(point.count for point in points_of(data, "gen_ai.execute_tool.duration"))
    assert counted == sum(values_of(data, "otel_perf.tool.calls").values()) == 21
    assert all(sum(p.bucket_counts) == p.count for p in points_of(data, "gen_ai.execute_tool.duration"))


def test_cumulative_points_start_with_the_fold_and_end_now() -> None:
    """Start and end of every point, at the first and at a later collection."""
    meters = meters_at(1_000)
    meters.on_calls(some_calls())
    reader = folded(meters, full_sources()).reader()
    for now in (NOW, NOW + SECOND):
        for spec in METRICS:
            for point in points_of(reader.collect(now), spec.name):
                assert (point.start_time_unix_nano, point.time_unix_nano) == (1_000 * SECOND, now)


def test_delta_intervals_follow_each_other_without_gap() -> None:
    """The second interval starts where the first ended, holds only what is new, and knows no extremes."""
    meters = meters_at(1_000)
    reader = folded(meters, full_sources()).reader("delta")
    meters.on_calls([ended_call(SEARCH, 5 * MILLISECOND)] * 3)
    (first,) = points_of(reader.collect(NOW), "gen_ai.execute_tool.duration")
    assert (first.start_time_unix_nano, first.time_unix_nano, first.count) == (1_000 * SECOND, NOW, 3)
    assert (first.min, first.max) == (0.005, 0.005)
    meters.on_calls([ended_call(SEARCH, 7 * MILLISECOND)] * 2)
    data = reader.collect(NOW + SECOND)
    (second,) = points_of(data, "gen_ai.execute_tool.duration")
    assert (second.start_time_unix_nano, second.time_unix_nano, second.count) == (NOW, NOW + SECOND, 2)
    assert second.sum == pytest.approx(0.014)
    assert (second.min, second.max) == (None, None)
    assert values_of(data, "otel_perf.tool.calls") == {("search", "ok"): 2}
    assert points_of(data, "otel_perf.self.calls") == []
    assert points_of(data, "otel_perf.tool.in_flight")


@pytest.mark.parametrize(
    ("preference", "folded_delta", "source_delta"),
    [("cumulative", False, False), ("delta", True, True), ("lowmemory", True, False)],
)
def test_the_temporality_preference_is_what_the_specification_says(
    preference: Temporality, folded_delta: bool, source_delta: bool
) -> None:
    """``lowmemory`` is delta for what a call records itself only; gauges have no temporality."""
    meters = meters_at()
    meters.on_calls(some_calls())
    data = folded(meters, full_sources()).reader(preference).collect(NOW)
    delta = {
        metric.name: metric.data.aggregation_temporality is AggregationTemporality.DELTA
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
        if not isinstance(metric.data, Gauge)
    }
    assert delta["gen_ai.execute_tool.duration"] is folded_delta
    assert delta["otel_perf.tool.edges"] is folded_delta
    assert delta["otel_perf.self.items"] is source_delta
    assert delta["otel_perf.tool.self_time"] is source_delta


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 10 * SECOND), st.booleans()), max_size=8), max_size=6)
)
def test_deltas_add_up_to_the_cumulative_values(batches: list[list[tuple[int, int, bool]]]) -> None:
    """For any calls and any collections in between: the intervals of one reader sum to what another one sees."""
    meters = meters_at()
    source = folded(meters)
    delta, cumulative = source.reader("delta"), source.reader()
    counts: Counter[Any] = Counter()
    buckets: dict[Any, list[int]] = {}
    for number, batch in enumerate(batches):
        meters.on_calls([ended_call(Tool(f"t{n}"), d, failure=FAILED if bad else None) for n, d, bad in batch])
        data = delta.collect(NOW + number)
        counts.update(values_of(data, "otel_perf.tool.calls"))
        for point in points_of(data, "gen_ai.execute_tool.duration"):
            known = buckets.setdefault(tuple(point.attributes.values()), [0] * len(point.bucket_counts))
            known[:] = [a + b for a, b in zip(known, point.bucket_counts, strict=True)]
    last = cumulative.collect(NOW + 99)
    assert dict(counts) == values_of(last, "otel_perf.tool.calls")
    assert buckets == {
        tuple(p.attributes.values()): list(p.bucket_counts) for p in points_of(last, "gen_ai.execute_tool.duration")
    }


def test_a_source_that_was_reset_counts_from_zero_again() -> None:
    """A worker that was restarted has less processor time than before; no interval is negative."""
    seconds = iter((5.0, 1.0, 1.5))
    reader = folded(meters_at(), MetricSources(worker_cpu_seconds=lambda: next(seconds))).reader("delta")
    seen = [values_of(reader.collect(NOW + n), "otel_perf.self.worker.cpu_time")[()] for n in range(3)]
    assert seen == [5.0, 1.0, 0.5]


def test_a_source_that_raises_costs_its_own_metrics_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are there, and the error is counted."""
    monkeypatch.setattr(guard, "counts", Counter())

    def broken() -> None:
        raise RuntimeError("no ledger today")

    full = full_sources()
    sources = MetricSources(calls=broken, destinations=full.destinations, worker_cpu_seconds=lambda: None)
    meters = meters_at()
    meters.on_calls(some_calls())
    data = folded(meters, sources).reader().collect(NOW)
    assert points_of(data, "otel_perf.self.calls") == []
    assert points_of(data, "otel_perf.self.worker.cpu_time") == []
    assert points_of(data, "otel_perf.self.items")
    assert points_of(data, "otel_perf.tool.calls")
    assert guard.counts["meters.sources"] == 1


def test_the_last_running_call_leaves_a_zero_behind() -> None:
    """A gauge that just ended would show the call as open until Prometheus forgets it."""
    running = {"slow": OpenCalls(1, 30.0)}
    meters = meters_at()
    reader = folded(meters, MetricSources(open_calls=lambda: running)).reader()
    assert values_of(reader.collect(NOW), "otel_perf.tool.oldest_call.age") == {("slow",): 30.0}
    running = {}
    meters.on_calls([ended_call(Tool("slow"))])
    data = reader.collect(NOW + 1)
    assert values_of(data, "otel_perf.tool.in_flight") == {("slow",): 0}
    assert values_of(data, "otel_perf.tool.oldest_call.age") == {("slow",): 0.0}


def test_running_calls_of_too_many_tools_share_a_label() -> None:
    """Names that only sources know count against the same bound; numbers add up, the oldest age stands."""
    running = {f"t{i}": OpenCalls(1, float(i)) for i in range(600)}
    data = folded(meters_at(), MetricSources(open_calls=lambda: running)).reader().collect(NOW)
    values = values_of(data, "otel_perf.tool.in_flight")
    assert len(values) == 501
    assert values["_OTHER",] == 100
    assert sum(values.values()) == 600
    assert values_of(data, "otel_perf.tool.oldest_call.age")["_OTHER",] == 599.0


def test_an_exporter_gets_each_exemplar_once_and_a_page_always() -> None:
    """An exemplar that was exported is not exported again; a page may be read by several servers."""
    meters = meters_at()
    source = folded(meters)
    exporter, page = source.reader(), source.reader(repeat_exemplars=True)
    meters.on_calls([ended_call(SEARCH, scope=SAMPLED, context=span_context())])
    for reader, expected in ((exporter, [1, 0]), (page, [1, 1])):
        found = [len(points_of(reader.collect(NOW + n), "gen_ai.execute_tool.duration")[0].exemplars) for n in range(2)]
        assert found == expected
    (exemplar,) = points_of(page.collect(NOW + 9), "gen_ai.execute_tool.duration")[0].exemplars
    assert (exemplar.trace_id, exemplar.span_id, exemplar.value) == (0xABC, 0xDEF, 0.001)


def test_a_forked_child_starts_every_reader_at_zero() -> None:
    """Nothing of the parent's counts, its own resource, and delta intervals that begin in the child."""
    meters = meters_at()
    source = folded(meters, full_sources())
    delta = source.reader("delta")
    meters.on_calls(some_calls())
    delta.collect(NOW)
    child = Resource({"service.instance.id": "child"})
    source.after_fork_in_child(child)
    meters.on_calls([ended_call(SEARCH)])
    data = delta.collect(NOW + 1)
    assert data.resource_metrics[0].resource == child
    assert values_of(data, "otel_perf.tool.calls") == {("search", "ok"): 1}
    assert values_of(data, "otel_perf.self.foreign_spans") == {(): 4}


def test_merging_puts_equal_resources_together() -> None:
    """One entry per resource, none lost: an encoder that keys by resource would keep the last only."""

    def part(resource: Resource) -> MetricsData:
        return MetricsData([ResourceMetrics(resource, [ScopeMetrics(SCOPE, [], "")], "")])

    merged = merge_metrics([part(RESOURCE), None, part(Resource({"service.name": "tested"})), part(Resource({}))])
    assert [len(entry.scope_metrics) for entry in merged.resource_metrics] == [2, 1]
