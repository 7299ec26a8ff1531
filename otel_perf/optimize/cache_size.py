"""How many bytes a value takes, roughly: the default of ``ResultCache(size_of=...)``."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from sys import getsizeof
from typing import Any, Final

__all__ = ["estimate_bytes"]

OBJECTS: Final = 10_000
"""Objects that are looked at on each level. Some 0.5 us each."""
DEPTH: Final = 50
LEAVES: Final = (str, bytes, bytearray, memoryview, int, float, complex, type(None), type)
NO_PARTS: Final = ("__dict__", "__weakref__")
CONTAINERS: Final = (list, tuple, set, frozenset, deque)


def estimate_bytes(value: Any) -> int:
    """Bytes of memory that ``value`` and what it holds take, by ``sys.getsizeof``; an estimate.

    Containers, mappings, instance dictionaries and slots are followed, 50 levels deep; an object that is met twice
    counts once, and a buffer (an array, a ``memoryview``) counts with all its bytes. Of what has more than 10,000 parts
    that many are looked at, evenly spread, and the others are taken to be as large on average. What other values
    share, as small integers and interned texts, counts as if it belonged to this value; what extension types hide
    from ``getsizeof`` is not seen.
    """
    return round(_estimate(value, OBJECTS, DEPTH, set()))


def _estimate(value: Any, budget: int, depth: int, seen: set[int]) -> float:
    if id(value) in seen:
        return 0
    seen.add(id(value))
    total: float = _own_bytes(value)
    if isinstance(value, LEAVES) or depth == 0:
        return total
    for size, parts in _parts(value):
        looked_at = min(size, budget)
        if looked_at:
            sample = islice(parts, 0, None, -(-size // looked_at))
            found = [_estimate(part, budget // looked_at or 1, depth - 1, seen) for part in sample]
            total += sum(found) * size / len(found) if found else 0
    return total


def _own_bytes(part: Any) -> int:
    size = getsizeof(part, 0)
    buffer = getattr(part, "nbytes", None)
    return max(size, buffer) if type(buffer) is int else size


def _parts(value: Any) -> Iterator[tuple[int, Iterable[Any]]]:
    """What a value holds, by kind of holding, and how much it is."""
    if isinstance(value, Mapping):
        yield 2 * len(value), chain.from_iterable(zip(value.keys(), value.values(), strict=False))
    elif isinstance(value, CONTAINERS):
        yield len(value), value
    held = list(getattr(value, "__dict__", {}).values())
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        names = (slots,) if isinstance(slots, str) else slots
        held.extend(getattr(value, name) for name in names if name not in NO_PARTS and hasattr(value, name))
    yield len(held), held
