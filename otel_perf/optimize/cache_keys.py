"""Keys out of arguments: equal for equal arguments of equal types, and never for others."""

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Final

__all__ = ["KeylessError", "argument_key", "text_key"]

SIMPLE: Final = frozenset({str, int, float, bool, bytes, complex, type(None)})
SEQUENCES: Final = (list, tuple)
SETS: Final = (set, frozenset)


class KeylessError(TypeError):
    """An argument that no key can be made of."""


def argument_key(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable:
    """The key of a call. ``f(1)``, ``f(True)`` and ``f(1.0)`` have three, ``f(a=1, b=2)`` and ``f(b=2, a=1)`` one.

    Lists, mappings, sets, byte arrays, dataclasses and arrays (what has ``dtype``, ``shape`` and ``tobytes``) count by
    what they hold; every other object has to be hashable, and counts as its own equality says.

    Raises:
        KeylessError: An argument is none of these.
    """
    positional = tuple([_frozen(value) for value in args])
    if not kwargs:
        return positional
    return positional, tuple([(name, _frozen(kwargs[name])) for name in sorted(kwargs)])


def _frozen(value: Any) -> Hashable:
    kind = type(value)
    if kind is str or value is None:
        return value  # type: ignore[no-any-return]
    if kind in SIMPLE:
        return kind, value
    for matches, freeze in _FORMS:
        if matches(value):
            return kind, freeze(value)
    try:
        hash(value)
    except TypeError as error:
        raise KeylessError(f"no key can be made of a {kind.__qualname__}") from error
    return kind, value


def _frozen_all(values: Iterable[Any]) -> Hashable:
    return tuple([_frozen(value) for value in values])


def _frozen_set(values: Iterable[Any]) -> Hashable:
    return frozenset([_frozen(value) for value in values])


def _frozen_mapping(values: Mapping[Any, Any]) -> Hashable:
    return frozenset([(_frozen(key), _frozen(value)) for key, value in values.items()])


def _frozen_fields(value: Any) -> Hashable:
    return tuple([_frozen(getattr(value, field.name)) for field in dataclasses.fields(value)])


def _frozen_array(value: Any) -> Hashable:
    return str(value.dtype), tuple(value.shape), value.tobytes()


def _is_plain_dataclass(value: object) -> bool:
    """Compared field by field, and not hashable: a hashable one says itself what it equals."""
    return dataclasses.is_dataclass(value) and not isinstance(value, type) and type(value).__hash__ is None


def _is_array(value: object) -> bool:
    return not isinstance(value, type) and all(hasattr(value, name) for name in ("dtype", "shape", "tobytes"))


_FORMS: Final[tuple[tuple[Callable[[Any], bool], Callable[[Any], Hashable]], ...]] = (
    (lambda value: isinstance(value, SEQUENCES), _frozen_all),
    (lambda value: isinstance(value, Mapping), _frozen_mapping),
    (lambda value: isinstance(value, SETS), _frozen_set),
    (lambda value: isinstance(value, bytearray), bytes),
    (_is_plain_dataclass, _frozen_fields),
    (_is_array, _frozen_array),
)


def text_key(key: Hashable) -> str:
    """The same key as a text that another process makes too: what a cache with a file needs.

    Raises:
        KeylessError: It holds an object whose equality ends with the process.
    """
    if isinstance(key, frozenset):
        return "{" + ",".join(sorted(map(text_key, key))) + "}"
    if isinstance(key, tuple):
        return "(" + ",".join(map(text_key, key)) + ")"
    if isinstance(key, type):
        return f"{key.__module__}.{key.__qualname__}"
    if type(key) in SIMPLE:
        return repr(key)
    raise KeylessError(f"a {type(key).__qualname__} makes no key that outlives the process")
