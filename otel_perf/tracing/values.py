"""Attribute values made safe at the door: what enters the queue can be encoded, and is bounded.

Values that the OpenTelemetry SDK accepts come out as the SDK would store them. Where the SDK would raise, lose the
value or keep 50 MB (lone surrogates, integers beyond 64 bits, cycles, depth, hostile objects), a safe value comes out.
Only ``Exception`` is caught: ``KeyboardInterrupt`` and its kind always pass.
"""

import sys
from collections import UserString
from collections.abc import Mapping, Sequence
from itertools import islice
from types import NoneType
from typing import Final, cast

from otel_perf.core.records import AttributeValue

__all__ = ["INT64_MAX", "INT64_MIN", "clean_attributes", "clean_text", "clean_value", "weight_of"]

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
MAX_DECIMAL_BITS: Final = 332
"""Integers of up to 100 digits (332 bits) are told in full, longer ones by their size."""
MAX_ELEMENTS: Final = 1000
"""Elements of one value, nested ones included. The rest is replaced by ``CUT``."""
MAX_CONTAINER_TEXT: Final = 32 * 1024
"""Characters and bytes of one sequence or mapping, keys and nested ones included; one long text may always stand."""
MAX_DEPTH: Final = 16
"""Sequences and mappings inside each other. Protobuf readers refuse messages nested 100 deep; a mapping takes three."""
MAX_KEY_LENGTH: Final = 1024
"""Characters of a key; the limit of values does not hold for keys."""
MAX_TYPE_NAME: Final = 100
SHORT_TEXT: Final = 256
"""Text up to this length belongs to a leaf call's own size."""

CUT: Final = "<cut>"
CYCLE: Final = "<cycle>"
TOO_DEEP: Final = f"<nested deeper than {MAX_DEPTH}>"

_LEAVES: Final = (str, bytes, int, float, NoneType)
_CONTAINERS: Final = (Sequence, Mapping)
_name_of = type.__dict__["__name__"].__get__
"""The real class name, also of a class whose metaclass has a ``__name__`` of its own."""


def clean_value(value: object, length_limit: int) -> "AttributeValue | None":
    """An immutable value that can be encoded, equal to what the SDK stores for values that the SDK can encode.

    Args:
        value: Anything.
        length_limit: Characters of a text and bytes of a byte string that are kept.

    Returns:
        The value. ``None`` for ``None``, and for objects that have no text of their own (the SDK stores ``None`` too).
        A new dict for a mapping, a tuple for a sequence.
    """
    kind = type(value)
    if kind is str:
        return clean_text(cast(str, value), length_limit)
    if kind is bool or kind is float:
        return cast("bool | float", value)
    if kind is int and INT64_MIN <= cast(int, value) <= INT64_MAX:
        return cast(int, value)
    return _Cleaner(length_limit).clean(value)


def clean_text(value: str, length_limit: int) -> str:
    """Text that UTF-8 can carry: cut, surrogate pairs joined, lone surrogates replaced by U+FFFD."""
    if len(value) > length_limit:
        value = value[:length_limit]
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


def clean_attributes(
    attributes: object, count_limit: int, length_limit: int
) -> tuple[dict[str, AttributeValue], int, int]:
    """Clean a whole mapping. Past ``count_limit`` new keys are dropped; those that came first stay.

    Args:
        attributes: A mapping, ``None``, or anything else (which counts as one dropped attribute).
        count_limit: Attributes that are kept.
        length_limit: Characters of a text that are kept.

    Returns:
        The attributes, the number of dropped ones, and the bytes that their values take beyond a leaf's own size.
    """
    cleaned: dict[str, AttributeValue] = {}
    heavy = 0
    pairs, size = _take_pairs(attributes, count_limit)
    for key, value in pairs:
        name = _key_text(key)
        if name and (name in cleaned or len(cleaned) < count_limit):
            # A None is kept as an empty value, as the SDK does.
            safe = cast(AttributeValue, clean_value(value, length_limit))
            heavy += weight_of(safe)
            cleaned[name] = safe
    return cleaned, max(size - len(cleaned), 0), heavy


def weight_of(value: "AttributeValue | None") -> int:
    """Bytes in memory that a cleaned value takes beyond a leaf call's own size; 0 for short values."""
    kind = type(value)
    if kind is str or kind is bytes:
        size = cast("str | bytes", value)
        return sys.getsizeof(size) if len(size) > SHORT_TEXT else 0
    if kind is tuple:
        elements = cast("tuple[AttributeValue | None, ...]", value)
        return sys.getsizeof(elements) + sum(map(_weight_inside, elements))
    if kind is dict:
        members = cast("dict[str, AttributeValue | None]", value)
        keys = sum(map(sys.getsizeof, members))
        return sys.getsizeof(members) + keys + sum(map(_weight_inside, members.values()))
    return 0


