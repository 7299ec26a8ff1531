"""The meter provider that is ours."""

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Observation, UpDownCounter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from otel_perf.meters.interval import Temporality
from otel_perf.meters.owned import OwnedMeterProvider
from tests.meters.calls import RESOURCE, points_of, values_of


@pytest.fixture
def provider() -> Iterator[OwnedMeterProvider]:
    """A provider that is shut down with the test."""
    provider = OwnedMeterProvider(RESOURCE)
    yield provider
    provider.shutdown()


def test_all_kinds_of_instruments_are_collected(provider: OwnedMeterProvider) -> None:
    """Each kind arrives with name, unit, description, attributes and the resource."""
    reader = provider.reader()
    meter = provider.get_meter("app", "1.2", "https://schema", {"scope": "attribute"})
    meter.create_counter("c", "{x}", "counts").add(2, {"k": "v"})
    meter.create_up_down_counter("u").add(-3)
    meter.create_histogram("h", explicit_bucket_boundaries_advisory=[1.0, 2.0]).record(1.5)
    meter.create_gauge("g").set(9)
    for kind in ("counter", "gauge", "up_down_counter"):
        getattr(meter, f"create_observable_{kind}")(f"o.{kind}", [lambda options: [Observation(5)]])
    data = reader.collect()
    assert data is not None
    assert values_of(data, "c") == {("v",): 2}
    assert values_of(data, "u") == {(): -3}
    assert list(points_of(data, "h")[0].bucket_counts) == [0, 1, 0]
    assert values_of(data, "g") == {(): 9}
    assert [values_of(data, f"o.{kind}")[()] for kind in ("counter", "gauge", "up_down_counter")] == [5, 5, 5]
    (entry,) = data.resource_metrics
    assert entry.resource.attributes["service.name"] == "tested"
    scope = entry.scope_metrics[0].scope
    assert (scope.name, scope.version, scope.schema_url) == ("app", "1.2", "https://schema")
    assert scope.attributes == {"scope": "attribute"}
    described = entry.scope_metrics[0].metrics[0]
    assert (described.name, described.unit, described.description) == ("c", "{x}", "counts")


def test_it_passes_for_an_sdk_provider(provider: OwnedMeterProvider) -> None:
    """Whoever looks for the SDK finds it, and instruments are those of the API."""
    assert isinstance(provider, MeterProvider)
    meter = provider.get_meter("app")
    assert isinstance(meter.create_counter("c"), Counter)
    assert isinstance(meter.create_up_down_counter("u"), UpDownCounter)
    histogram: Any = meter.create_histogram("h", unit="s")
    assert isinstance(histogram, Histogram)
    assert (histogram.name, histogram.unit) == ("h", "s")
    assert meter.create_counter("c") is meter.create_counter("c")
    assert provider.get_meter("app") is meter


@pytest.mark.parametrize("bad", ["1", None, object(), float("nan"), -1])
def test_recording_a_bad_value_never_raises(provider: OwnedMeterProvider, bad: Any) -> None:
    """What the SDK raises about stays here, and the good values are there."""
    reader = provider.reader()
    counter = provider.get_meter("app").create_counter("c")
    counter.add(bad)
    counter.add(1)
    assert values_of(reader.collect(), "c") == {(): 1}


def test_an_instrument_that_the_sdk_refuses_does_nothing(provider: OwnedMeterProvider) -> None:
    """A bad name gives an instrument that can be called."""
    meter = provider.get_meter("app")
    meter.create_counter("not a name!").add(1)
    meter.create_histogram("x" * 300).record(1)
    assert meter.create_observable_gauge("no!", [lambda options: []]) is not None


def test_a_provider_that_is_shut_down_gives_meters_that_do_nothing() -> None:
    """And a second shutdown is quiet."""
    provider = OwnedMeterProvider(RESOURCE)
    provider.shutdown()
    provider.shutdown()
    provider.get_meter("late").create_counter("c").add(1)


