"""Fenced code blocks of Markdown, found as CommonMark has them, in one pass."""

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

__all__ = ["Fence", "fences", "rewrite_fences", "rewrite_outside"]

_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)


class Fence(NamedTuple):
    """Where a block is, in characters. ``start:end`` is all of it, ``body:body_end`` the code without the fences."""

    start: int
    body: int
    body_end: int
    end: int
    language: str


def fences(text: str) -> Iterator[Fence]:
    """The fenced blocks in order. One that is never closed reaches to the end of the text."""
    opening: re.Match[str] | None = None
    for found in _FENCE.finditer(text):
        marks, info = found.groups()
        if opening is None:
            if marks[0] == "~" or "`" not in info:
                opening = found
        elif marks.startswith(opening[1]) and not info.strip():
            yield _fence(text, opening, found.start(), found.end())
            opening = None
    if opening is not None:
        yield _fence(text, opening, len(text), len(text))


def rewrite_fences(text: str, rewrite: Callable[[str, str], str]) -> str:
    """The text with the code of each block replaced by ``rewrite(code, language)``."""
    parts: list[str] = []
    done = 0
    for fence in fences(text):
        parts += (text[done : fence.body], rewrite(text[fence.body : fence.body_end], fence.language))
        done = fence.body_end
    return "".join((*parts, text[done:]))


def rewrite_outside(text: str, rewrite: Callable[[str], str]) -> str:
    """The text with each stretch between the blocks replaced by ``rewrite(stretch)``."""
    parts: list[str] = []
    done = 0
    for fence in fences(text):
        parts += (rewrite(text[done : fence.start]), text[fence.start : fence.end])
        done = fence.end
    return "".join((*parts, rewrite(text[done:])))


def _fence(text: str, opening: re.Match[str], body_end: int, end: int) -> Fence:
    words = opening[2].split(None, 1)
    body = min(opening.end() + 1, len(text))
    return Fence(opening.start(), body, max(body, body_end), max(body, end), words[0].lower() if words else "")
