"""Protobuf's wire format: variable-length integers, tags, length-delimited and fixed fields.

Source: https://protobuf.dev/programming-guides/encoding/
"""

import struct
from typing import Final

__all__ = [
    "FIXED32",
    "FIXED64",
    "LENGTH_DELIMITED",
    "TABLE_SIZE",
    "UINT32_MAX",
    "UINT64_MAX",
    "VARINT",
    "VARINTS",
    "fixed32_field",
    "fixed64_field",
    "heads",
    "length_delimited",
    "tag",
    "varint",
    "varint_field",
]

VARINT: Final = 0
FIXED64: Final = 1
LENGTH_DELIMITED: Final = 2
FIXED32: Final = 5

UINT32_MAX: Final = 2**32 - 1
UINT64_MAX: Final = 2**64 - 1

_LAST_GROUP: Final = 0x7F
_pack_fixed32: Final = struct.Struct("<I").pack
_pack_fixed64: Final = struct.Struct("<Q").pack


def _make_varint(number: int) -> bytes:
    groups = bytearray()
    while number > _LAST_GROUP:
        groups.append(number & _LAST_GROUP | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


TABLE_SIZE: Final = 1024
"""Lengths below are looked up: 40 KB of memory per table, for 60 ns less per length."""

VARINTS: Final = tuple(map(_make_varint, range(TABLE_SIZE)))
"""The first variable-length integers."""


def varint(number: int) -> bytes:
    """An unsigned integer of up to 64 bits, seven bits a byte, lowest first."""
    return VARINTS[number] if number < TABLE_SIZE else _make_varint(number)


def tag(field: int, wire_type: int) -> bytes:
    """What precedes a field's value."""
    return varint(field << 3 | wire_type)


def heads(field: int) -> tuple[bytes, ...]:
    """Tag and length of a length-delimited field, by length, for lengths below ``TABLE_SIZE``."""
    return tuple(tag(field, LENGTH_DELIMITED) + length for length in VARINTS)


def length_delimited(field: int, value: bytes) -> bytes:
    """A field that holds bytes, UTF-8 text or a message."""
    return tag(field, LENGTH_DELIMITED) + varint(len(value)) + value


def varint_field(field: int, number: int) -> bytes:
    """A field that holds an unsigned integer, a bool or an enum value."""
    return tag(field, VARINT) + varint(number)


def fixed32_field(field: int, number: int) -> bytes:
    """A field that holds four bytes; a number that does not fit becomes the nearest that does."""
    return tag(field, FIXED32) + _pack_fixed32(min(max(number, 0), UINT32_MAX))


def fixed64_field(field: int, number: int) -> bytes:
    """A field that holds eight bytes; a number that does not fit becomes the nearest that does."""
    return tag(field, FIXED64) + _pack_fixed64(min(max(number, 0), UINT64_MAX))
