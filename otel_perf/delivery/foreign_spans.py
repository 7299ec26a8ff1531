"""Spans of other libraries as OTLP, by the official encoder; a span that it cannot encode harms no other."""

from collections.abc import Sequence
from typing import Final

from google.protobuf.message import EncodeError
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan

from otel_perf.delivery.span_request import EncodedSpan, SpanGroup, frame
from otel_perf.delivery.wire import length_delimited

__all__ = ["encode_foreign"]

SPAN: Final = 2
"""A span in ``ScopeSpans``."""

UNENCODABLE: Final = (ArithmeticError, AttributeError, EncodeError, LookupError, RuntimeError, TypeError, ValueError)
"""What the official encoder raises for a span that it cannot encode: a lone surrogate in the name, a name that is no
text, a negative time, an event without a timestamp, a resource that cannot be hashed, …"""


def encode_foreign(spans: Sequence[ReadableSpan]) -> tuple[list[EncodedSpan], list[ReadableSpan]]:
    """Encode finished SDK spans, each on its own, so that requests can be put together from any of them.

    Args:
        spans: Finished spans, of any resources and scopes.

    Returns:
        The encoded spans, grouped by resource and scope; and the spans that cannot be encoded, found by halving.
    """
    if not spans:
        return [], []
    try:
        return _split(encode_spans(spans)), []
    except UNENCODABLE:
        if len(spans) == 1:
            return [], list(spans)
    middle = len(spans) // 2
    encoded, rejected = encode_foreign(spans[:middle])
    more_encoded, more_rejected = encode_foreign(spans[middle:])
    return encoded + more_encoded, rejected + more_rejected


def _split(request: ExportTraceServiceRequest) -> list[EncodedSpan]:
    encoded = []
    for resource_spans in request.resource_spans:
        resource_bytes = frame(resource_spans.resource.SerializeToString(), resource_spans.schema_url)
        for scope_spans in resource_spans.scope_spans:
            scope_bytes = frame(scope_spans.scope.SerializeToString(), scope_spans.schema_url)
            group = SpanGroup(resource_bytes, scope_bytes)
            for span in scope_spans.spans:
                body = length_delimited(SPAN, span.SerializeToString())
                encoded.append(EncodedSpan(group, body, int.from_bytes(span.trace_id, "big")))
    return encoded
