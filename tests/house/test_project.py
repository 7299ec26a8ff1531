"""What the project says of itself agrees: version, entry points, locks, collector versions, Makefile."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = sorted(REPOSITORY.glob("requirements-*.lock"))
PIN = re.compile(r"^(?P<name>[a-z0-9.-]+)==(?P<version>\S+)", re.MULTILINE)


def pins(lock: Path) -> dict[str, str]:
    """Versions by name."""
    return {found["name"]: found["version"] for found in PIN.finditer(lock.read_text(encoding="utf-8"))}


def asked_for(*groups: str) -> list[Requirement]:
    """What the project and some of its dependency groups ask for."""
    lines = list(PYPROJECT["project"]["dependencies"])
    waiting = list(groups)
    while waiting:
        for entry in PYPROJECT["dependency-groups"][waiting.pop()]:
            if isinstance(entry, dict):
                waiting.append(entry["include-group"])
            else:
                lines.append(entry)
    return [Requirement(line) for line in lines]


def test_the_version_stands_in_one_place() -> None:
    """The installed metadata and the module agree, and the changelog has an entry for it."""
    from otel_perf._version import __version__

    assert importlib.metadata.version("otel-perf") == __version__
    assert re.search(rf"^## \[({re.escape(__version__)}|Unreleased)\]", changelog(), re.MULTILINE)


def changelog() -> str:
    """The changelog."""
    return (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("group", ["console_scripts", "pytest11"])
def test_entry_points_can_be_loaded(group: str) -> None:
    """The command and the pytest plugin that the metadata names exist."""
    own = [point for point in importlib.metadata.entry_points(group=group) if point.value.startswith("otel_perf.")]

    assert own
    for point in own:
        point.load()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_pin_has_a_hash_and_no_line_is_anything_else(lock: Path) -> None:
    """A lock is pins, hashes and comments: no address, no option, nothing editable, nothing unpinned."""
    text = lock.read_text(encoding="utf-8")
    other = [
        line
        for line in text.splitlines()
        if line and not PIN.match(line) and not re.match(r"    --hash=sha256:[0-9a-f]{64}( \\)?$|\s*#", line)
    ]

    assert not other
    assert "://" not in text
    for block in re.split(r"\n(?=[a-z])", text)[1:]:
        assert "--hash=sha256:" in block, block


@pytest.mark.parametrize(
    ("lock", "groups"),
    [
        ("requirements-run.lock", ["run"]),
        ("requirements-dev.lock", ["dev"]),
        ("requirements-foreign.lock", ["foreign"]),
        ("requirements-servers.lock", ["servers"]),
        ("requirements-lowest.lock", ["test", "build"]),
    ],
)
def test_a_lock_holds_what_the_project_asks_for(lock: str, groups: list[str]) -> None:
    """Every requirement of ``pyproject.toml`` is pinned to a version that fits it."""
    found = pins(REPOSITORY / lock)

    for requirement in asked_for(*groups):
        version = found[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version, prereleases=True), (requirement, version)


def test_who_develops_runs_the_same_versions() -> None:
    """The development lock adds to the run lock and changes none of it, so both fit one environment."""
    run, dev = (pins(REPOSITORY / f"requirements-{kind}.lock") for kind in ("run", "dev"))

    assert {name: dev.get(name) for name in run} == run


def test_collector_versions_stand_in_one_file() -> None:
    """The builder manifest takes every version from ``versions.env``."""
    versions = (REPOSITORY / "collector" / "versions.env").read_text(encoding="utf-8")
    names = set(re.findall(r"^([A-Z_]+)=", versions, re.MULTILINE))
    manifest = (REPOSITORY / "collector" / "builder-manifest.yaml").read_text(encoding="utf-8")

    assert not re.findall(r" v\d", manifest)
    assert set(re.findall(r"\$\{(\w+)\}", manifest)) <= names


def test_make_lists_every_target() -> None:
    """``make`` alone prints each public target with a sentence."""
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony

    listed = subprocess.run(["make"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout

    assert sorted(re.findall(r"^  make (\w+) +\S", listed, re.MULTILINE)) == sorted(phony[1].split())


def test_importing_the_package_warns_of_nothing() -> None:
    """``python -W error -X dev`` can import the package."""
    command = [sys.executable, "-W", "error", "-X", "dev", "-c", "import otel_perf"]

    assert subprocess.run(command, capture_output=True, text=True, check=False).stderr == ""
