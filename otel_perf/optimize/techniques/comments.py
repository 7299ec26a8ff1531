"""Comments of source code left out; strings, and what a machine reads in a comment, stay."""

import re
from typing import Final

from otel_perf.optimize.techniques.fences import fences, rewrite_fences
from otel_perf.optimize.techniques.language import LEXERS, fence_language, language_of
from otel_perf.optimize.techniques.technique import Goal, NotApplicableError, Technique

__all__ = ["COMMENTS", "comments_in", "strip_comments"]

_KEPT: Final = {
    "python": re.compile(r"\A#!"),
    "shell": re.compile(r"\A#!"),
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
    head = text.find("\n", text.find("\n") + 1) if language == "python" else 0
    kept = _KEPT[language].match
    parts: list[str] = []
    done = 0
    for kind, start, end in spans:
        if kind == "string" or start < done or kept(text, start, end):
            continue
        if start < head and _CODING.match(text, start, end):
            continue
        before, after, gap = _cut(text, start, end, done)
        parts.append(text[done:before])
        if gap:
            parts.append(gap)
        done = after
    return "".join((*parts, text[done:]))


def _cut(text: str, start: int, end: int, done: int) -> tuple[int, int, str]:
    """From where to where to cut, and what to put there."""
    before, after, size = start, end, len(text)
    while before > done and text[before - 1] in " \t\f":
        before -= 1
    while after < size and text[after] in " \t":
        after += 1
    return_at_end = text.startswith("\r\n", after)
    at_line_start = before == 0 or text[before - 1] in "\r\n"
    at_line_end = after == size or return_at_end or text[after] == "\n"
    if at_line_end:
        if not at_line_start or text.endswith(("\\\n", "\\\r\n"), 0, before):
            return before, after, ""
        return before, min(after + 1 + return_at_end, size), ""
    if "\n" in text[start:end]:
        return start, end, "\n"
    return start, end, "" if at_line_start else " "


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
