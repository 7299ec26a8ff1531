"""Attributes as OTLP ``KeyValue`` and ``AnyValue`` messages.

Field numbers: opentelemetry/proto/common/v1/common.proto.
"""

import struct
import sys
from collections.abc import Callable, Iterable, Mapping
from types import NoneType
from typing import Any, Final

from otel_perf.delivery.wire import UINT64_MAX, VARINTS, length_delimited, varint
from otel_perf.tracing.values import INT64_MAX, INT64_MIN, clean_text, clean_value

__all__ = ["encode_attributes", "encode_text"]

KEY: Final = 1
VALUE_TAG: Final = b"\x12"
STRING_TAG: Final = b"\x0a"
INT_TAG: Final = b"\x18"
DOUBLE_TAG: Final = 0x21
TRUE: Final = b"\x10\x01"
FALSE: Final = b"\x10\x00"
ARRAY: Final = 5
KEY_VALUE_LIST: Final = 6
BYTES: Final = 7
ELEMENT: Final = 1
MEMBER_TAG: Final = b"\x0a"

MAX_KEYS: Final = 4096
"""Keys whose wire form is kept; keys made of data must not grow the table for ever."""
MAX_KEY_LENGTH: Final = 100

_TABLE_SIZE: Final = len(VARINTS)
_pack_double: Final = struct.Struct("<Bd").pack
_keys: dict[str, bytes] = {}


def encode_text(text: str) -> bytes:
    """UTF-8; lone surrogates, which UTF-8 cannot carry, are replaced."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return clean_text(text, sys.maxsize).encode()


def encode_attributes(field_tag: bytes, attributes: Iterable[tuple[str, object]]) -> bytes:
    """Attributes as a repeated field of ``KeyValue``.

    Args:
        field_tag: Tag of the field that holds them.
        attributes: Pairs whose keys differ. Values are what ``tracing.values`` gives; others are cleaned on the way.
    """
    parts: list[bytes] = []
    for key, value in attributes:
        encoded = _ENCODERS.get(type(value), _encode_unusual)(value)
        size = len(encoded)
        member = (
            (_keys.get(key) or _encode_key(key))
            + VALUE_TAG
            + (VARINTS[size] if size < _TABLE_SIZE else varint(size))
            + encoded
        )
        size = len(member)
        parts += field_tag, VARINTS[size] if size < _TABLE_SIZE else varint(size), member
    return b"".join(parts)


def _encode_key(key: str) -> bytes:
    encoded = length_delimited(KEY, encode_text(key))
    if len(_keys) < MAX_KEYS and len(key) <= MAX_KEY_LENGTH:
        _keys[key] = encoded
    return encoded


def _encode_string(value: str) -> bytes:
    text = encode_text(value)
    size = len(text)
    return STRING_TAG + (VARINTS[size] if size < _TABLE_SIZE else varint(size)) + text


def _encode_bool(value: bool) -> bytes:  # noqa: FBT001 - one of a table of encoders
    return TRUE if value else FALSE


def _encode_int(value: int) -> bytes:
    if 0 <= value < _TABLE_SIZE:
        return INT_TAG + VARINTS[value]
    if INT64_MIN <= value <= INT64_MAX:
        # A negative number is written as its two's complement in 64 bits.
        return INT_TAG + varint(value & UINT64_MAX)
    return _encode_unusual(value)


def _encode_double(value: float) -> bytes:
    return _pack_double(DOUBLE_TAG, value)


def _encode_bytes(value: bytes) -> bytes:
    return length_delimited(BYTES, value)


def _encode_array(value: tuple[object, ...]) -> bytes:
    elements = [length_delimited(ELEMENT, _encode_any(element)) for element in value]
    return length_delimited(ARRAY, b"".join(elements))


def _encode_mapping(value: Mapping[str, object]) -> bytes:
    return length_delimited(KEY_VALUE_LIST, encode_attributes(MEMBER_TAG, value.items()))


def _encode_empty(value: None) -> bytes:  # noqa: ARG001 - one of a table of encoders
    return b""


def _encode_unusual(value: object) -> bytes:
    """A value that nobody has cleaned: a tool's or a resource's own attribute."""
    cleaned = clean_value(value, sys.maxsize)
    return _ENCODERS[type(cleaned)](cleaned)


def _encode_any(value: object) -> bytes:
    return _ENCODERS.get(type(value), _encode_unusual)(value)


_ENCODERS: Final[dict[type, Callable[[Any], bytes]]] = {
    str: _encode_string,
    bool: _encode_bool,
    int: _encode_int,
    float: _encode_double,
    bytes: _encode_bytes,
    tuple: _encode_array,
    dict: _encode_mapping,
    NoneType: _encode_empty,
}