def _weight_inside(value: "AttributeValue | None") -> int:
    return weight_of(value) or sys.getsizeof(value)


def _take_pairs(attributes: object, count_limit: int) -> tuple[list[tuple[object, object]], int]:
    """The pairs worth looking at (twice the limit leaves room for keys that are no keys), and how many there are."""
    size = 1
    try:
        if not isinstance(attributes, Mapping):
            return [], size if attributes else 0
        size = len(attributes)
        return list(islice(attributes.items(), 2 * count_limit + 1)), size
    except Exception:  # noqa: BLE001 - somebody else's mapping; what it did not give is counted
        return [], size


def _has_text(kind: type) -> bool:
    """Whether ``str()`` of an instance says more than class and address (the SDK's own rule)."""
    return any(getattr(kind, name) is not getattr(object, name) for name in ("__str__", "__repr__"))


def _unprintable(value: object) -> str:
    return clean_text(f"<unprintable {_name_of(type(value))[:MAX_TYPE_NAME]}>", sys.maxsize)


def _key_text(key: object) -> str:
    """The text of a mapping's key; empty when it can be no key."""
    if type(key) is str:
        return clean_text(key, MAX_KEY_LENGTH)
    try:
        if not key:
            return ""
        if isinstance(key, str):
            return clean_text(str.__str__(key), MAX_KEY_LENGTH)
        return clean_text(str.__str__(str(key)), MAX_KEY_LENGTH) if _has_text(type(key)) else ""
    except Exception:  # noqa: BLE001 - somebody else's __str__ or __bool__; the placeholder says so
        return _unprintable(key)


class _Cleaner:
    """One value on its way in, and what of its budget is left."""

    __slots__ = ("_elements", "_length_limit", "_path", "_room")

    def __init__(self, length_limit: int) -> None:
        self._length_limit = length_limit
        self._elements = MAX_ELEMENTS + 1  # the value itself, and so many in it
        self._room = max(MAX_CONTAINER_TEXT, length_limit)
        self._path: list[int] = []

    def clean(self, value: object) -> "AttributeValue | None":
        """Clean one value or element; an object that raises becomes a placeholder, its neighbours stay."""
        self._elements -= 1
        depth = len(self._path)
        try:
            kind = type(value)
            if issubclass(kind, _LEAVES):
                return self._leaf(value)
            if issubclass(kind, _CONTAINERS) and not issubclass(kind, UserString):
                return self._container(cast("Sequence[object] | Mapping[object, object]", value))
            # str() of a subclass of str may give anything: only the exact text is trusted.
            return self._text(str.__str__(str(value))) if _has_text(kind) else None
        except Exception:  # noqa: BLE001 - somebody else's methods; the placeholder says so
            del self._path[depth:]
            return _unprintable(value)

    def _text(self, value: str) -> str:
        text = clean_text(value, self._length_limit)
        self._room -= len(text)
        return text

    def _leaf(self, value: object) -> "AttributeValue | None":
        """Plain values of the exact builtin types; methods that a subclass overrides are not called."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(str.__str__(value))
        if isinstance(value, bytes):
            kept = bytes.__getitem__(value, slice(self._length_limit))
            self._room -= len(kept)
            return bytes.__bytes__(kept)
        if isinstance(value, float):
            return float.__float__(value)
        return _integer(int.__int__(cast(int, value)))

    def _container(self, value: Sequence[object] | Mapping[object, object]) -> AttributeValue:
        if len(self._path) >= MAX_DEPTH:
            return TOO_DEEP
        if id(value) in self._path:
            return CYCLE
        self._path.append(id(value))
        cleaned = self._mapping(value) if isinstance(value, Mapping) else self._sequence(value)
        self._path.pop()
        return cleaned

    def _is_spent(self) -> bool:
        return self._elements <= 0 or self._room <= 0

    def _sequence(self, value: Sequence[object]) -> "tuple[AttributeValue | None, ...]":
        cleaned: list[AttributeValue | None] = []
        # Taken out in one step, so that another thread may go on changing the list.
        for element in list(islice(value, self._elements + 1)):
            if self._is_spent():
                cleaned.append(CUT)
                break
            cleaned.append(self.clean(element))
        return tuple(cleaned)

    def _mapping(self, value: Mapping[object, object]) -> "dict[str, AttributeValue | None]":
        cleaned: dict[str, AttributeValue | None] = {}
        for key, member in list(islice(value.items(), self._elements + 1)):
            if self._is_spent():
                cleaned[CUT] = True
                break
            name = _key_text(key)
            if name:
                self._room -= len(name)
                cleaned[name] = self.clean(member)
        return cleaned


def _integer(value: int) -> int | str:
    """The number, or its text when 64 bits do not hold it."""
    if INT64_MIN <= value <= INT64_MAX:
        return value
    bits = value.bit_length()
    return str(value) if bits <= MAX_DECIMAL_BITS else f"<int of {bits} bits>"
