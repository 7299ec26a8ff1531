"""Source files and what they define."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import otel_perf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Definition", "parse", "read_file", "words_of"]

WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
"""Words inside identifiers and prose: ``parseHTMLFile2`` is parse, HTML, File, 2."""

MAX_BODY_CHARACTERS: Final = 1500
"""Of a definition's text this much is indexed: its names stand at the beginning."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A class, function or module.

    Attributes:
        path: File, relative to the folder.
        line: Line on which it begins, from 1.
        kind: ``module``, ``class`` or ``function``.
        name: Its name, with that of its class.
        doc: Its docstring, empty without one.
        body: The beginning of its text.
    """

    path: str
    line: int
    kind: str
    name: str
    doc: str
    body: str


@otel_perf.tool
def read_file(file: Path) -> str:
    """Read a file as UTF-8, as most tools do without asking.

    Raises:
        UnicodeDecodeError: It holds something else.
    """
    return file.read_text(encoding="utf-8")


@otel_perf.tool
def parse(text: str, path: str) -> list[Definition]:
    """Find everything that a Python file defines.

    Raises:
        SyntaxError: It is not Python, or not this Python.
    """
    tree = ast.parse(text, path)
    lines = text.splitlines()
    module = Definition(path, 1, "module", path.removesuffix(".py"), ast.get_docstring(tree) or "", "")
    return [module, *_definitions(tree, path, lines, "")]


def words_of(text: str) -> list[str]:
    """The words of prose or identifiers, lower case."""
    return [word.lower() for word in WORD.findall(text)]


def _definitions(tree: ast.AST, path: str, lines: list[str], prefix: str) -> Iterator[Definition]:
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        kind = "class" if isinstance(node, ast.ClassDef) else "function"
        body = "\n".join(lines[node.lineno - 1 : node.end_lineno])[:MAX_BODY_CHARACTERS]
        name = f"{prefix}{node.name}"
        yield Definition(path, node.lineno, kind, name, ast.get_docstring(node) or "", body)
        if kind == "class":
            yield from _definitions(node, path, lines, f"{name}.")
