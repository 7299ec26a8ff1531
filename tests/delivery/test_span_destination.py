"""Spans arrive, over both protocols, and every one is on the account."""

from collections.abc import Iterator

import pytest

from otel_perf.core.guard import guard
from tests.delivery.sending import sending_to, settled, spans, within
from tests.sinks.grpc_sink import grpc_sink
from tests.sinks.http_sink import http_sink
from tests.sinks.received import Received


@pytest.fixture(params=["http", "grpc"])
def sink(request: pytest.FixtureRequest) -> Iterator[Received]:
    """A healthy receiver of each protocol."""
    with http_sink() if request.param == "http" else grpc_sink() as made:
        yield made


def test_every_span_arrives_once(sink: Received) -> None:
    """1,000 spans in 63 offers: all are received, none twice, none waits."""
    errors = guard.total()
    with sending_to(sink.url) as destination:
        for _ in range(100):
            destination.offer(spans(10))
        assert destination.flush(within(10))
        assert settled(destination.account) == {"exported": 1000}
    assert (sink.spans, sink.doubled) == (1000, 0)
    assert guard.total() == errors
