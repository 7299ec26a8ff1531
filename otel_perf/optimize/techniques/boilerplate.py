"""Licence headers, badges, HTML comments and long rulers."""

import re
from typing import Final

from otel_perf.optimize.techniques.fences import rewrite_outside
from otel_perf.optimize.techniques.language import language_of
from otel_perf.optimize.techniques.technique import Goal, Technique

__all__ = ["BOILERPLATE", "strip_boilerplate"]

RULER: Final = 3
HEADER_CHARACTERS: Final = 20_000
"""A licence header that is longer than this is none."""

_SHEBANG: Final = re.compile(r"#![^\n]*\n(?:#[^\n]*coding[^\n]*\n)?")
_BLOCK: Final = re.compile(r"\s*(?:/\*(?:[^*]++|\*(?!/))*+\*/|<!--(?:[^-]++|-(?!->))*+-->)[ \t]*\n?", re.DOTALL)
_LINES: Final = {
    "#": re.compile(r"\s*(?:[ \t]*#[^\n]*(?:\n|\Z))++"),
    "/": re.compile(r"\s*(?:[ \t]*//[^\n]*(?:\n|\Z))++"),
}
_LEGAL: Final = re.compile(r"copyright|licen[cs]ed? |all rights reserved|spdx-license", re.IGNORECASE)
_BADGES: Final = re.compile(
    r"^[ \t]*+(?:\[?!\[[^\]\n]*+\]\([^)\n]*+\)(?:\]\([^)\n]*+\))?[ \t]*+)++(?:\n|\Z)", re.MULTILINE
)
_HTML_COMMENT: Final = re.compile(r"<!--(?:[^-]++|-(?!->))*+-->")
_RULER: Final = re.compile(r"^([ \t]*+(?:#|//)?[ \t]*+)([-=_*#~+/])\2{7,}+[ \t]*+$", re.MULTILINE)


def strip_boilerplate(text: str) -> str:
    """The text without what says nothing about its subject.

    Left out: a comment at the very beginning (after a shebang) that speaks of copyright or a licence. In texts that
    are no source code of a known language, outside of fenced blocks: HTML comments, and lines of Markdown that hold
    only images, as badges do; lines that are one character of ``-=_*#~+/`` eight or more times keep three.
    """
    shebang = _SHEBANG.match(text)
    start = 0 if shebang is None else shebang.end()
    header = _header(text, start)
    if header is not None:
        text = text[:start] + text[header:]
    return text if language_of(text) is not None else rewrite_outside(text, _strip_markup)


def _strip_markup(text: str) -> str:
    if "<!--" in text and "-->" in text:
        text = _without_html_comments(text)
    if "![" in text:
        text = _BADGES.sub("", text)
    return _RULER.sub(lambda found: found[1] + found[2] * RULER, text)


def _header(text: str, start: int) -> int | None:
    """Where the licence header that begins at ``start`` ends."""
    beginning = text[start : start + HEADER_CHARACTERS]
    mark = beginning.lstrip()[:2]
    pattern = _BLOCK if mark in {"/*", "<!"} else _LINES.get(mark[:1])
    found = None if pattern is None else pattern.match(beginning)
    if found is None or not _LEGAL.search(found.group()):
        return None
    return start + found.end()


def _without_html_comments(text: str) -> str:
    """Without a second look at an opening that is never closed."""
    last = text.rfind("-->") + 3
    return _HTML_COMMENT.sub("", text[:last]) + text[last:]


def _shrink(text: str, _goal: Goal) -> str:
    return strip_boilerplate(text)


BOILERPLATE: Final = Technique(
    "boilerplate",
    "lossy",
    "Left out: a leading comment that speaks of copyright or a licence; outside of code, HTML comments and lines of "
    "badges. Outside of code, lines of eight or more of one ruler character keep three.",
    _shrink,
)
