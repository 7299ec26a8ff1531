"""Metric data as OTLP requests."""

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_perf.delivery.metric_encoder import count_points, encode
from tests.delivery.metric_data import counter, data_of, gauge, histogram, merged, number


def decoded(body: bytes) -> ExportMetricsServiceRequest:
    """What a backend reads."""
    request = ExportMetricsServiceRequest()
    request.ParseFromString(body)
    return request


def sums_in(body: bytes) -> dict[tuple[str, str], int]:
    """Integer counters by metric and label ``k``."""
    return {
        (metric.name, "".join(a.value.string_value for a in point.attributes if a.key == "k")): point.as_int
        for entry in decoded(body).resource_metrics
        for scope in entry.scope_metrics
        for metric in scope.metrics
        for point in metric.sum.data_points
    }


def test_sound_data_are_encoded_as_the_official_encoder_does() -> None:
    """Byte for byte, and every point is counted."""
    data = data_of(
        counter("c", number(1, {"k": "a"}), number(2, {"k": "ключ"}), unit="{x}", description="counts"),
        gauge("g", number(0.5)),
        histogram("h", [1, 2, 3], [0.1, 1.0], {"k": 5}, unit="s"),
    )
    encoded = encode(data)
    assert encoded.body == encode_metrics(data).SerializeToString()
    assert (encoded.points, encoded.dropped) == (4, 0)
    assert count_points(data) == 4


def test_nothing_gives_no_request() -> None:
    """There is no point in sending an empty one."""
    assert encode(data_of()) == (b"", 0, 0)
    assert encode(data_of(counter("empty"))) == (b"", 0, 0)


def test_a_counter_beyond_64_bits_costs_one_point(caplog: pytest.LogCaptureFixture) -> None:
    """The metric's other points and all other metrics arrive; it is told once, however often it is exported."""
    metrics = [counter(f"m{i}", number(i, {"k": "a"}), number(i + 100, {"k": "b"})) for i in range(9)]
    metrics[4] = counter("huge", number(1, {"k": "a"}), number(2**70, {"k": "b"}), number(3, {"k": "c"}))
    with caplog.at_level(logging.WARNING, "otel_perf"):
        encoded = encode(data_of(*metrics))
        encode(data_of(*metrics))
    assert (encoded.points, encoded.dropped) == (18, 1)
    found = sums_in(encoded.body)
    assert found["huge", "a"] == 1
    assert found["huge", "c"] == 3
    assert ("huge", "b") not in found
    assert len(found) == 18
    assert len([r for r in caplog.records if "huge" in r.getMessage()]) <= 1


def test_only_poison_gives_no_request() -> None:
    """Everything is counted, nothing is sent."""
    assert encode(data_of(counter("too.big", number(2**70), number(2**80)))) == (b"", 0, 2)


def test_equal_resources_and_scopes_are_put_together_not_over_each_other() -> None:
    """The public encoder keeps the last of equal entries; here all metrics arrive under one."""
    data = merged(
        data_of(counter("a", number(1))),
        data_of(counter("b", number(2)), resource=Resource({"service.name": "tested"})),
        data_of(counter("c", number(3)), scope=InstrumentationScope("other")),
    )
    request = decoded(encode(data).body)
    (entry,) = request.resource_metrics
    names = {scope.scope.name: [m.name for m in scope.metrics] for scope in entry.scope_metrics}
    assert names == {"app": ["a", "b"], "other": ["c"]}


@pytest.mark.parametrize("value", ["\ud800", 2**70, object(), b"\xff"])
def test_a_label_that_cannot_be_encoded_is_made_safe_not_dropped(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The encoder alone would leave the label out (two series would become one) and log a traceback each time."""
    resource = Resource({"service.name": "tested"}).merge(Resource({"bad": "\ud800"}))
    scope = InstrumentationScope("app", attributes={"bad": "\ud800"})
    encoded = encode(data_of(counter("c", number(1, {"k": value, "l\ud800": "x"})), resource=resource, scope=scope))
    assert (encoded.points, encoded.dropped) == (1, 0)
    (point,) = decoded(encoded.body).resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points
    assert point.as_int == 1
    assert len(point.attributes) == 2 or type(value) is object
    assert caplog.records == []


@given(st.lists(st.lists(st.one_of(st.integers(0, 9), st.just(2**70)), min_size=1, max_size=5), max_size=8))
def test_every_good_point_arrives_and_every_bad_one_is_counted(metrics: list[list[int]]) -> None:
    """Wherever the poison is."""
    data = data_of(
        *(
            counter(f"m{m}", *(number(value, {"k": str(p)}) for p, value in enumerate(values)))
            for m, values in enumerate(metrics)
        )
    )
    good = {
        (f"m{m}", str(p)): value for m, values in enumerate(metrics) for p, value in enumerate(values) if value < 2**63
    }
    encoded = encode(data)
    assert sums_in(encoded.body) == good
    assert encoded.points == len(good)
    assert encoded.points + encoded.dropped == count_points(data)
