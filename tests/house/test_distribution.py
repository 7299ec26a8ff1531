"""Wheel, sdist and SBOM: the same bytes wherever they are built, and in them what belongs there."""

import email
import email.policy
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# One worker, so that the build they look at is made once.
pytestmark = pytest.mark.xdist_group("distribution")

REPOSITORY = Path(__file__).resolve().parents[2]
RESULTS = {".git", ".venv", ".venv-foreign", ".venv-servers", ".venv-lowest", ".hypothesis", "dist", "build", "reports"}
LARGEST_BYTES = 128 * 1024


def results(folder: str, names: list[str]) -> set[str]:
    """What is not source: caches anywhere, and the results of builds at the top."""
    at_top = RESULTS if Path(folder) == REPOSITORY else set()
    return {name for name in names if name in at_top or name == "__pycache__" or name.endswith("_cache")}


def build(source: Path, out: Path, umask: int, **environment: str) -> dict[str, str]:
    """Build into ``out``; the digests of what came, by name."""
    subprocess.run(
        [str(source / ".ci" / "dist"), str(out)],
        env={**os.environ, "DIST_PYTHON": sys.executable, "SOURCE_DATE_EPOCH": "1700000000", **environment},
        umask=umask,
        capture_output=True,
        check=True,
    )
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.iterdir()}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, so that nothing is built inside the clone."""
    return Path(shutil.copytree(REPOSITORY, tmp_path_factory.mktemp("source") / "one", ignore=results))


@pytest.fixture(scope="module")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One build."""
    out = tmp_path_factory.mktemp("built")
    build(source, out, 0o022)
    return out


def test_t82_two_builds_are_the_same_bytes(source: Path, built: Path, tmp_path: Path) -> None:
    """T-82: another folder, another umask and another time zone change nothing."""
    elsewhere = Path(shutil.copytree(source, tmp_path / "another"))
    first = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in built.iterdir()}

    second = build(elsewhere, tmp_path / "out", 0o077, TZ="Asia/Kathmandu", LC_ALL="C")

    assert len(first) == 3
    assert first == second


def test_t82_the_wheel_holds_the_package_and_its_licence(built: Path, record_figure: Callable[..., None]) -> None:
    """T-82: no test, no script, no key, nothing large; the type marker is there."""
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
        keys = [name for name in names if b"PRIVATE KEY-----" in archive.read(name)]

    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"otel_perf"}
    assert "otel_perf/py.typed" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name]
    assert {Path(name).suffix for name in names if ".dist-info/" not in name} <= {".py", ".typed", ".json", ".md"}
    assert not keys
    assert largest.file_size <= LARGEST_BYTES, largest.filename
    record_figure("T-82", wheel_bytes=wheel.stat().st_size, files=len(names), largest_bytes=largest.file_size)


def test_t82_the_metadata_says_what_the_project_does(built: Path) -> None:
    """T-82: an install asks for what pyproject.toml does, none of it with an upper bound; licence and Python agree."""
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = email.message_from_bytes(archive.read(name), policy=email.policy.default)
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
    always = {(canonicalize_name(each.name), each.specifier) for each in asked if each.marker is None}
    declared = [Requirement(line) for line in project["dependencies"]]

    assert always == {(canonicalize_name(each.name), each.specifier) for each in declared}
    assert {operator.operator for _, specifier in always for operator in specifier} == {">="}
    assert set(metadata.get_all("Provides-Extra", [])) == set(project["optional-dependencies"])
    assert (metadata["Name"], metadata["Requires-Python"]) == ("otel-perf", project["requires-python"])
    assert (metadata["License-Expression"], metadata["Description-Content-Type"]) == ("Apache-2.0", "text/markdown")


def test_the_sdist_can_be_tested(built: Path) -> None:
    """It holds the tests, the locks and the collector's manifest, and no result of a build."""
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"tests/conftest.py", "requirements-run.lock", "collector/versions.env", "Makefile", "LICENSE"} <= names
    assert not [name for name in names if name.startswith((".venv", "dist/", ".git/"))]


def test_the_sbom_names_what_an_install_brings(built: Path) -> None:
    """Every run-time package of the lock once, none of development; the digests are those of the built files."""
    (document,) = (json.loads(path.read_text(encoding="utf-8")) for path in built.glob("*.cdx.json"))
    names = {component["name"] for component in document["components"]}
    references = {component["bom-ref"] for component in document["components"]}
    stated = {entry["name"]: entry["value"] for entry in document["metadata"]["component"]["properties"]}
    files = {
        f"file:sha256:{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in built.iterdir()
        if not path.name.endswith(".json")
    }

    assert document["bomFormat"] == "CycloneDX"
    assert {"opentelemetry-sdk", "psutil", "protobuf", "urllib3", "requests"} <= names
    assert not {"hatchling", "editables", "pytest"} & names
    assert len(references) == len(document["components"])
    assert {needed for entry in document["dependencies"] for needed in entry["dependsOn"]} <= references
    assert stated == files
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", document["serialNumber"])
