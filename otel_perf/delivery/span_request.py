"""Encoded spans put together to one OTLP request, grouped by resource and scope.

Field numbers: opentelemetry/proto/trace/v1/trace.proto, resource/v1/resource.proto and common/v1/common.proto.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.sdk.resources import Resource

from otel_perf.delivery.attribute_encoder import AttributeField, encode_text
from otel_perf.delivery.wire import length_delimited

__all__ = ["EncodedSpan", "SpanGroup", "build_request", "encode_resource", "encode_scope", "frame"]

RESOURCE_SPANS: Final = 1
SCOPE_SPANS: Final = 2

DESCRIPTION: Final = 1
"""The resource in ``ResourceSpans``, and the scope in ``ScopeSpans``."""
SCHEMA_URL: Final = 3
"""In both of them."""

SCOPE_NAME: Final = 1
SCOPE_VERSION: Final = 2
_resource_attributes: Final = AttributeField(1)
_scope_attributes: Final = AttributeField(3)


@dataclass(frozen=True, slots=True)
class SpanGroup:
    """What spans that stand together in a request share.

    Attributes:
        resource_bytes: All of a ``ResourceSpans`` message but its scopes, as ``encode_resource`` gives it.
        scope_bytes: All of a ``ScopeSpans`` message but its spans, as ``encode_scope`` gives it.
    """

    resource_bytes: bytes
    scope_bytes: bytes


class EncodedSpan:
    """One span, ready to be sent.

    Attributes:
        group: Its resource and scope.
        body: The span as a field of ``ScopeSpans``: tag, length, message.
        trace_id: Its trace, for sampling whole traces.
        size: Bytes that it takes in a request.
    """

    __slots__ = ("body", "group", "size", "trace_id")

    def __init__(self, group: SpanGroup, body: bytes, trace_id: int) -> None:
        """Keep all; the size is that of ``body``."""
        self.group = group
        self.body = body
        self.trace_id = trace_id
        self.size = len(body)


def build_request(spans: Sequence[EncodedSpan]) -> bytes:
    """An ``ExportTraceServiceRequest``: resources, scopes and spans in the order of their first appearance."""
    resources: dict[bytes, dict[bytes, list[bytes]]] = {}
    for span in spans:
        scopes = resources.setdefault(span.group.resource_bytes, {})
        scopes.setdefault(span.group.scope_bytes, []).append(span.body)
    return b"".join(
        length_delimited(RESOURCE_SPANS, resource_bytes + _join_scopes(scopes))
        for resource_bytes, scopes in resources.items()
    )


def _join_scopes(scopes: Mapping[bytes, Sequence[bytes]]) -> bytes:
    return b"".join(
        length_delimited(SCOPE_SPANS, scope_bytes + b"".join(bodies)) for scope_bytes, bodies in scopes.items()
    )


def encode_resource(resource: Resource) -> bytes:
    """A resource and its schema as the fields of ``ResourceSpans`` that hold them."""
    return frame(_resource_attributes.encode(resource.attributes.items()), resource.schema_url)


def encode_scope(
    name: str,
    version: str | None = None,
    schema_url: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> bytes:
    """An instrumentation scope and its schema as the fields of ``ScopeSpans`` that hold them."""
    scope = length_delimited(SCOPE_NAME, encode_text(name)) if name else b""
    if version:
        scope += length_delimited(SCOPE_VERSION, encode_text(version))
    scope += _scope_attributes.encode((attributes or {}).items())
    return frame(scope, schema_url)


def frame(description: bytes, schema_url: str | None) -> bytes:
    """An encoded resource or scope, and its schema, as the fields that hold them."""
    schema = length_delimited(SCHEMA_URL, encode_text(schema_url)) if schema_url else b""
    return length_delimited(DESCRIPTION, description) + schema
