"""OTLP/JSON, as the collector's file exporter writes it, as plain dicts."""

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any

CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "intValue": int,
    "doubleValue": float,
    "bytesValue": base64.b64decode,
    "arrayValue": lambda content: [value(item) for item in content.get("values", [])],
    "kvlistValue": lambda content: attributes(content.get("values", [])),
}


def value(any_value: Mapping[str, Any]) -> Any:
    """The Python value of an ``AnyValue``: 64-bit integers are strings in OTLP/JSON, bytes are base64."""
    if not any_value:
        return None
    ((kind, content),) = any_value.items()
    return CONVERSIONS[kind](content) if kind in CONVERSIONS else content


def attributes(pairs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A list of ``KeyValue`` as one dict."""
    return {pair["key"]: value(pair.get("value", {})) for pair in pairs}


def spans(requests: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every span of the requests, with its own fields as OTLP/JSON has them.

    Except that

    * ``attributes`` (of the span, its events and links) are plain dicts,
    * ``startTimeUnixNano`` and ``endTimeUnixNano`` (and ``timeUnixNano`` of events) are integers,
    * ``parentSpanId`` is there, empty for a root,
    * ``resource`` and ``scope`` are the attributes of the resource and the scope's name, version, attributes.
    """
    return [
        span_of(span, resource_spans.get("resource", {}), scope_spans.get("scope", {}))
        for request in requests
        for resource_spans in request.get("resourceSpans", [])
        for scope_spans in resource_spans.get("scopeSpans", [])
        for span in scope_spans.get("spans", [])
    ]


def span_of(span: Mapping[str, Any], resource: Mapping[str, Any], scope: Mapping[str, Any]) -> dict[str, Any]:
    """One span, as ``spans`` describes it."""
    return {
        **span,
        "parentSpanId": span.get("parentSpanId", ""),
        "startTimeUnixNano": int(span["startTimeUnixNano"]),
        "endTimeUnixNano": int(span["endTimeUnixNano"]),
        "attributes": attributes(span.get("attributes", [])),
        "events": [
            {**event, "timeUnixNano": int(event["timeUnixNano"]), "attributes": attributes(event.get("attributes", []))}
            for event in span.get("events", [])
        ],
        "links": [{**link, "attributes": attributes(link.get("attributes", []))} for link in span.get("links", [])],
        "status": span.get("status", {}),
        "resource": attributes(resource.get("attributes", [])),
        "scope": {**scope, "attributes": attributes(scope.get("attributes", []))},
    }


def metrics(requests: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Every metric of the requests by name, one entry per request that held it, oldest first.

    An entry is the metric as OTLP/JSON has it, with ``resource`` (attributes) and ``scope`` added, and with
    ``points``: the data points of whatever kind it is, their ``attributes`` as plain dicts.
    """
    entries = [
        {**metric, "points": points(metric), "resource": resource_of(resource_metrics), "scope": scope_metrics["scope"]}
        for request in requests
        for resource_metrics in request.get("resourceMetrics", [])
        for scope_metrics in resource_metrics.get("scopeMetrics", [])
        for metric in scope_metrics.get("metrics", [])
    ]
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        found.setdefault(entry["name"], []).append(entry)
    return found


def resource_of(group: Mapping[str, Any]) -> dict[str, Any]:
    """The resource attributes of a ``ResourceMetrics``."""
    return attributes(group.get("resource", {}).get("attributes", []))


def points(metric: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The data points of a sum, gauge, histogram, exponential histogram or summary."""
    data: Mapping[str, Any] = next((content for content in metric.values() if isinstance(content, Mapping)), {})
    return [{**point, "attributes": attributes(point.get("attributes", []))} for point in data.get("dataPoints", [])]
