"""From an installed wheel to the first picture: an environment of its own, ten lines of program, one command."""

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

AGENT = """\
import otel_perf

@otel_perf.tool
def search(question):
    return [question] * 3

@otel_perf.tool
def answer(question):
    return " ".join(search(question))

print(answer("why"))
"""

# Put beside the installed packages: Python runs it at the start of every process of that environment.
WATCH = """\
import sys

def watch(event, arguments):
    if event.startswith("socket.") and event not in ("socket.__new__", "socket.gethostname"):
        with open({seen!r}, "a") as file:
            print(event, arguments, file=file)

sys.addaudithook(watch)
"""


def set_up() -> ModuleType:
    """The project's own way to an environment, with or without ``ensurepip``."""
    spec = importlib.util.spec_from_file_location("set_up", REPOSITORY / ".ci" / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run to the end; only what is given is in the environment."""
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The folder of commands of an environment with the wheel, the locked packages and nothing else."""
    environment = tmp_path / "environment"
    pip = [*set_up().pip_for(environment), "--disable-pip-version-check", "--no-input", "-q"]
    built = tmp_path / "built"
    steps = [
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(built), str(REPOSITORY)],
        [*pip, "install", "--require-hashes", "--requirement", str(REPOSITORY / "requirements-run.lock")],
    ]
    for step in steps:
        done = run(step, tmp_path, **os.environ)
        assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = built.glob("*.whl")
    done = run([*pip, "install", "--no-deps", "--no-index", str(wheel)], tmp_path, **os.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return environment / "bin"


@pytest.mark.serial
@pytest.mark.timeout(600)
def test_the_first_picture_after_an_install(
    installed: Path, tmp_path: Path, record_figure: Callable[..., None]
) -> None:
    """``otel-perf run -- python agent.py`` shows the calls within ten seconds: no account, no settings, no network."""
    seen, work = tmp_path / "sockets", tmp_path / "work"
    work.mkdir()
    (work / "agent.py").write_text(AGENT)
    (packages,) = installed.parent.glob("lib/python*/site-packages")
    (packages / "sitecustomize.py").write_text(WATCH.format(seen=str(seen)))
    path = os.pathsep.join([str(installed), str(Path(shutil.which("sh") or "/bin/sh").parent)])
    surroundings = {"PATH": path, "HOME": str(work)}

    begun = time.monotonic()
    finished = run([str(installed / "otel-perf"), "run", "--", "python", "agent.py"], work, **surroundings)
    seconds = time.monotonic() - begun

    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == "why why why\n"
    lines = finished.stderr.splitlines()
    answer = next(number for number, line in enumerate(lines) if line.split()[:1] == ["answer"])
    assert "search" in lines[answer + 1]
    assert "2 calls = 2 recorded + 0 sampled out + 0 disabled" in finished.stderr
    assert not seen.exists(), seen.read_text()
    assert seconds <= 10
    assert [name.name for name in work.iterdir()] == ["agent.py"]
    record_figure("first picture", seconds=round(seconds, 2))

    check = run(["python", "-c", "import otel_perf; print(otel_perf.__file__)"], work, **surroundings)
    assert str(packages) in check.stdout


@pytest.mark.serial
@pytest.mark.timeout(600)
def test_the_watch_would_have_seen_a_connection(tmp_path: Path) -> None:
    """The check above can fail: the same watch writes a connection down."""
    seen = tmp_path / "sockets"
    (tmp_path / "sitecustomize.py").write_text(WATCH.format(seen=str(seen)))
    program = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', 9))"
    run([sys.executable, "-c", program], tmp_path, PYTHONPATH=str(tmp_path))
    assert "socket.connect" in seen.read_text()
