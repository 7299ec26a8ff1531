"""Attributes as OTLP ``KeyValue`` and ``AnyValue`` messages.

Field numbers: opentelemetry/proto/common/v1/common.proto.
"""

import struct
import sys
from collections.abc import Callable, Iterable, Mapping
from types import NoneType
from typing import Any, Final

from otel_perf.delivery.wire import TABLE_SIZE, UINT64_MAX, VARINTS, heads, length_delimited, varint
from otel_perf.tracing.values import INT64_MAX, INT64_MIN, clean_text, clean_value

__all__ = ["AttributeField", "encode_text"]

KEY: Final = 1
VALUE: Final = 2
VALUE_TAG: Final = b"\x12"

STRING: Final = 1
INT_TAG: Final = b"\x18"
DOUBLE_TAG: Final = 0x21
DOUBLE_SIZE: Final = 9
TRUE: Final = b"\x10\x01"
FALSE: Final = b"\x10\x00"
ARRAY: Final = 5
KEY_VALUE_LIST: Final = 6
BYTES: Final = 7
ELEMENT: Final = 1
"""Values in an array, pairs in a list of them."""

MAX_KEYS: Final = 4096
"""Keys whose wire form is kept; keys made of data must not grow the table for ever."""
MAX_KEY_LENGTH: Final = 100


def encode_text(text: str) -> bytes:
    """UTF-8; lone surrogates, which UTF-8 cannot carry, are replaced."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return clean_text(text, sys.maxsize).encode()


class AttributeField:
    """A repeated field of ``KeyValue`` messages."""

    def __init__(self, field: int) -> None:
        """Encode into the field of that number."""
        self._field = field
        self._heads = heads(field)

    def encode(self, attributes: Iterable[tuple[str, object]]) -> bytes:
        """Encode pairs whose keys differ. Values are what ``tracing.values`` gives; others are cleaned on the way."""
        parts: list[bytes] = []
        table = self._heads
        for key, value in attributes:
            try:
                member = _keys[key] + _FREQUENT[type(value)](value)
                parts.append(table[len(member)])
                parts.append(member)
            except LookupError:
                member = _encode_key(key) + length_delimited(VALUE, _encode_any(value))
                parts.append(length_delimited(self._field, member))
        return b"".join(parts)


_keys: dict[str, bytes] = {}
_pairs: Final = AttributeField(ELEMENT)


def _encode_key(key: str) -> bytes:
    encoded = length_delimited(KEY, encode_text(key))
    if len(_keys) < MAX_KEYS and len(key) <= MAX_KEY_LENGTH:
        _keys[key] = encoded
    return encoded


# -- values of any type, as AnyValue ---------------------------------------------------------------------------------


def _encode_any(value: object) -> bytes:
    return _ENCODERS.get(type(value), _encode_unusual)(value)


def _encode_string(value: str) -> bytes:
    return length_delimited(STRING, encode_text(value))


def _encode_bool(value: bool) -> bytes:  # noqa: FBT001 - one of a table of encoders
    return TRUE if value else FALSE


def _encode_int(value: int) -> bytes:
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
    return length_delimited(KEY_VALUE_LIST, _pairs.encode(value.items()))


def _encode_empty(value: None) -> bytes:  # noqa: ARG001 - one of a table of encoders
    return b""


def _encode_unusual(value: object) -> bytes:
    """A value that nobody has cleaned: a tool's or a resource's own attribute."""
    cleaned = clean_value(value, sys.maxsize)
    return _ENCODERS[type(cleaned)](cleaned)


_pack_double: Final = struct.Struct("<Bd").pack
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

# -- the frequent types once more, as the whole value field, which saves a third; LookupError when too long ------------

_STRING_HEADS: Final = tuple(
    VALUE_TAG + varint(1 + len(size) + length) + b"\x0a" + size for length, size in enumerate(VARINTS)
)
_INT_VALUES: Final = tuple(length_delimited(VALUE, INT_TAG + number) for number in VARINTS)
_BOOL_VALUES: Final = (length_delimited(VALUE, FALSE), length_delimited(VALUE, TRUE))
_pack_double_value: Final = struct.Struct("<BBBd").pack


def _frequent_string(value: str) -> bytes:
    try:
        text = value.encode()
    except UnicodeEncodeError:
        text = encode_text(value)
    return _STRING_HEADS[len(text)] + text


def _frequent_int(value: int) -> bytes:
    return _INT_VALUES[value] if 0 <= value < TABLE_SIZE else length_delimited(VALUE, _encode_int(value))


def _frequent_bool(value: bool) -> bytes:  # noqa: FBT001 - one of a table of encoders
    return _BOOL_VALUES[value]


def _frequent_double(value: float) -> bytes:
    return _pack_double_value(VALUE_TAG[0], DOUBLE_SIZE, DOUBLE_TAG, value)


_FREQUENT: Final[dict[type, Callable[[Any], bytes]]] = {
    str: _frequent_string,
    bool: _frequent_bool,
    int: _frequent_int,
    float: _frequent_double,
}
