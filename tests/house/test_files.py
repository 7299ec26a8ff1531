"""How the source tree is kept: sizes, names, docstrings, and what never stands in a committed file."""

import ast
import re
import statistics
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "otel_perf"
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((REPOSITORY / "tests").rglob("test_*.py"))

LONGEST_MODULE_LINES = 400
MEDIAN_MODULE_LINES = 130

# Names that say nothing about what lives there.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "wrapper", "wrappers"}

# Where a package comes from is the business of the machine that installs it.
REGISTRY = re.compile(r"(?i)pypi\.org|files\.pythonhosted|proxy\.golang|sum\.golang|--(extra-)?index-url|--find-links")
MACHINE_PATH = re.compile(r"(?<![\w.])/(root|home/\w+|work)/")


def name_of(path: Path) -> str:
    """The path inside the repository: what a failing test shows."""
    return path.relative_to(REPOSITORY).as_posix()


def line_count(path: Path) -> int:
    """Lines of a file."""
    return len(path.read_text(encoding="utf-8").splitlines())


def committed_files() -> list[Path]:
    """What git keeps, as far as it is on the disk; outside a work tree (an unpacked sdist) nothing."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return [path for name in listed.stdout.split("\0") if name and (path := REPOSITORY / name).is_file()]


def test_no_module_is_long() -> None:
    """A file has one subject, so it ends."""
    assert not {name_of(path): line_count(path) for path in MODULES if line_count(path) > LONGEST_MODULE_LINES}


def test_most_modules_are_short() -> None:
    """Half of the modules that hold code fit on a few screens."""
    sizes = [line_count(path) for path in MODULES if path.name != "__init__.py"]

    assert statistics.median(sizes) <= MEDIAN_MODULE_LINES


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*/__init__.py")), ids=name_of)
def test_an_inner_init_is_one_docstring(path: Path) -> None:
    """No code and no re-export, so no import circle can begin there."""
    if path.parent == PACKAGE:
        return
    body = ast.parse(path.read_text(encoding="utf-8")).body

    assert len(body) == 1
    assert ast.get_docstring(ast.Module(body, []))


def test_every_folder_of_the_package_is_a_package() -> None:
    """No folder of modules without its docstring."""
    folders = {path.parent for path in MODULES}

    assert not [name_of(folder) for folder in folders if not (folder / "__init__.py").exists()]


def test_names_say_what_lives_there() -> None:
    """No drawer for odds and ends."""
    assert not [name_of(path) for path in MODULES if path.stem in EMPTY_NAMES or path.parent.name in EMPTY_NAMES]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_broad_except_says_why(path: Path) -> None:
    """``except Exception`` stands in ``core/guard.py``; elsewhere it raises again or has a reason on its line."""
    if name_of(path) == "otel_perf/core/guard.py":
        return
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    unreasoned = [
        handler.lineno
        for handler in ast.walk(ast.parse(text))
        if isinstance(handler, ast.ExceptHandler)
        and (handler.type is None or (isinstance(handler.type, ast.Name) and handler.type.id == "Exception"))
        and not any(isinstance(node, ast.Raise) and node.exc is None for node in ast.walk(handler))
        and not re.search(r"# noqa: BLE001 - \w+", lines[handler.lineno - 1])
    ]

    assert not unreasoned


def test_each_test_says_what_it_proves() -> None:
    """Every test function has a docstring."""
    silent = [
        f"{name_of(path)}::{node.name}"
        for path in TESTS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]

    assert not silent


def test_committed_files_name_no_registry_and_no_machine() -> None:
    """Nothing in the repository depends on where it was made."""
    found = {
        name_of(path): match.group()
        for path in committed_files()
        if path != Path(__file__)
        for text in [path.read_text(encoding="utf-8", errors="replace")]
        if (match := REGISTRY.search(text) or MACHINE_PATH.search(text))
    }

    assert not found


def test_top_level_holds_only_what_belongs_there() -> None:
    """Whoever opens the repository sees the few things that matter."""
    known = {"pyproject.toml", "otel_perf", "collector", "grafana", "tests", "docker-compose.yml", "README.md",
             "Makefile", "CHANGELOG.md", "LICENSE", "docs"}  # fmt: skip
    found = {path.relative_to(REPOSITORY).parts[0] for path in committed_files()}

    assert not {name for name in found - known if not name.startswith(".") and not name.endswith(".lock")}
