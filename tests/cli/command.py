"""Running ``otel-perf`` as a user does: a process of its own, whose Python finds the package."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

RUN = ("-m", "otel_perf", "run")

AGENT = """\
import otel_perf

@otel_perf.tool
def search(question):
    return [question] * 3

@otel_perf.tool
def answer(question):
    return " ".join(search(question))

for number in range(5):
    print(answer(f"q{number}"))
"""
"""A program that knows ``otel_perf.tool`` and nothing else of us."""


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a test's process: the package is found, whether it is installed or not."""
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    # Compiled files are kept: otherwise every process would spend its time on compiling the package anew.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", "COLUMNS": "80", **(more or {})}


def python(
    words: Sequence[str], folder: Path, *, text: str = "", more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run this Python with ``words`` in a folder and wait for its end."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment(more),
        input=text,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