@pytest.mark.parametrize(
    ("preference", "counter", "observable"),
    [("cumulative", "CUMULATIVE", "CUMULATIVE"), ("delta", "DELTA", "DELTA"), ("lowmemory", "DELTA", "CUMULATIVE")],
)
def test_readers_have_the_temporality_they_prefer(
    provider: OwnedMeterProvider, preference: Temporality, counter: str, observable: str
) -> None:
    """Counters and observable counters as the specification says; up-down counters are always cumulative."""
    reader = provider.reader(preference)
    meter = provider.get_meter("app")
    meter.create_counter("c").add(1)
    meter.create_up_down_counter("u").add(1)
    meter.create_observable_counter("o", [lambda options: [Observation(1)]])
    data = reader.collect()
    assert data is not None
    found: dict[str, Any] = {m.name: m.data for s in data.resource_metrics[0].scope_metrics for m in s.metrics}
    assert found["c"].aggregation_temporality is AggregationTemporality[counter]
    assert found["o"].aggregation_temporality is AggregationTemporality[observable]
    assert found["u"].aggregation_temporality is AggregationTemporality.CUMULATIVE


def test_a_hanging_callback_never_blocks_the_application(provider: OwnedMeterProvider) -> None:
    """Collecting ends, and instruments are created meanwhile (the SDK alone: blocked for good)."""
    released = threading.Event()
    reader = provider.reader()
    meter = provider.get_meter("app")

    def hanging(options: CallbackOptions) -> list[Observation]:
        released.wait(60)
        return []

    meter.create_observable_gauge("hanging", [hanging])
    meter.create_observable_gauge("fine", [lambda options: [Observation(1)]])
    try:
        for number in range(5):
            begun = time.monotonic()
            assert values_of(reader.collect(), "fine") == {(): 1}
            meter.create_observable_gauge(f"new {number}".replace(" ", "."), [lambda options: []])
            assert time.monotonic() - begun < 1
        assert list(provider.callbacks.stale_seconds()) == ["hanging"]
    finally:
        released.set()


def test_a_closed_reader_reads_nothing_and_costs_nothing(provider: OwnedMeterProvider) -> None:
    """Another reader goes on."""
    first, second = provider.reader(), provider.reader()
    counter = provider.get_meter("app").create_counter("c")
    counter.add(1)
    first.close()
    first.close()
    assert first.collect() is None
    assert values_of(second.collect(), "c") == {(): 1}


def test_readers_that_the_application_adds_work_as_with_the_sdk(provider: OwnedMeterProvider) -> None:
    """They see everything, observable values too, and can be removed."""
    theirs = InMemoryMetricReader()
    provider.add_metric_reader(theirs)
    meter = provider.get_meter("app")
    meter.create_counter("c").add(3)
    meter.create_observable_gauge("o", [lambda options: [Observation(4)]])
    data = theirs.get_metrics_data()
    assert values_of(data, "c") == {(): 3}
    assert values_of(data, "o") == {(): 4}
    assert provider.force_flush()
    assert values_of(theirs.get_metrics_data(), "c") == {(): 3}
    provider.remove_metric_reader(theirs)
    assert theirs.get_metrics_data() is None


def test_after_a_fork_the_same_instruments_count_from_zero(provider: OwnedMeterProvider) -> None:
    """The parent's counts are exported by the parent; the objects that the application holds go on working."""
    reader = provider.reader()
    meter = provider.get_meter("app", "1")
    counter, histogram = meter.create_counter("c"), meter.create_histogram("h")
    meter.create_observable_gauge("o", [lambda options: [Observation(8)]])
    counter.add(100)
    histogram.record(1)
    reader.collect()
    provider.rest()
    provider.after_fork_in_child(Resource({"service.instance.id": "child"}))
    counter.add(5)
    data = reader.collect()
    assert values_of(data, "c") == {(): 5}
    assert points_of(data, "h") == []
    assert values_of(data, "o") == {(): 8}
    assert data is not None
    assert data.resource_metrics[0].resource.attributes["service.instance.id"] == "child"
    assert meter.create_counter("c") is counter


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_real_fork_while_a_callback_hangs_does_not_stop_the_child(provider: OwnedMeterProvider) -> None:
    """The child collects its own counts although a thread of the parent held the runner."""
    released = threading.Event()
    reader = provider.reader()
    meter = provider.get_meter("app")
    counter = meter.create_counter("c")
    parent = os.getpid()

    def hanging(options: CallbackOptions) -> list[Observation]:
        if os.getpid() == parent:
            released.wait(60)
        return [Observation(1)]

    meter.create_observable_gauge("o", [hanging])
    counter.add(100)
    reader.collect()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            provider.after_fork_in_child(RESOURCE)
            counter.add(7)
            data = reader.collect()
            status = 0 if values_of(data, "c") == {(): 7} and values_of(data, "o") == {(): 1} else 2
        finally:
            os._exit(status)
    try:
        _, waited = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(waited) == 0
    finally:
        released.set()
