"""The fast tests with the oldest versions that an install may find, and with the other Pythons of this machine (T-91).

``make soak`` makes the first environment. Of Pythons those count that were set up: ``python3.12 .ci/setup.py other``.
"""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
OTHERS = sorted(REPOSITORY.glob(".venv-3.*/bin/python"))
FOLDERS = ("behaviour", "config", "delivery", "meters", "pipeline", "runtime", "statistics", "testing", "tracing")

# Tests that compare with what only a newer SDK does, or look with what only a newer psutil has.
ROWS = (
    "attributes-otel_perf",
    "attributes-otel_perf on the application's provider",
    "attributes-sdk",
    "on purpose: attribute whose str raises-otel_perf on the application's provider",
    "on purpose: attribute whose str raises-sdk",
)
OF_NEWER_VERSIONS = (
    *(f"behaviour/test_behaviour_table.py::test_behaviour[{row}]" for row in ROWS),
    "delivery/test_prometheus_page.py::test_t59_only_the_loopback_is_bound",
    "delivery/test_prometheus_page.py::test_t65_half_open_connections_keep_nobody_waiting",
    "delivery/test_span_encoder.py::test_encoding_equals_the_official_one",
    "delivery/test_span_encoder.py::test_sdk_picture_equals_the_sdk_span",
    "delivery/test_span_request.py::test_resource_and_scope_equal_the_official_ones",
    "meters/test_owned.py::test_recording_a_bad_value_never_raises[nan]",
    "tracing/test_values.py::test_values_are_stored_as_the_sdk_does",
)

VERSIONS = """
import platform
from importlib.metadata import version
print(platform.python_version(), version("opentelemetry-sdk"))
"""


def fast_tests_with(python: Path, *options: str) -> dict[str, object]:
    """Run them; the versions and the numbers."""
    versions = subprocess.run([str(python), "-c", VERSIONS], capture_output=True, text=True, check=True).stdout.split()
    command = [str(python), "-m", "pytest", "-q", "--numprocesses", "2", "-p", "no:cacheprovider",
               "-m", "not soak and not serial", *options, *(f"tests/{folder}" for folder in FOLDERS)]  # fmt: skip
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))}
    done = subprocess.run(command, cwd=REPOSITORY, env=inherited, capture_output=True, text=True, check=False)
    counted = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped|error)", done.stdout)}
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return {"python": versions[0], "opentelemetry": versions[1], **counted}


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_t91_the_oldest_versions_that_are_allowed(lowest_python: Path, record_figure: Callable[..., None]) -> None:
    """T-91: all that is fast, with each requirement at its lower bound."""
    options = [f"--deselect=tests/{name}" for name in OF_NEWER_VERSIONS]
    found = fast_tests_with(lowest_python, *options)

    record_figure("T-91", **found)
    assert found["opentelemetry"] == "1.43.0"
    assert found["passed"] > 2000


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("python", OTHERS, ids=lambda path: path.parts[-3])
def test_t91_other_pythons(python: Path, record_figure: Callable[..., None]) -> None:
    """T-91: all that is fast, with each other Python that was set up here."""
    found = fast_tests_with(python)

    record_figure("T-91", **found)
    assert found["passed"] > 2000
