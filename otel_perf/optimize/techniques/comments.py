"""Comments of source code left out; strings, and what a machine reads in a comment, stay."""

import re
from typing import Final

from otel_perf.optimize.techniques.fences import fences, rewrite_fences
from otel_perf.optimize.techniques.language import LEXERS, fence_language, language_of
from otel_perf.optimize.techniques.spans import Span
from otel_perf.optimize.techniques.technique import Goal, NotApplicableError, Technique

__all__ = ["COMMENTS", "comments_in", "strip_comments"]

_KEPT: Final = {
    "python": re.compile(r"#!"),
    "shell": re.compile(r"#!"),
    "c": re.compile(r"//go:|// \+build"),
    "javascript": re.compile(r"//#|///\s*<|// @ts-"),
}
_CODING: Final = re.compile(r"#.*?coding[:=][ \t]*[-\w.]+")


def strip_comments(text: str, language: str) -> str:
    """Source code without its comments.

    A line that held only comments goes altogether. Shebang, the encoding declaration of Python, build constraints
    of Go and compiler directives of TypeScript stay. Docstrings are no comments.

    Args:
        text: Source code.
        language: ``python``, ``c`` (and its likes), ``javascript``, ``shell``.

    Raises:
        NotApplicableError: The text is not valid in that language, as far as its strings and comments go.
    """
    spans = LEXERS[language](text)
    if spans is None:
        raise NotApplicableError(f"the strings and comments of this {language} source are not certain")
    parts: list[str] = []
    done = 0
    for span in spans:
        if span.kind == "string" or _is_kept(text, span, language) or span.start < done:
            continue
        before, after, gap = _cut(text, span, done)
        parts += (text[done:before], gap)
        done = after
    return "".join((*parts, text[done:]))


def _is_kept(text: str, span: Span, language: str) -> bool:
    if _KEPT[language].match(text, span.start, span.end):
        return language not in {"python", "shell"} or span.start == 0
    if language != "python" or text.count("\n", 0, min(span.start, 4096)) > 1:
        return False
    return _CODING.match(text, span.start, span.end) is not None


def _cut(text: str, span: Span, done: int) -> tuple[int, int, str]:
    """From where to where to cut, and what to put there."""
    before = span.start
    while before > done and text[before - 1] in " \t\f":
        before -= 1
    at_line_start = before == 0 or text[before - 1] in "\r\n"
    after = span.end
    while after < len(text) and text[after] in " \t\r":
        after += 1
    at_line_end = after == len(text) or text[after] == "\n"
    if at_line_start and at_line_end:
        continues = before >= 2 and text[:before].endswith(("\\\n", "\\\r\n"), max(0, before - 3))  # noqa: PLR2004
        return before, after if continues else min(after + 1, len(text)), ""
    if at_line_end:
        return before, after - (after > span.end and text[after - 1] == "\r"), ""
    if at_line_start:
        return span.start, span.end, "\n" if "\n" in text[span.start : span.end] else ""
    return span.start, span.end, "\n" if "\n" in text[span.start : span.end] else " "


def comments_in(language: str | None = None) -> Technique:
    """The technique for one language; without one it is recognised, and fenced blocks name theirs."""

    def shrink(text: str, _goal: Goal) -> str:
        known = language or language_of(text)
        if known is not None:
            return strip_comments(text, known)
        if next(fences(text), None) is None:
            raise NotApplicableError("not recognised as Python, JavaScript, shell or a language like C")
        return rewrite_fences(text, _strip_block)

    if language is not None and language not in LEXERS:
        raise ValueError(f"unknown language {language!r}; known are {', '.join(sorted(LEXERS))}")
    return Technique(
        "comments",
        "lossy",
        "Comments are left out where a lexer of the language is certain of strings and comments (Python, JavaScript, "
        "shell, languages like C; the whole text or fenced blocks). The program is the same; the comments are lost.",
        shrink,
    )


def _strip_block(code: str, info: str) -> str:
    language = fence_language(info)
    try:
        return code if language is None else strip_comments(code, language)
    except NotApplicableError:
        return code


COMMENTS: Final = comments_in()
