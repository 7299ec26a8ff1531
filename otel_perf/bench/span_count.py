"""How many spans an OTLP request holds, without decoding them.

Field numbers: opentelemetry/proto/collector/trace/v1/trace_service.proto and trace/v1/trace.proto.
"""

from collections.abc import Iterator
from typing import Final

__all__ = ["count_spans"]

RESOURCE_SPANS: Final = 1
SCOPE_SPANS: Final = 2
SPANS: Final = 2

LENGTH_DELIMITED: Final = 2


def count_spans(request: bytes) -> int:
    """Spans in an ``ExportTraceServiceRequest``.

    Raises:
        ValueError: A field is of a kind that does not occur on the way to the spans.
        IndexError: The request is cut off.
    """
    spans = 0
    for resource in _fields(request, 0, len(request), RESOURCE_SPANS):
        for scope in _fields(request, *resource, SCOPE_SPANS):
            spans += sum(1 for _ in _fields(request, *scope, SPANS))
    return spans


def _fields(data: bytes, start: int, end: int, wanted: int) -> Iterator[tuple[int, int]]:
    """Where the fields of one number begin and end, in a message of length-delimited fields."""
    while start < end:
        tag, start = _varint(data, start)
        if tag & 7 != LENGTH_DELIMITED:
            raise ValueError(f"wire type {tag & 7} of field {tag >> 3}")
        size, start = _varint(data, start)
        if tag >> 3 == wanted:
            yield start, start + size
        start += size
    if start != end:
        raise IndexError("the request is cut off")


def _varint(data: bytes, start: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[start]
        start += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the bit that says "more follows"
            return value, start
        shift += 7
