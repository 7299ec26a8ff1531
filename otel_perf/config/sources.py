"""Where a value came from, and the one line that is said about a refused one."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["RANKS", "Kind", "Problem", "Source", "printable", "shown"]

Kind = Literal["argument", "environment", "file", "preset", "default"]

RANKS: tuple[Kind, ...] = ("argument", "environment", "file", "preset", "default")
"""Strongest first."""

SHOWN_CHARACTERS = 100
"""Of a refused text; enough to recognise it, too few to flood a log."""


@dataclass(frozen=True, slots=True)
class Source:
    """The origin of one value.

    Attributes:
        kind: Which of the five origins.
        detail: The variable's name, ``file:line``, or the preset's name; empty for the other two.
    """

    kind: Kind
    detail: str = ""

    def __str__(self) -> str:
        """As it is shown to people: the detail says the kind, but for a preset."""
        if self.kind == "preset":
            return f"preset {self.detail}"
        return self.detail or self.kind


@dataclass(frozen=True, slots=True)
class Problem:
    """A value that was refused.

    Attributes:
        where: What was given and where, for example ``OTEL_BSP_MAX_QUEUE_SIZE="-1"``. Never a secret.
        rule: What is wrong, or what it must be.
        outcome: What holds instead, for example ``using 2048 (default)``.
        source: Where the refused value stood.
    """

    where: str
    rule: str
    outcome: str
    source: Source

    def __str__(self) -> str:
        """One line, ready for a log."""
        return f"{self.where}: {self.rule}; {self.outcome}"


def shown(value: object) -> str:
    """A refused value as one short printable word: text in quotes, numbers as they are, of others the type only.

    Nothing of the value's own code runs, so a hostile ``__repr__`` or a huge number does no harm.
    """
    kind = type(value)
    if kind is str:
        return f'"{_cut(str(value))}"'
    if kind is bool or kind is float:
        return repr(value)
    if isinstance(value, int) and kind is int and abs(value) < 10**SHOWN_CHARACTERS:
        return repr(value)
    return f"<{_cut(kind.__name__)}>"


def printable(text: str) -> str:
    """``text`` with quotes, control characters and lone surrogates escaped, so that it stays on one line."""
    return "".join(
        character if character.isprintable() and character not in '"\\' else repr(f"'{character}")[2:-1]
        for character in text
    )


def _cut(text: str) -> str:
    return printable(text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…")
