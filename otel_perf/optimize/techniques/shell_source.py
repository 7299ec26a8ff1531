"""Where strings and comments are in shell scripts; one pass, giving up when unsure."""

import re
from typing import Final

from otel_perf.optimize.techniques.spans import Span

__all__ = ["shell_spans"]

_PLAIN: Final = (
    r"\$\{(?:[^{}\"'`\\\n$]++|\$\{[^{}\"'`\\\n]*+\}|\$(?!\{))*+\}"  # a parameter without quotes inside
    r"|\$?\(\([^\"'`\#\n;]{0,200}?\)\)"  # arithmetic on one line
    r"|`(?:[^`\\]++|\\.)*+`"
)
_COMMAND: Final = re.compile(
    rf"""\\.|{_PLAIN}|\$'(?:[^'\\]++|\\.)*+'|'[^']*+'|(?P<unsure>'|`|\$\{{|\(\()|"|\$\(|[()\n]"""
    r"""|(?<![^\s;&|()])\#[^\n]*+|<<<|<<-?[ \t]*+(?P<mark>\\?[A-Za-z_]\w*+|'[^'\n]++'|"[^"\n]++")""",
    re.DOTALL,
)
_QUOTED: Final = re.compile(rf"""\\.|{_PLAIN}|(?P<unsure>\$\(\(|\$\{{|`)|"|\$\(""", re.DOTALL)


class _Shell:
    """Strictly private: commands and double-quoted texts inside each other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._spans: list[Span] = []
        self._open: list[int | None] = []  # brackets of a command inside; None: a text in double quotes
        self._started = 0
        self._documents: list[tuple[str, bool]] = []  # here-documents whose text begins with the next line

    def spans(self) -> list[Span] | None:
        """All of them; ``None`` when something is not closed."""
        position: int | None = 0
        while position is not None:
            quoted = bool(self._open) and self._open[-1] is None
            found = (_QUOTED if quoted else _COMMAND).search(self._text, position)
            if found is None:
                return self._spans if not self._open and not self._documents else None
            position = self._in_quotes(found) if quoted else self._in_command(found)
        return None

    def _in_quotes(self, found: re.Match[str]) -> int | None:
        mark = found.group()
        if found["unsure"] is not None:
            return None
        if mark == "$(":
            self._open.append(0)
        elif mark == '"':
            self._open.pop()
            if not self._open:
                self._spans.append(Span("string", self._started, found.end()))
        return found.end()

    def _in_command(self, found: re.Match[str]) -> int | None:
        mark, end = found.group(), found.end()
        if found["unsure"] is not None:
            return None
        if found["mark"] is not None:
            self._documents.append((found["mark"].strip("\\'\""), mark.startswith("<<-")))
        elif mark == "\n":
            return self._after_line(end)
        elif mark in {'"', "$(", "(", ")"}:
            self._nest(mark, found.start())
        elif mark[0] == "#":
            if not self._open:
                self._spans.append(Span("comment", found.start(), end))
        elif mark[-1] == "'" and not self._open:
            self._spans.append(Span("string", found.start(), end))
        return end

    def _nest(self, mark: str, start: int) -> None:
        if mark == '"':
            if not self._open:
                self._started = start
            self._open.append(None)
        elif mark == "$(":
            if not self._open:
                self._started = start
            self._open.append(0)
        elif self._open:
            self._count(1 if mark == "(" else -1, start)

    def _count(self, step: int, start: int) -> None:
        depth = (self._open[-1] or 0) + step
        if depth >= 0:
            self._open[-1] = depth
            return
        self._open.pop()
        if not self._open:
            self._spans.append(Span("string", self._started, start + 1))

    def _after_line(self, position: int) -> int | None:
        """Behind the here-documents that begin here."""
        start = position
        for word, indented in self._documents:
            tabs = r"\t*+" if indented else ""
            found = re.compile(rf"^{tabs}{re.escape(word)}$", re.MULTILINE).search(self._text, position)
            if found is None:
                return None
            position = found.end()
        if self._documents and not self._open:
            self._spans.append(Span("string", start, position))
        self._documents.clear()
        return position


def shell_spans(text: str) -> list[Span] | None:
    """Strings, here-documents and comments of a POSIX shell or bash script.

    Command substitutions count as strings, so that nothing in them is touched. ``None``, so that nothing at all is
    touched, when something is not closed, and for arithmetic over lines and parameter expansions that hold quotes.
    """
    return _Shell(text).spans()
