"""Which package may import what, name by name: finer than the layers, which ``lint-imports`` keeps."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "otel_perf"
MODULES = sorted(PACKAGE.rglob("*.py"))

API = (
    "opentelemetry.attributes",
    "opentelemetry.baggage",
    "opentelemetry.context",
    "opentelemetry.metrics",
    "opentelemetry.propagate",
    "opentelemetry.propagators",
    "opentelemetry.trace",
    "opentelemetry.util.types",
)
SDK = ("opentelemetry.sdk", "opentelemetry.semconv")

# What each package may use beside the standard library and the package itself. A prefix stands for all below it.
THIRD_PARTY: dict[str, tuple[str, ...]] = {
    "core": (),
    "statistics": (),
    "pipeline": (),
    "config": ("msgspec", "yaml"),
    "tracing": API,
    "meters": (*API, *SDK),
    "delivery": (*API, *SDK, "opentelemetry.proto", "opentelemetry.exporter.otlp.proto.common", "google.protobuf",
                 "google.rpc", "grpc"),
    "optimize": ("bpe_openai", "genai_prices"),
    "probes": ("psutil", "pynvml"),
    "reports": ("rich",),
    "runtime": (*API, *SDK, "psutil"),
    "bench": ("opentelemetry", "psutil", "otel_perf"),
    "testing": ("opentelemetry", "pytest", "otel_perf"),
    "compat": ("otel_perf",),
    "demo": ("opentelemetry", "rich", "otel_perf"),
    "cli": ("click", "rich", "msgspec", "opentelemetry", "otel_perf"),
    "": (),
}  # fmt: skip

# Functions that one module only may take from the standard library.
CLOCKS = {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "clock_gettime"}
ENVIRONMENT = {"environ", "environb", "getenv", "putenv", "unsetenv"}
MAY_READ_CLOCKS = {"bench", "demo", "testing"}
MAY_READ_ENVIRONMENT = {"config"}


def name_of(path: Path) -> str:
    """The path inside the repository: what a failing test shows."""
    return path.relative_to(REPOSITORY).as_posix()


def part_of(path: Path) -> str:
    """The package a module lives in; empty for the root itself."""
    inside = path.relative_to(PACKAGE).parts
    return inside[0] if len(inside) > 1 else ""


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module or name that is imported anywhere in a module, with dots."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_below(name: str, prefixes: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of the prefixes or something inside it."""
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def is_standard_library(name: str) -> bool:
    """Whether a dotted name is Python's own."""
    import sys

    return name.split(".", maxsplit=1)[0] in sys.stdlib_module_names


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_only_what_its_package_may(path: Path) -> None:
    """Third-party names come from the table; our own are never taken from the root, except by its users."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = tuple(f"otel_perf.{part}" for part in (*THIRD_PARTY, "_version") if part)
    allowed = (*inside, *THIRD_PARTY[part_of(path)])

    foreign = {name for name in imported(tree) if not is_standard_library(name) and not is_below(name, allowed)}

    assert not foreign


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_t91_no_private_name_of_opentelemetry_is_imported(path: Path) -> None:
    """T-91: only what OpenTelemetry promises to keep is used."""
    tree = ast.parse(path.read_text(encoding="utf-8"))

    private = {
        name
        for name in imported(tree)
        if name.startswith("opentelemetry.") and any(part.startswith("_") for part in name.split("."))
    }

    assert not private


def reads(tree: ast.AST, module: str, functions: set[str]) -> set[str]:
    """The functions of a standard module that are used, as ``module.name`` or imported by name."""
    used = {
        f"{module}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == module
        and node.attr in functions
    }
    return used | ({f"{module}.{name}" for name in functions} & {*imported(tree)})


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_clock_reads_the_clocks(path: Path) -> None:
    """Everything else takes a clock as an argument; who measures like a user may read one."""
    if name_of(path) == "otel_perf/core/clock.py" or part_of(path) in MAY_READ_CLOCKS:
        return

    assert not reads(ast.parse(path.read_text(encoding="utf-8")), "time", CLOCKS)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_configuration_reads_the_environment(path: Path) -> None:
    """Everything else takes a mapping as an argument."""
    if part_of(path) in MAY_READ_ENVIRONMENT:
        return

    assert not reads(ast.parse(path.read_text(encoding="utf-8")), "os", ENVIRONMENT)


def test_every_package_has_a_line_in_the_table() -> None:
    """A new package says what it may import before it imports anything."""
    assert {part_of(path) for path in MODULES} <= set(THIRD_PARTY)


def test_the_check_sees_what_it_looks_for() -> None:
    """The functions above find an environment read, a clock read and a foreign import in a module that has them."""
    tree = ast.parse("import os, requests\nfrom time import perf_counter_ns\nx = os.environ['A']")

    assert reads(tree, "os", ENVIRONMENT) == {"os.environ"}
    assert reads(tree, "time", CLOCKS) == {"time.perf_counter_ns"}
    assert {name for name in imported(tree) if not is_standard_library(name)} == {"requests"}
