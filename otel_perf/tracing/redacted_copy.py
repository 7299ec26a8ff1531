"""A bounded, redacted copy of any value, made only of what JSON knows.

No method of the value's own class is called and nothing is iterated but builtin containers: a generator is not
consumed, an object is told by its class, and a huge value costs what its bounded beginning costs.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from math import isfinite
from types import NoneType
from typing import Any, ClassVar, Final, Protocol, TypeAlias

__all__ = ["KEY_MARKER", "RedactedCopy", "TextRedactor", "class_of"]

KEY_MARKER: Final = "[REDACTED:key]"
"""Stands for a value whose name says that it is a secret."""

MAX_DEPTH: Final = 12
MAX_NAME: Final = 256
MAX_DECIMAL_BITS: Final = 332
"""Integers of up to 100 digits (332 bits) are told in full, longer ones by their size."""

CARD_DIGITS: Final = range(10**12, 10**19)

TEXT_MODULES: Final = frozenset(("datetime", "decimal", "fractions", "ipaddress", "pathlib", "uuid", "zoneinfo"))
"""Modules of the standard library whose objects are told by their text. Not imported here: they may not be needed."""

Fields: TypeAlias = Mapping[str, bool]
"""The fields of a class of records; false for one that its author keeps out of ``repr``, so out of here."""


class TextRedactor(Protocol):
    """What decides about texts and names."""

    def redact_text(self, text: str, limit: int, /) -> str:
        """The text without secrets, at most ``limit`` characters."""
        ...

    def denies(self, key: str, value: object, /) -> bool:
        """Whether a value under this name is a secret."""
        ...


class RedactedCopy:
    """One value on its way out, and what of its budget is left.

    Args:
        redactor: Decides about texts and names.
        characters: Characters of all texts that are kept.
        items: Members and elements that are kept, nested ones included.
    """

    __slots__ = ("_characters", "_items", "_path", "_redactor")

    def __init__(self, redactor: TextRedactor, characters: int, items: int) -> None:
        self._redactor = redactor
        self._characters = characters
        self._items = items
        self._path: set[int] = set()

    def copy(self, value: object) -> object:
        """The copy. The value's type decides what becomes of it, never what the value says of itself."""
        kind = type(value)
        for base, copying in self._COPYINGS:
            if issubclass(kind, base):
                return copying(self, value)
        if kind.__module__.partition(".")[0] in TEXT_MODULES:
            return self._text(str(value))
        fields = fields_of(kind)
        if fields is not None:
            return self._nested(value, lambda: self._record(value, fields))
        return f"<{class_of(kind)}>"

    # -- leaves ------------------------------------------------------------------------------------------------

    def _text(self, value: Any) -> str:
        text = self._redactor.redact_text(str.__str__(value), max(self._characters, 0))
        self._characters -= len(text)
        return text

    def _plain(self, value: Any) -> Any:
        return value

    def _float(self, value: Any) -> float | str:
        number = float.__float__(value)
        return number if isfinite(number) else float.__repr__(number)

    def _integer(self, value: Any) -> int | str:
        number = int.__int__(value)
        if abs(number) in CARD_DIGITS:
            digits = str(number)
            redacted = self._redactor.redact_text(digits, len(digits))
            return number if redacted == digits else redacted
        bits = number.bit_length()
        return number if bits <= MAX_DECIMAL_BITS else f"<int of {bits} bits>"

    def _bytes(self, value: Any) -> str:
        return f"<{type(value).__name__} of {len(value)}>"

    # -- containers --------------------------------------------------------------------------------------------

    def _nested(self, value: object, copying: Callable[[], object]) -> object:
        if id(value) in self._path:
            return "<cycle>"
        if len(self._path) >= MAX_DEPTH:
            return f"<nested deeper than {MAX_DEPTH}>"
        self._path.add(id(value))
        copied = copying()
        self._path.discard(id(value))
        return copied

    def _is_spent(self) -> bool:
        return self._items <= 0 or self._characters <= 0

    def _dict(self, value: Any) -> object:
        return self._nested(value, lambda: self._members(dict.items(value), dict.__len__(value)))

    def _members(self, pairs: Iterable[tuple[object, object]], count: int) -> dict[str, object]:
        """Copies of named values. The pairs are taken in one step, so that other threads may go on changing them."""
        copied: dict[str, object] = {}
        for key, member in list(islice(pairs, max(self._items, 0))):
            if self._is_spent():
                break
            self._items -= 1
            # A name is cut by what is left, like any text, but judged whole.
            name = self._text(key) if isinstance(key, str) else str(self.copy(key))
            is_secret = isinstance(key, str) and self._redactor.denies(str.__str__(key)[:MAX_NAME], member)
            copied[name] = KEY_MARKER if is_secret else self.copy(member)
        if len(copied) < count:
            copied["…"] = f"{count - len(copied)} more"
        return copied

    def _record(self, value: object, fields: Fields) -> dict[str, object]:
        """The fields of a dataclass and its like, read without the class's own ``__getattribute__``."""
        missing = object()
        pairs: list[tuple[object, object]] = []
        for name, shown in islice(fields.items(), max(self._items, 0)):
            member = _read(value, name, missing)
            if member is not missing:
                pairs.append((name, member if shown else KEY_MARKER))
        return self._members(pairs, len(pairs))

    def _sequence(self, value: Any) -> object:
        return self._nested(value, lambda: self._elements(value))

    def _elements(self, value: Any) -> list[object]:
        iterate, length = _SEQUENCES[next(base for base in _SEQUENCES if issubclass(type(value), base))]
        count = length(value)
        copied: list[object] = []
        previous: object = None
        for element in list(islice(iterate(value), max(self._items, 0))):
            if self._is_spent():
                break
            self._items -= 1
            copied.append(KEY_MARKER if self._is_named_by(previous, element, count) else self.copy(element))
            previous = element
        if len(copied) < count:
            copied.append(f"… {count - len(copied)} more")
        return copied

    def _is_named_by(self, previous: object, element: object, count: int) -> bool:
        """Whether the element before names this one as a secret: ``("Cookie", …)``, ``[…, "--password", …]``."""
        if type(previous) is not str or type(element) is not str:
            return False
        is_name = count == 2 or (previous.startswith("-") and "=" not in previous)  # noqa: PLR2004 - a pair
        return is_name and self._redactor.denies(previous[:MAX_NAME], element)

    def _tuple(self, value: Any) -> object:
        names = getattr(type(value), "_fields", None)
        if isinstance(names, tuple) and len(names) == tuple.__len__(value):
            pairs = zip(names, tuple.__iter__(value), strict=True)
            return self._nested(value, lambda: self._members(pairs, len(names)))
        return self._sequence(value)

    _COPYINGS: ClassVar[tuple[tuple[type | tuple[type, ...], Callable[["RedactedCopy", Any], object]], ...]] = (
        (str, _text),
        ((bool, NoneType), _plain),
        (int, _integer),
        (float, _float),
        (dict, _dict),
        (tuple, _tuple),
        ((list, set, frozenset, deque), _sequence),
        ((bytes, bytearray), _bytes),
    )


_SEQUENCES: Final[Mapping[type, tuple[Callable[[Any], Iterable[object]], Callable[[Any], int]]]] = {
    base: (base.__iter__, base.__len__) for base in (list, tuple, set, frozenset, deque)
}


def class_of(kind: type) -> str:
    """The class as a placeholder names it, builtins unqualified."""
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return name[:MAX_NAME]


def fields_of(kind: type) -> Fields | None:
    """Fields of a dataclass, a pydantic model, an attrs class or a msgspec struct; ``None`` for any other class."""
    for source in ("__dataclass_fields__", "__pydantic_fields__"):
        declared = getattr(kind, source, None)
        if isinstance(declared, dict):
            return {name: getattr(field, "repr", True) is not False for name, field in declared.items()}
    attributes = getattr(kind, "__attrs_attrs__", None)
    if isinstance(attributes, tuple):
        return {attribute.name: attribute.repr is not False for attribute in attributes}
    names = getattr(kind, "__struct_fields__", None)
    return dict.fromkeys(names, True) if isinstance(names, tuple) else None


def _read(value: object, name: str, missing: object) -> object:
    try:
        return object.__getattribute__(value, name)
    except AttributeError:
        return missing
