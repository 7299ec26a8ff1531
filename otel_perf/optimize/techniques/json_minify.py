"""JSON in as few characters as it needs: the same value, numbers spelled as they were."""

import re
from typing import Final

from otel_perf.optimize.techniques.json_text import parse_json, rewrite_json
from otel_perf.optimize.techniques.technique import Goal, Technique

__all__ = ["JSON", "minify_json"]

_TOKEN: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|[ \t\r\n]++')
_ESCAPE: Final = re.compile(
    r"\\(?:u(?P<high>d[89ab][0-9a-f]{2})\\u(?P<low>d[c-f][0-9a-f]{2})|u(?P<one>[0-9a-f]{4})|.)", re.IGNORECASE
)
ASCII_END: Final = 0x7F


def minify_json(document: str) -> str:
    """The document without blank space between its parts, and with characters instead of their escapes.

    ``json.loads`` of both gives the same; the spelling of numbers is kept, whatever reads them. Escapes stay where
    the character is ASCII, cannot be printed, or is half of a pair.

    Raises:
        NotApplicableError: It is no JSON.
    """
    parse_json(document)
    return _TOKEN.sub(_shorten, document)


def _shorten(found: re.Match[str]) -> str:
    token = found.group()
    if token[0] != '"':
        return ""
    return _ESCAPE.sub(_unescape, token) if "\\u" in token else token


def _unescape(found: re.Match[str]) -> str:
    if found["high"] is not None:
        pair = int(found["high"], 16) - 0xD800, int(found["low"], 16) - 0xDC00
        character = chr(0x10000 + (pair[0] << 10) + pair[1])
    elif found["one"] is not None:
        character = chr(int(found["one"], 16))
    else:
        return found.group()
    return character if character > chr(ASCII_END) and character.isprintable() else found.group()


def _shrink(text: str, _goal: Goal) -> str:
    return rewrite_json(text, minify_json)


JSON: Final = Technique(
    "json",
    "equivalent",
    "Blank space between the parts of JSON is left out and escapes become characters. json.loads gives the same value "
    "before and after. Works on a document, on lines of JSON, and on fenced blocks marked json.",
    _shrink,
)
