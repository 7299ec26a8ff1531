"""``.ci/setup.py`` on machines of several kinds: a small project of its own stands in for the clone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = Path(".ci") / "setup.py"

# The Python that people call the script with; the one of an environment may have no pip.
OUTSIDE = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
PYTHON = str(OUTSIDE) if OUTSIDE.exists() else sys.executable

PYPROJECT = """
[project]
name = "otel-perf"
version = "0.1.0"

[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""

# The least that pip takes for an editable install: no registry is asked for anything.
BACKEND = """
import pathlib
import zipfile


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    pathlib.Path("installed.txt").open("a").write("x")
    name = "otel_perf-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / name, "w") as wheel:
        folder = "otel_perf-0.1.0.dist-info"
        wheel.writestr(f"{folder}/METADATA", "Metadata-Version: 2.1\\nName: otel-perf\\nVersion: 0.1.0\\n")
        wheel.writestr(f"{folder}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{folder}/RECORD", "")
    return name
"""

MISSING = "raise ImportError('not on this machine')\n"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with empty locks."""
    root = tmp_path / "clone"
    (root / ".ci").mkdir(parents=True)
    (root / "otel_perf").mkdir()
    shutil.copy(REPOSITORY / SCRIPT, root / SCRIPT)
    (root / "otel_perf" / "_version.py").write_text("", encoding="utf-8")
    (root / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (root / "backend.py").write_text(BACKEND, encoding="utf-8")
    for kind in ("run", "dev", "foreign", "servers"):
        (root / f"requirements-{kind}.lock").write_text(f"# {kind}\n", encoding="utf-8")
    return root


def set_up(clone: Path, kind: str, *missing: str) -> subprocess.CompletedProcess[str]:
    """Run the script on a machine whose Python lacks some modules."""
    without = clone / "without"
    without.mkdir(exist_ok=True)
    for module in missing:
        (without / f"{module}.py").write_text(MISSING, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(without)}
    command = [PYTHON, str(clone / SCRIPT), kind]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def installs(clone: Path) -> int:
    """How often the project was installed."""
    counted = clone / "installed.txt"
    return len(counted.read_text(encoding="utf-8")) if counted.exists() else 0


needs_pip = pytest.mark.skipif(
    subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True, check=False).returncode != 0,
    reason="this Python has no pip beside it, which the way round needs",
)


def test_a_usual_machine_gets_an_environment_once(clone: Path) -> None:
    """The first call makes it and prints its Python; the second finds it and says nothing but that."""
    first = set_up(clone, "run")
    second = set_up(clone, "run")

    python = first.stdout.strip()
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert python == str(clone / ".venv" / "bin" / "python")
    assert subprocess.run([python, "-c", "import sys"], check=False).returncode == 0
    assert (second.stdout.strip(), second.stderr) == (python, "")
    assert installs(clone) == 1


@needs_pip
def test_without_ensurepip_the_pip_outside_does_it(clone: Path) -> None:
    """Debian without python3-venv, but with a pip: the environment is made all the same."""
    result = set_up(clone, "dev", "ensurepip")

    assert result.returncode == 0, result.stderr
    assert list((clone / ".venv").rglob("otel_perf-0.1.0.dist-info"))
    assert not list((clone / ".venv").rglob("site-packages/pip"))
    assert set_up(clone, "dev", "ensurepip").stderr == ""


def test_with_neither_one_line_says_what_to_install(clone: Path) -> None:
    """Nothing half-made is left."""
    result = set_up(clone, "run", "ensurepip", "pip")

    assert result.returncode == 2
    assert result.stderr.splitlines()[-1] == (
        "otel-perf: python3 has neither venv nor pip; run: apt-get install -y python3-venv"
    )
    assert not (clone / ".venv").exists()


@needs_pip
def test_what_changed_is_made_anew_and_nothing_else(clone: Path) -> None:
    """Metadata: only the project is installed again. A lock, or the place of the clone: the whole environment."""
    set_up(clone, "run", "ensurepip")
    marker = clone / ".venv" / "marker"
    marker.touch()

    (clone / "pyproject.toml").write_text(f"{PYPROJECT}# changed\n", encoding="utf-8")
    set_up(clone, "run")
    assert (installs(clone), marker.exists()) == (2, True)

    set_up(clone, "dev")  # comes on top of run, and holds it
    set_up(clone, "run")
    assert (installs(clone), marker.exists()) == (2, True)

    (clone / "requirements-run.lock").write_text("# changed\n", encoding="utf-8")
    set_up(clone, "run")
    assert (installs(clone), marker.exists()) == (3, False)

    moved = clone.rename(clone.with_name("moved"))
    result = set_up(moved, "run")
    assert (installs(moved), result.stdout.strip()) == (4, str(moved / ".venv" / "bin" / "python"))


@needs_pip
def test_an_interrupted_set_up_is_begun_again(clone: Path) -> None:
    """An environment without its stamp is not trusted."""
    set_up(clone, "foreign", "ensurepip")
    (clone / ".venv-foreign" / "made-from.json").write_text("{", encoding="utf-8")

    assert set_up(clone, "foreign").returncode == 0
    assert installs(clone) == 2


def test_a_python_that_is_too_old_is_told_so(clone: Path) -> None:
    """One line, before anything is made."""
    pretend = (
        "import runpy, sys; sys.version_info = (3, 9, 2); sys.argv = ['setup.py', 'run'];"
        f"runpy.run_path({str(clone / SCRIPT)!r}, run_name='__main__')"
    )

    result = subprocess.run([PYTHON, "-c", pretend], capture_output=True, text=True, check=False)

    assert result.returncode == 2
    assert result.stderr.startswith("otel-perf: needs Python 3.11 or newer, and ")
    assert result.stderr.count("\n") == 1


@needs_pip
def test_an_install_that_fails_is_not_taken_for_done(clone: Path) -> None:
    """A lock that cannot be installed fails each time, with pip's own words before our line."""
    (clone / "requirements-run.lock").write_text("this is no requirement\n", encoding="utf-8")

    results = [set_up(clone, "run", "ensurepip") for _ in range(2)]

    assert [result.returncode for result in results] == [1, 1]
    assert "this is no requirement" in results[0].stderr
    assert installs(clone) == 0
