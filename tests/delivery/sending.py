"""What the tests of sending share: spans that are told apart by their names, destinations, short pauses."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_perf.config.destinations import Destination
from otel_perf.config.headers import Headers
from otel_perf.core import clock
from otel_perf.core.ledger import DestinationAccount, DestinationBalance
from otel_perf.delivery.answers import without_credentials
from otel_perf.delivery.backoff import Backoff
from otel_perf.delivery.destination import SpanDestination
from otel_perf.delivery.queues import QueueLimits
from otel_perf.delivery.sender_hooks import Hooks, SenderSettings
from otel_perf.delivery.span_request import EncodedSpan, SpanGroup
from otel_perf.delivery.transport import open_transport
from otel_perf.delivery.wire import length_delimited

_ids = itertools.count(1)
GROUP = SpanGroup(b"", b"")


def spans(count: int, name: str = "call", size: int = 0) -> list[EncodedSpan]:
    """New spans, each with an id of its own."""
    made = []
    for _ in range(count):
        identifier = next(_ids)
        span = Span(span_id=identifier.to_bytes(8, "big"), trace_id=b"\x01" * 16, name=name, trace_state="x" * size)
        made.append(EncodedSpan(GROUP, length_delimited(2, span.SerializeToString()), 1))
    return made


def metrics(points: int, value: int = 1) -> bytes:
    """One encoded snapshot with ``points`` data points."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    for _ in range(points):
        metric.sum.data_points.add(as_int=value)
    return request.SerializeToString()


def to(url: str, **changes: Any) -> Destination:
    """The destination at ``url``: HTTP for a URL, gRPC for ``host:port``."""
    plain = url.startswith("http")
    fields: dict[str, Any] = {
        "name": url.partition("?")[0],
        "signal": "traces",
        "url": f"{url}/v1/traces" if plain and url.count("/") == 2 else url,
        "protocol": "http/protobuf" if plain else "grpc",
        "headers": Headers(),
        "timeout_seconds": 10.0,
        "compression": "gzip",
        "certificate": None,
        "client_key": None,
        "client_certificate": None,
        "insecure": not url.startswith("https"),
    }
    return Destination(**(fields | changes))


def quick(**changes: Any) -> SenderSettings:
    """Settings with the pauses of a test."""
    fields: dict[str, Any] = {
        "timeout_seconds": 5.0,
        "interval_seconds": 0.02,
        "backoff": Backoff(first_seconds=0.02, longest_seconds=0.1),
        "limits": QueueLimits(),
    }
    return SenderSettings(**(fields | changes))


def within(seconds: float) -> int:
    """A deadline on the monotonic clock."""
    return clock.monotonic_ns() + int(seconds * 1e9)


@contextmanager
def sending_to(
    url: str,
    settings: SenderSettings | None = None,
    hooks: Hooks | None = None,
    proxy: str | None = None,
    **changes: Any,
) -> Iterator[SpanDestination]:
    """A span destination that is shut down at the end of the block, whatever happened."""
    transport = open_transport(to(url, **changes), proxy=proxy)
    destination = SpanDestination(without_credentials(url), transport, settings or quick(), hooks)
    try:
        yield destination
    finally:
        destination.shutdown(within(0))


def balanced(account: DestinationAccount) -> DestinationBalance:
    """The account's balance, which must be right."""
    balance = account.balance()
    assert balance.balanced, balance
    return balance


def settled(account: DestinationAccount) -> dict[str, int]:
    """What became of all items, without the zeros; nothing waits any more."""
    balance = balanced(account)
    assert balance.queued == balance.in_flight == 0, balance
    ends = {
        "exported": balance.exported,
        "uncertain": balance.uncertain,
        "spooled": balance.spooled,
        **{f"rejected {reason}": count for reason, count in balance.rejected.items()},
        **{f"dropped {reason}": count for reason, count in balance.dropped.items()},
    }
    return {end: count for end, count in ends.items() if count}
