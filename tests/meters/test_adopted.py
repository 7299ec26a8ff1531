"""Our metrics on a meter provider of the application's."""

from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.trace import NonRecordingSpan

from otel_perf.core.records import Tool
from otel_perf.core.signals import METRICS
from otel_perf.meters.adopted import AdoptedMeters, read_adopted
from otel_perf.meters.fold import ToolMeters
from otel_perf.meters.sources import MetricSources
from tests.meters.calls import (
    FAILED,
    MILLISECOND,
    RESOURCE,
    SAMPLED,
    by_agent,
    ended_call,
    folded,
    full_sources,
    points_of,
    some_measurements,
    span_context,
    values_of,
)

SEARCH = Tool("search")


class Theirs:
    """A provider of the application's, with a reader of its own."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader], resource=RESOURCE, shutdown_on_exit=False)

    def adopt(self, sources: MetricSources | None = None) -> AdoptedMeters:
        """Feed it."""
        return AdoptedMeters(self.provider, ToolMeters(), sources or MetricSources(), "0.0")


@pytest.fixture
def theirs() -> Theirs:
    """A fresh provider."""
    return Theirs()


def test_every_metric_of_the_catalogue_arrives_with_unit_description_and_bounds(theirs: Theirs) -> None:
    """The same signals as on our own provider, on theirs, in our scope."""
    adopted = theirs.adopt(full_sources())
    adopted.on_calls([ended_call(SEARCH), ended_call(Tool("helper", kind="agent"))])
    adopted.on_measurements(some_measurements())
    adopted.refresh()
    data = theirs.reader.get_metrics_data()
    assert data is not None
    (scope,) = data.resource_metrics[0].scope_metrics
    assert (scope.scope.name, scope.scope.version) == ("otel_perf", "0.0")
    found = {metric.name: metric for metric in scope.metrics}
    assert set(found) == {spec.name for spec in METRICS}
    for spec in METRICS:
        assert (found[spec.name].unit, found[spec.name].description) == (spec.unit, spec.meaning)
        for point in points_of(data, spec.name):
            assert tuple(getattr(point, "explicit_bounds", ())) == spec.bounds


def test_values_equal_those_of_our_own_provider(theirs: Theirs) -> None:
    """Same calls, same numbers: durations by SDK histograms, all others by observable instruments."""
    adopted, meters = theirs.adopt(), ToolMeters()
    calls = [
        ended_call(Tool(f"t{i % 3}"), i * MILLISECOND, failure=FAILED if i % 5 == 0 else None, scope=by_agent("a"))
        for i in range(40)
    ]
    adopted.on_calls(calls)
    adopted.refresh()
    meters.on_calls(calls)
    data, ours = theirs.reader.get_metrics_data(), folded(meters).reader().collect(1)
    for name in ("otel_perf.tool.calls", "otel_perf.tool.edges", "otel_perf.tool.edge.time"):
        assert values_of(data, name) == values_of(ours, name)

    def histograms(of: Any) -> dict[Any, Any]:
        return {
            frozenset(p.attributes.items()): (p.count, list(p.bucket_counts), pytest.approx(p.sum))
            for p in points_of(of, "gen_ai.execute_tool.duration")
        }

    assert histograms(data) == histograms(ours)


def test_exemplars_point_to_the_span_of_the_call_and_only_when_it_is_sampled(theirs: Theirs) -> None:
    """Whether the call is a span itself or only has its identifiers."""
    adopted = theirs.adopt()
    adopted.on_calls([ended_call(SEARCH, MILLISECOND), ended_call(SEARCH, MILLISECOND, context=span_context(1, 1))])
    (point,) = points_of(theirs.reader.get_metrics_data(), "gen_ai.execute_tool.duration")
    assert point.exemplars == []
    adopted.on_calls([ended_call(SEARCH, MILLISECOND, scope=SAMPLED, context=span_context(0x12, 0x34))])
    (point,) = points_of(theirs.reader.get_metrics_data(), "gen_ai.execute_tool.duration")
    assert [(e.trace_id, e.span_id) for e in point.exemplars] == [(0x12, 0x34)]


def test_no_span_of_the_recording_thread_leaks_into_an_exemplar(theirs: Theirs) -> None:
    """The worker may help on an application thread, where another span is current."""
    adopted = theirs.adopt()
    with trace.use_span(NonRecordingSpan(span_context(0x99, 0x99))):
        adopted.on_calls([ended_call(SEARCH)])
    (point,) = points_of(theirs.reader.get_metrics_data(), "gen_ai.execute_tool.duration")
    assert point.exemplars == []


def test_observable_values_are_those_of_the_last_refresh(theirs: Theirs) -> None:
    """A collection reads what was read before; it never asks a source itself."""
    asked = []
    adopted = theirs.adopt(MetricSources(queue_items=lambda: asked.append(1) or len(asked)))
    adopted.refresh()
    for _ in range(3):
        assert values_of(theirs.reader.get_metrics_data(), "otel_perf.self.queue.items") == {(): 1}
    assert len(asked) == 1


def test_a_second_life_on_the_same_provider_goes_on_counting(theirs: Theirs) -> None:
    """Instruments cannot be made twice; totals never fall, and gauges end with their life."""
    first = theirs.adopt(MetricSources(queue_items=lambda: 5))
    first.on_calls([ended_call(SEARCH)] * 3)
    first.close()
    data = theirs.reader.get_metrics_data()
    assert values_of(data, "otel_perf.tool.calls") == {("search", "ok"): 3}
    assert points_of(data, "otel_perf.self.queue.items") == []
    first.on_calls([ended_call(SEARCH)])
    first.refresh()
    second = theirs.adopt()
    second.on_calls([ended_call(SEARCH)] * 4)
    second.refresh()
    data = theirs.reader.get_metrics_data()
    assert values_of(data, "otel_perf.tool.calls") == {("search", "ok"): 7}
    (point,) = points_of(data, "gen_ai.execute_tool.duration")
    assert point.count == 7


def test_everything_on_their_provider_can_be_read_beside_their_own_reader(theirs: Theirs) -> None:
    """Ours and the application's metrics, once; their reader still gets all, also after ours was taken away."""
    reader = read_adopted(theirs.provider)
    theirs.provider.get_meter("app").create_counter("c").add(2)
    theirs.adopt().on_calls([ended_call(SEARCH)])
    for data in (reader.collect(), theirs.reader.get_metrics_data()):
        assert values_of(data, "c") == {(): 2}
        assert len(points_of(data, "gen_ai.execute_tool.duration")) == 1
    reader.close()
    assert reader.collect() is None
    assert values_of(theirs.reader.get_metrics_data(), "c") == {(): 2}
