"""Where strings and comments are in Python source: a lexer of one pass, which gives up on what it cannot be sure of.

``tokenize`` takes time that grows with the square of the text on some inputs, and is slower by far; the tests
compare both over the standard library.
"""

import re
from typing import Final

from otel_perf.optimize.techniques.spans import Span

__all__ = ["python_spans"]

_QUOTES: Final = ('"""', "'''", '"', "'")
_TOKEN: Final = re.compile(r"""#[^\r\n]*|\"\"\"|'''|"|'""")
_F_PREFIX: Final = re.compile(r"(?<!\w)(?:[fFtT][rR]?|[rR][fFtT])$")
_FIELD: Final = re.compile(r"""\"\"\"|'''|"|'|[\[\](){}:]|#[^\r\n]*""")


def _end_of(quote: str) -> re.Pattern[str]:
    mark = quote[0]
    if len(quote) == 3:  # noqa: PLR2004 - three quotes
        return re.compile(rf"(?:[^{mark}\\]++|\\.|{mark}(?!{mark}{mark}))*+{quote}", re.DOTALL)
    return re.compile(rf"(?:[^{mark}\\\r\n]++|\\(?:\r\n|.))*+{mark}", re.DOTALL)


def _stops_of(quote: str, *, spec: bool) -> re.Pattern[str]:
    braces = "[{}]" if spec else r"\{\{|\}\}|[{}]"
    line_end = "" if len(quote) > 1 else r"|[\r\n]"
    return re.compile(rf"\\N\{{[^}}\n]*+\}}|\\(?:\r\n|[^{{}}])|{braces}|{quote}{line_end}", re.DOTALL)


_END: Final = {quote: _end_of(quote) for quote in _QUOTES}
_LITERAL: Final = {quote: _stops_of(quote, spec=False) for quote in _QUOTES}
_SPEC: Final = {quote: _stops_of(quote, spec=True) for quote in _QUOTES}


def python_spans(text: str) -> list[Span] | None:
    """Strings and comments in order; ``None`` when a string is not closed or the text is otherwise no Python."""
    spans: list[Span] = []
    position = 0
    while (token := _TOKEN.search(text, position)) is not None:
        start, mark = token.start(), token.group()
        if mark[0] == "#":
            position = token.end()
            spans.append(Span("comment", start, position))
            continue
        end = _string_end(text, start, mark)
        if end is None:
            return None
        spans.append(Span("string", start, end))
        position = end
    return spans


def _string_end(text: str, start: int, quote: str) -> int | None:
    """Where the string whose opening quote is at ``start`` ends."""
    after = start + len(quote)
    if _F_PREFIX.search(text[max(0, start - 3) : start]):
        return _FString(text).end(after, quote)
    found = _END[quote].match(text, after)
    return None if found is None else found.end()


class _FString:
    """Strictly private: an f-string, whose fields may hold strings, whose fields may hold strings."""

    def __init__(self, text: str) -> None:
        self._text = text
        # Quote, brackets open in the field (None: in the literal part), whether in a format specification.
        self._open: list[tuple[str, int | None, bool]] = []

    def end(self, position: int, quote: str) -> int | None:
        """Where it ends; ``None`` when it does not."""
        self._open.append((quote, None, False))
        where: int | None = position
        while self._open and where is not None:
            in_field = self._open[-1][1] is not None
            where = self._field(where) if in_field else self._literal(where)
        return where

    def _literal(self, position: int) -> int | None:
        quote, _, spec = self._open[-1]
        found = (_SPEC if spec else _LITERAL)[quote].search(self._text, position)
        if found is None or found.group() in {"\r", "\n"}:
            return None
        mark = found.group()
        if mark == "{":
            self._open.append((quote, 0, False))
        elif mark == quote:
            if spec:
                return None
            self._open.pop()
        elif mark == "}":
            if not spec:
                return None
            self._open[-2:] = []  # the specification, and the field that it ends
        return found.end()

    def _field(self, position: int) -> int | None:
        quote, depth, _ = self._open[-1]
        found = _FIELD.search(self._text, position)
        if found is None or depth is None:
            return None
        mark = found.group()
        if mark in _QUOTES:
            return self._nested(found.start(), mark)
        if mark == ":" and depth == 0:
            self._open.append((quote, None, True))
        elif mark == "}" and depth == 0:
            self._open.pop()
        elif mark in "([{":
            self._open[-1] = (quote, depth + 1, False)
        elif mark in ")]}":
            self._open[-1] = (quote, depth - 1, False)
        return found.end()

    def _nested(self, start: int, quote: str) -> int | None:
        if _F_PREFIX.search(self._text[max(0, start - 3) : start]):
            self._open.append((quote, None, False))
            return start + len(quote)
        found = _END[quote].match(self._text, start + len(quote))
        return None if found is None else found.end()
