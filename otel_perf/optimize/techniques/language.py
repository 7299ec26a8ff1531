"""Which language a text is written in: certain or ``None``."""

import itertools
import re
from collections.abc import Callable
from typing import Final

from otel_perf.optimize.techniques.c_source import c_spans, javascript_spans
from otel_perf.optimize.techniques.fences import fences
from otel_perf.optimize.techniques.python_source import python_spans
from otel_perf.optimize.techniques.shell_source import shell_spans
from otel_perf.optimize.techniques.spans import Span

__all__ = ["LEXERS", "fence_language", "language_of"]

LEXERS: Final[dict[str, Callable[[str], list[Span] | None]]] = {
    "python": python_spans,
    "c": c_spans,
    "javascript": javascript_spans,
    "shell": shell_spans,
}
"""The lexer of each language; ``c`` stands for all languages of :func:`c_spans`."""

_FENCE_LANGUAGES: Final = {
    **dict.fromkeys(("python", "py", "python3"), "python"),
    **dict.fromkeys(("c", "h", "cpp", "c++", "cc", "hpp", "cs", "csharp", "go", "java", "kotlin", "rust", "rs"), "c"),
    **dict.fromkeys(("javascript", "js", "mjs", "typescript", "ts"), "javascript"),
    **dict.fromkeys(("sh", "bash", "shell", "zsh"), "shell"),
}

SAMPLE_CHARACTERS: Final = 65_536
SAMPLE_LINES: Final = 400
LINE_CHARACTERS: Final = 200
CODE_SHARE: Final = 0.6
"""At least so many of the lines that are no comments must look like code."""

_SHEBANG: Final = re.compile(r"#!\s*\S*?(?:/|env\s+)(python|node|bash|zsh|ksh|dash|sh)\b")
_SHEBANG_LANGUAGES: Final = {"python": "python", "node": "javascript"}

_SURE: Final = {
    "python": re.compile(
        r"(?:async\s+)?def\s+\w+\s*\(|class\s+\w+\s*[(:]|from\s+[\w.]+\s+import\s|"
        r"import\s+[\w.]+(?:\s+as\s+\w+)?(?:,\s*[\w.]+(?:\s+as\s+\w+)?)*$"
    ),
    "javascript": re.compile(
        r"(?:export\s+)?(?:default\s+)?(?:async\s+)?function\b.*\(|(?:export\s+)?(?:const|let)\s+(?:\w+|[{\[][^=]*)\s*(?::[^=]*)?=|"
        r"import\s.*\sfrom\s+['\"]|module\.exports\b|['\"]use strict['\"]"
    ),
    "c": re.compile(
        r"#\s*include\s*[<\"]|package\s+[\w.]+;?$|func\s+[\w(].*\{$|(?:pub\s+)?fn\s+\w+.*[{(]$|using\s+[\w.]+;$|"
        r"(?:static|public|private|protected|extern|typedef|struct|enum|namespace)\s.*[;{(]$|"
        r"(?:unsigned |const )*(?:void|int|char|long|double|float|bool)\s+\**\w+.*[;{(,]$"
    ),
}
_CODE: Final = {
    "python": re.compile(
        r".*(?:[:(\[{,)\]}\\=]|\"\"\"|''')$|.*\s=\s|(?:import|from|return|raise|pass|yield|del|global)\b|@\w|.*\w\("
    ),
    "javascript": re.compile(r".*[;{}(),\[\]:=>]$|.*\s=\s"),
    "c": re.compile(r".*[;{}(),\\]$|#\s*\w"),
}
_COMMENT: Final = {
    "python": re.compile(r"#"),
    "javascript": re.compile(r"//|/?\*|[^;]*\*/$"),
    "c": re.compile(r"//|/?\*|[^;]*\*/$"),
}
_TAIL: Final = {
    "python": re.compile(r"\s+#\s"),
    "javascript": re.compile(r"\s+/[/*]"),
    "c": re.compile(r"\s+/[/*]"),
}
"""What ends the code of a line."""


def fence_language(info: str) -> str | None:
    """The language that the first word after a fence names; ``None`` for one without a lexer here."""
    return _FENCE_LANGUAGES.get(info)


def language_of(text: str) -> str | None:
    """The language of a whole text, judged by its beginning: ``python``, ``c``, ``javascript``, ``shell``.

    A shebang decides. Otherwise one line must be sure and three of five must look like code; a text with fenced
    blocks is Markdown. Shell is recognised by its shebang alone. Blank space plays no part.
    """
    beginning = text[:SAMPLE_CHARACTERS]
    shebang = _SHEBANG.match(beginning)
    if shebang is not None:
        return _SHEBANG_LANGUAGES.get(shebang[1], "shell")
    if next(fences(beginning), None) is not None or beginning.lstrip()[:1] in {"{", "[", "<", ""}:
        return None
    stripped = (line.strip()[:LINE_CHARACTERS].rstrip() for line in beginning.split("\n"))
    lines = list(itertools.islice(filter(None, stripped), SAMPLE_LINES))
    for language, sure in _SURE.items():
        if not any(map(sure.match, lines)):
            continue
        code = [line for line in lines if not _COMMENT[language].match(line)]
        likely = sum(_CODE[language].match(_TAIL[language].split(line, 1)[0]) is not None for line in code)
        if likely >= CODE_SHARE * len(code) and any(map(sure.match, code)):
            return language
    return None
