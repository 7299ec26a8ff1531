"""An encoded request divided in two, when the whole of it does not get through."""

from typing import Any, Final, NamedTuple

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_perf.delivery.transport import Signal

__all__ = ["Half", "halve"]


class Half(NamedTuple):
    """One of the two.

    Attributes:
        body: The encoded request.
        items: Spans, metric points or log records in it.
    """

    body: bytes
    items: int


class _Levels(NamedTuple):
    """Strictly private: the request's class, and the names of its three levels of lists."""

    request: Any
    resources: str
    scopes: str
    leaves: str


LEVELS: Final[dict[Signal, _Levels]] = {
    "traces": _Levels(ExportTraceServiceRequest, "resource_spans", "scope_spans", "spans"),
    "metrics": _Levels(ExportMetricsServiceRequest, "resource_metrics", "scope_metrics", "metrics"),
    "logs": _Levels(ExportLogsServiceRequest, "resource_logs", "scope_logs", "log_records"),
}


def halve(signal: Signal, body: bytes) -> tuple[Half, Half] | None:
    """Two requests, in order; ``None`` for a single span, metric or record, and for bytes that are no request."""
    levels = LEVELS.get(signal)
    if levels is None:
        return None
    request = levels.request()
    try:
        request.ParseFromString(body)
    except DecodeError:
        return None
    count = sum(
        len(getattr(scope, levels.leaves))
        for resource in getattr(request, levels.resources)
        for scope in getattr(resource, levels.scopes)
    )
    middle = count // 2
    if middle == 0:
        return None
    return _part(levels, request, 0, middle), _part(levels, request, middle, count)


def _part(levels: _Levels, request: Any, first: int, end: int) -> Half:
    """The leaves from ``first`` up to ``end``, with the resources and scopes that they stand in."""
    part = levels.request()
    items = seen = 0
    for resource in getattr(request, levels.resources):
        target = None
        for scope in getattr(resource, levels.scopes):
            leaves = getattr(scope, levels.leaves)
            chosen = leaves[max(0, first - seen) : max(0, end - seen)]
            seen += len(leaves)
            if not chosen:
                continue
            target = target or _emptied(getattr(part, levels.resources).add(), resource, levels.scopes)
            getattr(_emptied(getattr(target, levels.scopes).add(), scope, levels.leaves), levels.leaves).extend(chosen)
            items += sum(map(_items, chosen))
    return Half(part.SerializeToString(), items)


def _emptied(target: Any, source: Any, field: str) -> Any:
    """A copy without the list ``field``."""
    target.CopyFrom(source)
    target.ClearField(field)
    return target


def _items(leaf: Any) -> int:
    """A span or a log record is one item, a metric as many as it has points."""
    if "data" not in leaf.DESCRIPTOR.oneofs_by_name:
        return 1
    data = leaf.WhichOneof("data")
    return 0 if data is None else len(getattr(leaf, data).data_points)
