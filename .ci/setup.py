"""Set up a virtual environment of this clone from its lock: ``setup.py run|dev|foreign|servers|lowest|other``.

``run`` and ``dev`` share ``.venv`` (what ``dev`` installs includes ``run``); ``foreign`` is
``.venv-foreign``, other people's code with the SDK that it asks for; ``servers`` is ``.venv-servers``,
servers that fork; ``lowest`` is ``.venv-lowest``, the oldest versions that are allowed; ``other`` is
``.venv-3.x``, the versions of ``dev`` for another Python than the usual one.
Prints the path of the environment's Python on standard output, progress on standard error.

A stamp inside the environment says what it was made from, so that a second call does nothing,
a changed lock or another Python makes it anew, and so does a clone that was moved.
Needs a Python with pip or ensurepip, and nothing else.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)

# Each kind: its folder, and its locks, of which the last one names all that is installed.
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "run": (".venv", ("requirements-run.lock",)),
    "dev": (".venv", ("requirements-run.lock", "requirements-dev.lock")),
    "foreign": (".venv-foreign", ("requirements-foreign.lock",)),
    "servers": (".venv-servers", ("requirements-servers.lock",)),
    "lowest": (".venv-lowest", ("requirements-lowest.lock",)),
    "other": (f".venv-{sys.version_info[0]}.{sys.version_info[1]}", ("requirements-dev.lock",)),
}

EXIT_NOT_POSSIBLE_HERE = 2


class Stamp(TypedDict):
    """What an environment was made from."""

    base: str
    locks: dict[str, str]
    project: str


def main() -> None:
    """Make the environment that the command line asks for, or find that it is there."""
    parser = argparse.ArgumentParser(description="Set up a virtual environment of this clone from its lock.")
    parser.add_argument("kind", choices=sorted(KINDS))
    kind = parser.parse_args().kind
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        stop(f"needs Python 3.11 or newer, and {sys.executable} is {found}; run: make PYTHON=python3.11 ...")
    folder, locks = KINDS[kind]
    with one_at_a_time():
        set_up(ROOT / folder, locks)
    print(python_of(ROOT / folder))


def set_up(environment: Path, locks: tuple[str, ...]) -> None:
    """Bring ``environment`` to what ``locks`` and the project's metadata say; nothing to do is the usual case."""
    stamp = read_stamp(environment)
    if stamp is None or not still_holds(stamp, environment):
        stamp = Stamp(base=base(environment), locks={}, project="")
        shutil.rmtree(environment, ignore_errors=True)
    missing = [name for name in locks if name not in stamp["locks"]]
    project = digest("pyproject.toml", "otel_perf/_version.py")
    if not missing and stamp["project"] == project:
        return
    say(
        f"setting up {environment.name} from {locks[-1]}"
        if missing
        else f"installing the project in {environment.name}"
    )
    pip = pip_for(environment)
    if missing:
        stamp_path(environment).unlink(missing_ok=True)
        install(pip, "--require-hashes", "--requirement", locks[-1])
        stamp["locks"].update({name: digest(name) for name in locks})
        write_stamp(environment, stamp)
    if stamp["project"] != project:
        # After the lock, which brings the build backend: an isolated build would fetch unpinned packages.
        install(pip, "--no-deps", "--no-build-isolation", "--editable", ".")
        stamp["project"] = project
        write_stamp(environment, stamp)


def still_holds(stamp: Stamp, environment: Path) -> bool:
    """Whether all that was installed is what its locks say today, by the Python that is asked for."""
    return (
        stamp["base"] == base(environment)
        and python_of(environment).exists()
        and all((ROOT / name).exists() and digest(name) == made_from for name, made_from in stamp["locks"].items())
    )


def base(environment: Path) -> str:
    """What an environment cannot outlive: the Python it was made with, and its own place on the disk."""
    return f"{sys.version} at {os.path.realpath(sys.executable)} for {environment}"


def digest(*names: str) -> str:
    """One digest over some files of the clone."""
    content = hashlib.sha256()
    for name in names:
        content.update((ROOT / name).read_bytes())
    return content.hexdigest()


def stamp_path(environment: Path) -> Path:
    """Where the stamp of an environment is kept."""
    return environment / "made-from.json"


def read_stamp(environment: Path) -> Stamp | None:
    """The stamp of an environment; ``None`` when there is none to be trusted."""
    try:
        found = json.loads(stamp_path(environment).read_text(encoding="utf-8"))
        return Stamp(base=found["base"], locks=dict(found["locks"]), project=found["project"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_stamp(environment: Path, stamp: Stamp) -> None:
    """Say what the environment was made from, so far."""
    stamp_path(environment).write_text(json.dumps(stamp, indent=1), encoding="utf-8")


def python_of(environment: Path) -> Path:
    """The Python of an environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pip_for(environment: Path) -> list[str]:
    """The environment, made if need be, and the command line of a pip that installs into it.

    Debian ships ``venv`` without ``ensurepip``; then a pip beside the system's Python does the work from outside.
    """
    python = python_of(environment)
    if python.exists() and works(str(python), "-m", "pip", "--version"):
        return [str(python), "-m", "pip"]
    if not python.exists() and works(sys.executable, "-c", "import ensurepip, venv"):
        if works(sys.executable, "-m", "venv", str(environment)):
            return [str(python), "-m", "pip"]
        shutil.rmtree(environment, ignore_errors=True)
    if not works(sys.executable, "-m", "pip", "--version"):
        stop("python3 has neither venv nor pip; run: apt-get install -y python3-venv")
    if not python.exists() and not works(sys.executable, "-m", "venv", "--without-pip", str(environment)):
        stop("python3 has no venv; run: apt-get install -y python3-venv")
    return [sys.executable, "-m", "pip", "--python", str(python)]


def works(*command: str) -> bool:
    """Whether a command ends with 0."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0


def install(pip: list[str], *arguments: str) -> None:
    """Run ``pip install``; its own words explain a failure."""
    quiet = ["install", "--quiet", "--disable-pip-version-check", "--no-input"]
    result = subprocess.run([*pip, *quiet, *arguments], cwd=ROOT, stdout=sys.stderr, check=False)
    if result.returncode != 0:
        stop("pip could not install what the lock names (its message is above)", code=1)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two calls at once in one clone take turns. The lock is on the clone's own folder and goes with the process."""
    if os.name == "nt":
        yield
        return
    import fcntl  # noqa: PLC0415 - not on every platform

    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def say(text: str) -> None:
    """One line for whoever waits."""
    print(f"otel-perf: {text}", file=sys.stderr, flush=True)


def stop(text: str, code: int = EXIT_NOT_POSSIBLE_HERE) -> NoReturn:
    """End with one line that says what to do."""
    say(text)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
