"""What a technique of compression is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

__all__ = ["DEFAULT_SHARE", "Fidelity", "Goal", "NotApplicableError", "NothingFoundError", "Technique", "byte_size"]

Fidelity: TypeAlias = Literal["reversible", "equivalent", "lossy"]
"""``reversible``: a function gives the input back, character by character. ``equivalent``: what the methodology
names is unchanged (the JSON value, the words and their lines). ``lossy``: something is left out."""

DEFAULT_SHARE: Final = 0.5
"""The share of the text that ``truncate`` and ``summarize`` keep when no limit is given."""


def byte_size(text: str) -> int:
    """UTF-8 bytes of a text; half of a surrogate pair counts three."""
    return len(text.encode("utf-8", "surrogatepass"))


class NotApplicableError(Exception):
    """The technique cannot work on this text; its message is the reason in the record of the step."""


class NothingFoundError(NotApplicableError):
    """The text is what the technique works on, but holds nothing for it to shorten."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What a technique that can stop anywhere works towards.

    Attributes:
        size: Size of a text in the unit of the limit: tokens, or bytes.
        limit: Largest size wanted; ``None`` when no limit was given.
    """

    size: Callable[[str], int]
    limit: int | None = None

    def limit_for(self, whole: int) -> int:
        """The limit, or half of ``whole``, the size of the text, where there is none."""
        return int(whole * DEFAULT_SHARE) if self.limit is None else self.limit


@dataclass(frozen=True, slots=True)
class Technique:
    """One way to make a text smaller.

    Attributes:
        name: Short and stable; a metric label.
        fidelity: What is kept of the text.
        methodology: What is done and what is kept, in a sentence or two.
        shrink: The function. It may raise ``NotApplicableError``, and may return a longer text: that is not used.
        restore: Gives the text back (``reversible``), or an equivalent without our notation.
    """

    name: str
    fidelity: Fidelity
    methodology: str
    shrink: Callable[[str, Goal], str]
    restore: Callable[[str], str] | None = None

    @property
    def lossless(self) -> bool:
        """Whether nothing is left out: reversible or equivalent."""
        return self.fidelity != "lossy"
