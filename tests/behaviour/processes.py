"""Programs of a few lines in a Python of their own: what is global can be set only once per process."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]

PRELUDE = """
import json, logging, sys
lines = []
class Keep(logging.Handler):
    def emit(self, record): lines.append(record.getMessage())
logging.getLogger("otel_perf").addHandler(Keep())
"""


def run_python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the repository, with nothing of OpenTelemetry in its environment but what is given."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PYTHON"))}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        env={**inherited, "PYTHONPATH": str(REPOSITORY), **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def seen_by(program: str, **environment: str) -> Any:
    """What a program printed as JSON at its end; ``lines`` holds what our logger said."""
    finished = run_python("-c", PRELUDE + textwrap.dedent(program), **environment)

    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)
