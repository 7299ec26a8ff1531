"""Stretches of source code: what the lexers of the languages give."""

from typing import Literal, NamedTuple

__all__ = ["Span"]


class Span(NamedTuple):
    """One string or comment, from ``start`` to before ``end``, in characters."""

    kind: Literal["string", "comment"]
    start: int
    end: int
