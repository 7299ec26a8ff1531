"""Wheel, sdist and SBOM: the same bytes wherever they are built, and in them what belongs there."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

# One worker, so that the build they look at is made once.
pytestmark = pytest.mark.xdist_group("distribution")

REPOSITORY = Path(__file__).resolve().parents[2]
RESULTS = {".git", ".venv", ".venv-foreign", ".venv-servers", ".hypothesis", "dist", "build", "reports"}


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


def test_two_builds_are_the_same_bytes(source: Path, built: Path, tmp_path: Path) -> None:
    """Another folder, another umask and another time zone change nothing."""
    elsewhere = Path(shutil.copytree(source, tmp_path / "another"))
    first = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in built.iterdir()}

    second = build(elsewhere, tmp_path / "out", 0o077, TZ="Asia/Kathmandu", LC_ALL="C")

    assert len(first) == 3
    assert first == second


def test_the_wheel_holds_the_package_and_its_licence(built: Path) -> None:
    """No test, no script; the type marker is there."""
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"otel_perf"}
    assert "otel_perf/py.typed" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name]


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
