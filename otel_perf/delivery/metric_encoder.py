"""Metric data as an OTLP request, by the SDK's public encoder; what cannot be encoded is found and left out.

The encoder fails as a whole for one bad value (a counter above 64 bits), silently drops a label that it cannot encode
(two series then look the same), and keeps only the last of two entries with the same resource or scope. None of this
loses anything here but the bad points themselves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeAlias

from google.protobuf.message import EncodeError
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics.export import Metric, MetricsData, ResourceMetrics, ScopeMetrics
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_perf.core.guard import logger
from otel_perf.tracing.values import INT64_MAX, INT64_MIN, clean_text, clean_value

__all__ = ["EncodedMetrics", "count_points", "encode"]

TOLD_LIMIT: Final = 64
VALUE_LENGTH: Final = 4096
"""Longest text of a label that had to be made safe, in characters."""
PLAIN: Final = frozenset((bool, float))

Item: TypeAlias = tuple[Resource, InstrumentationScope, Metric]


class EncodedMetrics(NamedTuple):
    """One request.

    Attributes:
        body: The encoded ``ExportMetricsServiceRequest``; empty when there is no point.
        points: Data points in it.
        dropped: Data points that cannot be encoded (``encode_error`` in the ledger).
    """

    body: bytes
    points: int
    dropped: int


def count_points(data: MetricsData) -> int:
    """Data points of all metrics."""
    return sum(_size(metric) for _, _, metric in _items(data))


def encode(data: MetricsData) -> EncodedMetrics:
    """Encode everything that can be encoded. Never raises for what the data hold."""
    items = [_cleaned(item) for item in _items(data) if _size(item[2])]
    if not items:
        return EncodedMetrics(b"", 0, 0)
    offered = sum(_size(metric) for _, _, metric in items)
    request, lost = _request(items), 0
    if request is None:
        request = ExportMetricsServiceRequest()
        lost = _encode_halves(items, request)
    return EncodedMetrics(request.SerializeToString() if lost < offered else b"", offered - lost, lost)


def _items(data: MetricsData) -> Iterable[Item]:
    for entry in data.resource_metrics:
        for scope in entry.scope_metrics:
            for metric in scope.metrics:
                yield entry.resource, scope.scope, metric


def _size(metric: Metric) -> int:
    return len(metric.data.data_points)


def _request(items: Sequence[Item]) -> ExportMetricsServiceRequest | None:
    """The request of these items; ``None`` when the encoder refuses."""
    grouped: dict[Resource, dict[InstrumentationScope, list[Metric]]] = {}
    for resource, scope, metric in items:
        grouped.setdefault(resource, {}).setdefault(scope, []).append(metric)
    data = MetricsData(
        [
            ResourceMetrics(
                resource,
                [ScopeMetrics(scope, metrics, scope.schema_url or "") for scope, metrics in scopes.items()],
                resource.schema_url,
            )
            for resource, scopes in grouped.items()
        ]
    )
    try:
        request: ExportMetricsServiceRequest = encode_metrics(data)
    except (ValueError, TypeError, OverflowError, EncodeError):
        return None
    except Exception as error:
        # The encoder wraps what a metric raises in an exception class that it does not export.
        if type(error).__module__.startswith("opentelemetry."):
            return None
        raise
    return request


# -- finding what is poisonous -----------------------------------------------------------------------------------


def _encode_halves(items: Sequence[Item], into: ExportMetricsServiceRequest) -> int:
    """Add to ``into`` what can be encoded; the number of points that cannot."""
    if not items:
        return 0
    request = _request(items)
    if request is not None:
        into.MergeFrom(request)
        return 0
    if len(items) > 1:
        middle = len(items) // 2
        return _encode_halves(items[:middle], into) + _encode_halves(items[middle:], into)
    return _encode_points(items[0], into)


def _encode_points(item: Item, into: ExportMetricsServiceRequest) -> int:
    """The same for the points of one metric."""
    resource, scope, metric = item
    points = list(metric.data.data_points)
    if len(points) == 1:
        _tell(metric.name)
        return 1
    middle = len(points) // 2
    halves = (points[:middle], points[middle:])
    return sum(_encode_halves([(resource, scope, _with_points(metric, half))], into) for half in halves)


# -- labels ------------------------------------------------------------------------------------------------------


def _cleaned(item: Item) -> Item:
    """The item with attributes that can be encoded; nothing is copied when they can, which is nearly always."""
    resource, scope, metric = item
    if not _is_clean(resource.attributes):
        resource = Resource(_clean(resource.attributes), resource.schema_url)
    if not _is_clean(scope.attributes):
        scope = InstrumentationScope(scope.name, scope.version, scope.schema_url, _clean(scope.attributes))
    if not all(_is_clean(point.attributes) for point in metric.data.data_points):
        points = [replace(point, attributes=_clean(point.attributes)) for point in metric.data.data_points]
        metric = _with_points(metric, points)
    return resource, scope, metric


def _is_clean(attributes: Any) -> bool:
    return all(
        type(name) is str and name.isascii() and (value.isascii() if type(value) is str else _is_plain(value))
        for name, value in (attributes or {}).items()
    )


def _is_plain(value: object) -> bool:
    return type(value) in PLAIN or (type(value) is int and INT64_MIN <= value <= INT64_MAX)


def _clean(attributes: Any) -> Any:
    return {
        name if name.isascii() else clean_text(name, len(name)): clean_value(value, VALUE_LENGTH)
        for name, value in attributes.items()
        if isinstance(name, str)
    }


def _with_points(metric: Metric, points: list[Any]) -> Metric:
    data: Any = metric.data
    return replace(metric, data=replace(data, data_points=points))


_told: Final[set[str]] = set()


def _tell(name: str) -> None:
    """One line per metric, for 64 metrics at most: the same one is bad at every export."""
    if name in _told or len(_told) >= TOLD_LIMIT:
        return
    _told.add(name)
    shown = name.encode("utf-8", "backslashreplace").decode()
    logger.warning("otel_perf: %s holds a value that OTLP cannot carry; it is left out and counted", shown)
