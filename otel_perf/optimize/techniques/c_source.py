"""Where strings and comments are in languages that write ``//`` and ``/* */``; one pass, giving up when unsure."""

import re
from typing import Final

from otel_perf.optimize.techniques.spans import Span

__all__ = ["c_spans", "javascript_spans"]

_C_TOKEN: Final = re.compile(
    r"""
    (?P<comment> //(?:[^\\\n]++|\\(?:\r?\n|.)?)*+ | /\*(?:[^*]++|\*(?!/))*+\*/ )
  | (?P<raw> (?<!\w)(?:u8|[uUL])?R"(?P<delimiter>[^()\\\s"]{0,16})\( | (?<!\w)b?r(?P<hashes>\#{1,16})" )
  | (?P<triple> \"\"\" )
  | (?P<string> "(?:[^"\\\n]++|\\(?:\r\n|.))*+" | (?<!\w)'(?:\\[^\n']{1,12}|\\'|[^\\'\n])' )
  | (?P<back> `[^`]*+` )
  | (?P<unsure> /\* | " | ` )
    """,
    re.VERBOSE | re.DOTALL,
)
SAME_LINE: Final = 400
"""Characters around a mark that are looked at for an apostrophe on the same line."""


def c_spans(text: str) -> list[Span] | None:
    """Strings and comments of C, C++, C#, Go, Java, Kotlin, Rust, Swift; ``None`` when one is not closed.

    Text in single quotes that holds a comment mark or a double quote means different things in these languages;
    such a text is given up as well, unless it is one character.
    """
    spans: list[Span] = []
    position = 0
    while (token := _C_TOKEN.search(text, position)) is not None:
        kind = token.lastgroup if token.lastgroup not in {"delimiter", "hashes"} else "raw"
        end = token.end()
        if kind == "unsure" or _is_quoted(text, position, token.start()):
            return None
        if kind in {"raw", "triple"}:
            end = _long_end(text, token)
            if end < 0:
                return None
        spans.append(Span("comment" if kind == "comment" else "string", token.start(), end))
        position = end
    return spans


def _is_quoted(text: str, low: int, position: int) -> bool:
    """Whether an apostrophe between ``low`` and ``position`` may have opened a text that closes on this line."""
    low = max(low, position - SAME_LINE)
    low = max(low, text.rfind("\n", low, position) + 1)
    if text.count("'", low, position) % 2 == 0:
        return False
    closing = text.find("'", position, position + SAME_LINE)
    return closing >= 0 and "\n" not in text[position:closing]


def _long_end(text: str, token: re.Match[str]) -> int:
    """Where a raw or triple-quoted string ends; negative when it does not."""
    if token["delimiter"] is not None:
        closing = f'){token["delimiter"]}"'
    elif token["hashes"] is not None:
        closing = f'"{token["hashes"]}'
    else:
        closing = '"""'
    at = text.find(closing, token.end())
    return at + len(closing) if at >= 0 else -1


_JS_TOKEN: Final = re.compile(
    r"""
    (?P<comment> //[^\r\n\u2028\u2029]*+ | /\*(?:[^*]++|\*(?!/))*+\*/ )
  | (?P<string> "(?:[^"\\\n]++|\\(?:\r\n|.))*+" | '(?:[^'\\\n]++|\\(?:\r\n|.))*+' )
  | (?P<slash> / ) | (?P<back> ` ) | (?P<brace> [{}] ) | (?P<unsure> ["'] )
    """,
    re.VERBOSE | re.DOTALL,
)
_JS_REGEX: Final = re.compile(r"/(?:[^/\\\[\n]++|\\[^\n]|\[(?:[^\]\\\n]++|\\[^\n])*+\])++/\w*")
_JS_TEMPLATE: Final = re.compile(r"(?:[^`\\$]++|\\.|\$(?!\{))*+(`|\$\{)", re.DOTALL)
_BEFORE_REGEX: Final = re.compile(
    r"(?:^|[(,=:\[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|delete|void|throw|do|else))$"
)


def javascript_spans(text: str) -> list[Span] | None:
    """Strings, templates, regular expressions (as strings) and comments of JavaScript and TypeScript, or ``None``.

    Markup inside the code (JSX) is given up when it holds an apostrophe or an address.
    """
    return _JavaScript(text).spans()


class _JavaScript:
    """Strictly private: one pass; templates nest by way of their ``${}``."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._spans: list[Span] = []
        self._braces = [0]  # open braces, per template that is open around
        self._before = ""  # the last code before the position, a few characters

    def spans(self) -> list[Span] | None:
        position: int | None = 0
        while position is not None and (token := _JS_TOKEN.search(self._text, position)) is not None:
            self._remember(position, token.start())
            position = self._take(token)
        return self._spans if position is not None and len(self._braces) == 1 else None

    def _remember(self, start: int, end: int) -> None:
        code = self._text[max(start, end - 200) : end].rstrip()
        if code:
            self._before = code[-12:]

    def _take(self, token: re.Match[str]) -> int | None:
        kind, start, end = token.lastgroup, token.start(), token.end()
        if kind == "comment":
            if self._before.endswith(":") and self._text[start - 1] == ":" and self._text.startswith("//", start):
                return None  # an address outside of a string: this is not JavaScript
            self._spans.append(Span("comment", start, end))
            return end
        if kind == "string":
            return self._string(start, end)
        if kind == "brace":
            return self._brace(token.group(), start, end)
        if kind == "back":
            return self._template(start, end)
        return self._slash(start, end) if kind == "slash" else None

    def _string(self, start: int, end: int) -> int:
        self._spans.append(Span("string", start, end))
        self._before = '"'
        return end

    def _slash(self, start: int, end: int) -> int | None:
        if not _BEFORE_REGEX.search(self._before):
            self._before = "/"
            return end
        found = _JS_REGEX.match(self._text, start)
        return None if found is None else self._string(start, found.end())

    def _brace(self, mark: str, start: int, end: int) -> int | None:
        self._before = mark
        self._braces[-1] += 1 if mark == "{" else -1
        if self._braces[-1] >= 0:
            return end
        if len(self._braces) == 1:
            return None
        self._braces.pop()
        return self._template(start, end)

    def _template(self, start: int, position: int) -> int | None:
        found = _JS_TEMPLATE.match(self._text, position)
        if found is None:
            return None
        if found[1] == "${":
            self._braces.append(0)
            self._spans.append(Span("string", start, found.end()))
            self._before = "{"
            return found.end()
        return self._string(start, found.end())
