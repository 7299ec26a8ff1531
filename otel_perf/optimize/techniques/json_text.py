"""JSON inside a text: a document, lines of JSON, or fenced blocks marked ``json``."""

import json
import re
from collections.abc import Callable
from typing import Any, Final

from otel_perf.optimize.techniques.fences import rewrite_fences
from otel_perf.optimize.techniques.technique import NotApplicableError, NothingFoundError

__all__ = ["dump_json", "parse_json", "rewrite_json"]

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_FENCE_LANGUAGES: Final = {"json", "jsonl", "ndjson", "geojson"}
_BEGINNINGS: Final = frozenset('{["-0123456789tfnNI')


def parse_json(text: str) -> Any:
    """The value of a JSON document.

    Raises:
        NotApplicableError: It is none, or nested deeper than the interpreter's recursion limit.
    """
    if text.lstrip()[:1] not in _BEGINNINGS:
        raise NotApplicableError("not JSON")
    try:
        return json.loads(text)
    except RecursionError:
        raise NotApplicableError("JSON that is nested too deeply") from None
    except ValueError:
        raise NotApplicableError("not JSON") from None


def dump_json(value: Any) -> str:
    """The shortest document of a value: no blank space, characters as themselves.

    Raises:
        NotApplicableError: It holds what JSON cannot: NaN, infinity, or a nesting beyond the recursion limit.
    """
    try:
        document = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except RecursionError:
        raise NotApplicableError("JSON that is nested too deeply") from None
    except ValueError:
        raise NotApplicableError("a number outside of JSON") from None
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def rewrite_json(text: str, rewrite: Callable[[str], str]) -> str:
    """The text with each JSON document in it replaced by ``rewrite(document)``.

    Args:
        text: One document, or one document per line, or Markdown with blocks marked ``json``.
        rewrite: Called with each document; may raise ``NotApplicableError``.

    Raises:
        NotApplicableError: There is no JSON, or ``rewrite`` refused all of it.
    """
    try:
        return rewrite(text)
    except NotApplicableError as error:
        reason = error
    if text.lstrip()[:1] in {"{", "["} and "\n" in text.strip():
        return _rewrite_lines(text, rewrite)
    done: list[str] = []

    def block(code: str, language: str) -> str:
        if language not in _FENCE_LANGUAGES:
            return code
        try:
            new = rewrite(code)
        except NotApplicableError:
            return code
        done.append(new)
        return new if new.endswith("\n") else f"{new}\n"

    rewritten = rewrite_fences(text, block)
    if not done:
        raise reason
    return rewritten


def _rewrite_lines(text: str, rewrite: Callable[[str], str]) -> str:
    """One document per line: every line must be one, and one of them must have something to shorten."""
    told: list[str] = []
    reason: str | None = None
    shortened = False
    for line in text.split("\n"):
        try:
            told.append(rewrite(line) if line.strip() else line)
            shortened = shortened or bool(line.strip())
        except NothingFoundError as error:
            told.append(line)
            reason = str(error)
    if not shortened and reason is not None:
        raise NothingFoundError(reason)
    return "\n".join(told)
