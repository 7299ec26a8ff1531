"""Which tests show which feature: read from the ``feature`` marks of the tests."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["FeatureTest", "feature_tests"]


class FeatureTest(NamedTuple):
    """A test that shows a feature.

    Attributes:
        test: ``folder/file.py::test``, below ``tests/``.
        says: The first sentence of its docstring.
    """

    test: str
    says: str


def feature_tests(tests: Path) -> dict[str, list[FeatureTest]]:
    """Feature to its tests, both sorted.

    A mark on a test stands for the test, one in ``pytestmark`` for every test of the file.
    """
    found: dict[str, set[FeatureTest]] = {}
    for file in sorted(tests.rglob("test_*.py")):
        path = file.relative_to(tests).as_posix()
        for feature, name, says in _marked(ast.parse(file.read_text(encoding="utf-8"))):
            found.setdefault(feature, set()).add(FeatureTest(f"{path}::{name}", says))
    return {feature: sorted(found[feature]) for feature in sorted(found, key=_order)}


def _order(feature: str) -> tuple[str, int]:
    system, _, number = feature.partition("-")
    return system, int(number)


def _marked(module: ast.Module) -> Iterator[tuple[str, str, str]]:
    everywhere = [
        feature
        for node in module.body
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets)
        for feature in _features(node.value)
    ]
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            says = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
            for feature in [*everywhere, *(feature for mark in node.decorator_list for feature in _features(mark))]:
                yield feature, node.name, says


def _features(expression: ast.expr) -> Iterator[str]:
    """Arguments of every ``pytest.mark.feature(...)`` in an expression."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "feature":
            yield from (str(argument.value) for argument in node.args if isinstance(argument, ast.Constant))
