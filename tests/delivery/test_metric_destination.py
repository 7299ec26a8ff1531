"""Metric snapshots: the newest counts, and the account knows of no point twice."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from otel_perf.delivery.destination import MetricDestination
from otel_perf.delivery.transport import open_transport
from tests.delivery.sending import balanced, metrics, quick, settled, to, within
from tests.sinks.grpc_sink import grpc_sink
from tests.sinks.http_sink import http_sink
from tests.sinks.received import Behaviour, Received


@contextmanager
def measuring(url: str) -> Iterator[MetricDestination]:
    """A destination for metrics that is shut down at the end of the block."""
    address = f"{url}/v1/metrics" if url.startswith("http") else url
    destination = MetricDestination(url, open_transport(to(address, signal="metrics")), quick())
    try:
        yield destination
    finally:
        destination.shutdown(within(0))


def values(sink: Received) -> list[int]:
    """The value of the first point of each request received."""
    return [
        request.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0].as_int for request in sink.metrics
    ]


@pytest.mark.parametrize("serving", [http_sink, grpc_sink])
def test_a_snapshot_is_sent_at_once(serving: type) -> None:
    """No waiting for a batch."""
    with serving() as sink, measuring(sink.url) as destination:
        destination.offer(metrics(4, 7), 4)
        assert sink.wait_until(lambda: len(sink.metrics) == 1)
        assert destination.flush(within(10))
        assert values(sink) == [7]
        assert settled(destination.account) == {"exported": 4}


def test_after_an_outage_only_the_newest_snapshot_is_sent() -> None:
    """Five snapshots during an outage, one of them in hand: the last arrives, the others leave the account."""
    with http_sink() as sink, measuring(sink.url) as destination:
        sink.behave(status=503)
        destination.offer(metrics(4, 1), 4)
        assert sink.wait_until(lambda: len(sink.requests) >= 1)
        for value in (2, 3, 4, 5):
            destination.offer(metrics(4 + value, value), 4 + value)
            balanced(destination.account)
        sink.behave()
        assert destination.flush(within(10))
        assert values(sink) == [5]
        balance = balanced(destination.account)
        assert (balance.accepted, balance.exported, balance.lost) == (9, 9, 0)


def test_a_refused_snapshot_is_rejected_and_the_next_one_sent() -> None:
    """Its points are lost for that moment only; the next snapshot has the totals."""
    with http_sink() as sink, measuring(sink.url) as destination:
        sink.then(Behaviour(status=400), Behaviour(status=413))
        for value in (1, 2, 3):
            destination.offer(metrics(2, value), 2)
            destination.flush(within(10))
        assert values(sink) == [3]
        assert settled(destination.account) == {"exported": 2, "rejected http_4xx": 2, "rejected too_large": 2}


def test_partial_success_of_metrics_is_rejected() -> None:
    """Points that were not taken are not exported."""
    with http_sink() as sink, measuring(sink.url) as destination:
        sink.behave(rejected_items=1)
        destination.offer(metrics(5), 5)
        assert not destination.flush(within(10))
        assert settled(destination.account) == {"exported": 4, "rejected partial_success": 1}


def test_a_snapshot_that_cannot_be_delivered_is_dropped_at_the_end() -> None:
    """The account says so."""
    with http_sink() as sink, measuring(sink.url) as destination:
        sink.behave(status=503)
        destination.offer(metrics(5), 5)
        assert not destination.shutdown(within(0.3))
        assert settled(destination.account) == {"dropped shutdown_timeout": 5}
