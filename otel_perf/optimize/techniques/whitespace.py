"""Blank space that says nothing left out; string literals and code blocks untouched."""

import re
from collections.abc import Iterator
from typing import Final

from otel_perf.optimize.techniques.fences import fences
from otel_perf.optimize.techniques.language import LEXERS, language_of
from otel_perf.optimize.techniques.technique import Goal, Technique

__all__ = ["WHITESPACE", "squeeze"]

_RUN: Final = re.compile(r"[ \t]{2,}")
_QUOTE: Final = re.compile(r"[\"'`]")
_TRIPLE: Final = re.compile(r"\"\"\"|'''")


def squeeze(text: str) -> str:
    """The text without blank space at line ends, with at most one blank line in a row, and single spaces inside lines.

    Indentation stays. Fenced code blocks and triple-quoted strings stay as they are, and so does the inside of
    every line that holds a quotation mark. In source code of a known language blank space inside lines stays, and
    every string literal.
    """
    language = language_of(text)
    fragments: list[str] = []
    done = 0
    for start, end in _protected(text, language):
        fragments += (_squeeze_piece(text[done:start], first=done == 0, last=False, runs=language is None),)
        fragments += (text[start:end],)
        done = end
    fragments.append(_squeeze_piece(text[done:], first=done == 0, last=True, runs=language is None))
    return "".join(fragments)


def _protected(text: str, language: str | None) -> Iterator[tuple[int, int]]:
    """What must not be touched, in order."""
    spans = None if language is None else LEXERS[language](text)
    if spans is not None:
        yield from ((span.start, span.end) for span in spans if span.kind == "string")
        return
    done = 0
    for fence in fences(text):
        yield from _triples(text, done, fence.start)
        yield fence.start, fence.end
        done = fence.end
    yield from _triples(text, done, len(text))


def _triples(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while (opening := _TRIPLE.search(text, start, end)) is not None:
        closing = text.find(opening.group(), opening.end(), end)
        start = end if closing < 0 else closing + 3
        yield opening.start(), start


def _squeeze_piece(piece: str, *, first: bool, last: bool, runs: bool) -> str:
    """A stretch between two protected ones. What shares a line with a protected one only loses its line end."""
    lines = piece.split("\n")
    head = None if first else lines.pop(0)
    tail = None if last or not lines else lines.pop()
    if head is not None and (lines or tail is not None):
        head = head.rstrip()
    kept: list[str] = []
    blank = first  # at the very start no blank line is kept
    for line in lines:
        stripped = line.rstrip()
        if stripped or not blank:
            kept.append(_squeeze_line(stripped) if runs else stripped)
        blank = not stripped
    if last:
        _end_text(kept, piece, whole=first)
    return "\n".join(line for line in (head, *kept, tail) if line is not None)


def _end_text(kept: list[str], piece: str, *, whole: bool) -> None:
    """No blank lines at the end; a last line feed stays."""
    while kept and not kept[-1]:
        kept.pop()
    if piece.endswith("\n") and (kept or not whole):
        kept.append("")


def _squeeze_line(line: str) -> str:
    if _QUOTE.search(line):
        return line
    body = line.lstrip()
    return line[: len(line) - len(body)] + _RUN.sub(" ", body)


def _shrink(text: str, _goal: Goal) -> str:
    return squeeze(text)


WHITESPACE: Final = Technique(
    "whitespace",
    "equivalent",
    "Blank space at line ends, runs of blank lines and runs of spaces inside lines are reduced. Kept: every word and "
    "its line, indentation, fenced code blocks, string literals, lines with quotation marks.",
    _shrink,
)
