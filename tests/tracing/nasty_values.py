"""Values that break the SDK, lose data there, or are no attribute values at all."""

import asyncio
import threading
from collections import UserString, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum, IntEnum
from typing import Any


class Hostile:
    """Every method that might be called on a value raises."""

    def _refuse(self, *_: object) -> Any:
        raise RuntimeError("no")

    __str__ = __repr__ = __len__ = __iter__ = __eq__ = __bool__ = __int__ = __float__ = __index__ = _refuse
    __getitem__ = __contains__ = __format__ = __getattr__ = _refuse
    __hash__ = _refuse


class HostileSequence(Hostile, Sequence):
    """A sequence only by name."""


class HostileMapping(Hostile, Mapping):
    """A mapping only by name."""


class HostileClass(type):
    """A class that does not even tell its name."""

    @property
    def __name__(cls) -> str:
        raise RuntimeError("no")


class Nameless(metaclass=HostileClass):
    """An instance of such a class."""

    def __str__(self) -> str:
        raise RuntimeError("no")


class LyingText(str):
    """A text whose methods say something else."""

    __slots__ = ()

    def __str__(self) -> str:
        return "a lie"

    def encode(self, *_: object) -> bytes:
        raise RuntimeError("no")

    def __len__(self) -> int:
        raise RuntimeError("no")


class LyingNumber(int):
    """A number whose methods raise."""

    def __and__(self, other: object) -> int:
        raise RuntimeError("no")

    __index__ = __int__ = __lt__ = __le__ = __gt__ = __ge__ = __and__


class EndlessSequence(Sequence):
    """A sequence whose end never comes."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: Any) -> Any:
        return 7


class NotText:
    """An object whose ``__str__`` gives no text."""

    def __str__(self) -> Any:
        return 5  # noqa: PLE0307 - on purpose


class LyingObject:
    """An object whose ``__str__`` gives a text that lies."""

    def __str__(self) -> str:
        return LyingText("true text")


class Colour(Enum):
    """An enumeration."""

    RED = 1


class Size(IntEnum):
    """Numbers with names."""

    LARGE = 3


class Word(str, Enum):  # noqa: UP042 - older code has many of them
    """Texts with names."""

    YES = "yes"


async def coroutine_function() -> None:
    """Never run."""


def closed_coroutine() -> Any:
    """A coroutine that nobody needs to await any more."""
    coroutine = coroutine_function()
    coroutine.close()
    return coroutine


def generator() -> Iterator[int]:
    """Nobody may consume it."""
    yield 1


def cyclic_list() -> list[Any]:
    """A list that holds itself twice: each level would double it."""
    made: list[Any] = [1]
    made += made, made
    return made


def cyclic_mapping() -> dict[str, Any]:
    """A mapping that holds itself."""
    made: dict[str, Any] = {"a": 1}
    made["self"] = made
    return made


def deep(levels: int) -> list[Any]:
    """Lists inside each other."""
    made: list[Any] = []
    for _ in range(levels):
        made = [made]
    return made


NASTY: dict[str, Callable[[], Any]] = {
    "lone surrogate": lambda: "a\ud800b",
    "surrogate pair": lambda: "\ud83d\ude00",
    "int beyond 64 bits": lambda: 2**63,
    "negative int beyond 64 bits": lambda: -(2**63) - 1,
    "huge int": lambda: 10**400,
    "int too long for str": lambda: 10**5000,
    "not a number": lambda: float("nan"),
    "infinite": lambda: float("-inf"),
    "50 MB of text": lambda: "x" * 50_000_000,
    "50 MB of bytes": lambda: b"x" * 50_000_000,
    "a million elements": lambda: list(range(1_000_000)),
    "a million members": lambda: dict.fromkeys(map(str, range(100_000)), 1),
    "range": lambda: range(10**12),
    "cyclic list": cyclic_list,
    "cyclic mapping": cyclic_mapping,
    "2,000 deep": lambda: deep(2000),
    "wide and deep": lambda: [[["x" * 100] * 500] * 500] * 500,
    "hostile": Hostile,
    "hostile sequence": HostileSequence,
    "hostile mapping": HostileMapping,
    "hostile element": lambda: [1, Hostile(), 2],
    "hostile member": lambda: {"a": Hostile(), "b": 1},
    "class without a name": Nameless,
    "lying text": lambda: LyingText("truth"),
    "lying number": lambda: LyingNumber(5),
    "endless sequence": EndlessSequence,
    "str gives no text": NotText,
    "str gives a lying text": LyingObject,
    "plain object": object,
    "a class": lambda: Hostile,
    "generator": generator,
    "coroutine": closed_coroutine,
    "lock": threading.Lock,
    "event loop policy": lambda: asyncio.Queue,
    "set": lambda: {1},
    "set of huge ints": lambda: {10**5000},
    "surrogate key": lambda: {"\udfff": "\udfff"},
    "keys that are no text": lambda: {1: "a", None: "b", (): "c", (1, 2): "d", "": "e", object(): "f"},
    "bytearray": lambda: bytearray(b"ab"),
    "memoryview": lambda: memoryview(b"ab"),
    "deque": lambda: deque([1, 2]),
    "user string": lambda: UserString("text"),
    "enum": lambda: Colour.RED,
    "int enum": lambda: Size.LARGE,
    "str enum": lambda: Word.YES,
    "exception": lambda: ValueError("bad \ud800"),
    "none": lambda: None,
    "nothing in particular": lambda: NotImplemented,
    "ellipsis": lambda: ...,
    "complex": lambda: 1j,
    "function": lambda: deep,
    "module": lambda: threading,
}
"""How to make each of them, by a name for the test report."""
