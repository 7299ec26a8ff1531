"""The sink's count of spans."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_perf.bench.span_count import count_spans


@given(st.lists(st.lists(st.lists(st.text(max_size=300), max_size=4), max_size=3), max_size=3))
def test_the_count_is_that_of_the_official_classes(resources: list[list[list[str]]]) -> None:
    """Any number of resources, scopes and spans, of any size, with fields beside them, is counted right."""
    request = ExportTraceServiceRequest()
    for scopes in resources:
        resource = request.resource_spans.add(schema_url="https://example.invalid")
        resource.resource.attributes.add(key="service.name").value.string_value = "x" * 200
        for names in scopes:
            scope = resource.scope_spans.add(schema_url="s")
            scope.scope.name = "scope"
            for name in names:
                scope.spans.add(name=name, start_time_unix_nano=1, flags=257)

    assert count_spans(request.SerializeToString()) == sum(len(names) for scopes in resources for names in scopes)


def test_a_request_that_is_cut_off_is_refused() -> None:
    """A count of half a request would hide a loss."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(name="one")

    with pytest.raises(IndexError):
        count_spans(request.SerializeToString()[:-1])


def test_what_is_no_request_is_refused() -> None:
    """A field of another kind on the way to the spans is not skipped in silence."""
    with pytest.raises(ValueError, match="wire type 0"):
        count_spans(b"\x08\x01")
