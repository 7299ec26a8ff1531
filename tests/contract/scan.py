"""Which tests show which fault: read from the names and docstrings of the tests."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

NUMBER = re.compile(r"\bT-(\d{2})\b")
NAMED = re.compile(r"^test_t(\d{2})_")


def numbered_tests(tests: Path) -> dict[str, list[str]]:
    """Fault to its tests, ``folder/file.py`` or ``folder/file.py::test``, sorted.

    A number in the docstring of a file stands for the whole file; one in a test's name or docstring for the test.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for file in sorted(tests.rglob("test_*.py")):
        path = file.relative_to(tests).as_posix()
        for number, where in _numbers(ast.parse(file.read_text(encoding="utf-8"))):
            found[number].add(f"{path}::{where}" if where else path)
    return {number: sorted(names) for number, names in sorted(found.items())}


def _numbers(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Pairs of a number and the test's name, empty for the file."""
    for number in NUMBER.findall(ast.get_docstring(module) or ""):
        yield f"T-{number}", ""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            text = ast.get_docstring(node) or ""
            for number in [*NAMED.findall(node.name), *NUMBER.findall(text)]:
                yield f"T-{number}", node.name
