"""How many bytes a value takes, roughly: the default of ``ResultCache(size_of=...)``."""

from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice
from sys import getsizeof
from typing import Any, Final

__all__ = ["estimate_bytes"]

OBJECTS: Final = 10_000
"""Objects that are looked at. Some 0.2 us each."""
CONTAINERS: Final = (list, tuple, set, frozenset, deque)


def estimate_bytes(value: Any) -> int:
    """Bytes of memory that ``value`` and what it holds take, by ``sys.getsizeof``; an estimate.

    Containers, mappings, instance dictionaries and slots are followed, an object that is met twice counts once, and
    a buffer (an array, a ``memoryview``) counts with all its bytes. Of a value with more than 10,000 parts that many
    are looked at, and the rest is taken to be as large on average. Small integers, interned texts and what other
    values share are counted as if they belonged to this value; what extension types hide from ``getsizeof`` is not
    seen.
    """
    seen: set[int] = set()
    waiting: deque[Any] = deque([value])
    total = looked_at = 0
    while waiting and looked_at < OBJECTS:
        part = waiting.popleft()
        if id(part) in seen:
            continue
        seen.add(id(part))
        looked_at += 1
        total += _own_bytes(part)
        waiting.extend(islice(_parts(part), OBJECTS * 10))
    if not waiting or not looked_at:
        return total
    return total + round(total / looked_at * len(waiting))


def _own_bytes(part: Any) -> int:
    size = getsizeof(part, 0)
    buffer = getattr(part, "nbytes", None)
    return max(size, buffer) if type(buffer) is int else size


def _parts(part: Any) -> Iterator[Any]:
    if isinstance(part, str | bytes | int | float | bytearray | memoryview):
        return
    if isinstance(part, Mapping):
        for key, value in part.items():
            yield key
            yield value
    elif isinstance(part, CONTAINERS):
        yield from part
    yield from getattr(part, "__dict__", {}).values() if not isinstance(part, type) else ()
    for kind in type(part).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(part, name):
                yield getattr(part, name)
