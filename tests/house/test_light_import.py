"""What ``import otel_perf`` costs: the modules that it loads, and the time that they take."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.behaviour.processes import run_python

HEAVY = (
    "asyncio", "click", "grpc", "google.protobuf", "http.client", "msgspec", "opentelemetry.exporter",
    "opentelemetry.proto", "opentelemetry.sdk", "psutil", "requests", "rich", "sqlite3", "ssl", "unittest", "urllib3",
    "yaml",
)  # fmt: skip
ADDED_MS = 20
RUNS = 5

PROGRAM = """
import json, sys, time
def clock(): return 1e3 * time.process_time()
begin = clock()
import opentelemetry.context, opentelemetry.trace, opentelemetry.util.types
api = clock()
before = set(sys.modules)
import otel_perf
otel_perf.tool, otel_perf.tool_call, otel_perf.agent
end = clock()
print(json.dumps({"api_ms": api - begin, "added_ms": end - api, "modules": sorted(set(sys.modules) - before)}))
"""


def imported() -> dict[str, Any]:
    """One import in a fresh interpreter."""
    finished = run_python("-c", PROGRAM)
    assert finished.returncode == 0, finished.stderr
    found: dict[str, Any] = json.loads(finished.stdout)
    return found


def test_t89_no_heavy_module_is_loaded() -> None:
    """T-89: neither the SDK nor any of our third-party packages, nor what of the standard library is slow to load."""
    modules = imported()["modules"]

    assert "otel_perf.tracing.tool" in modules
    assert [name for name in modules if any(f"{name}.".startswith(f"{heavy}.") for heavy in HEAVY)] == []


@pytest.mark.serial
def test_t89_the_import_takes_20_ms_more_than_that_of_the_api(record_figure: Callable[..., None]) -> None:
    """T-89: processor time, the shortest of several; on a slow machine no more than the API's own import takes."""
    runs = [imported() for _ in range(RUNS)]
    added, api = min(run["added_ms"] for run in runs), min(run["api_ms"] for run in runs)

    record_figure("T-89", added_ms=round(added, 1), api_ms=round(api, 1), modules=len(runs[0]["modules"]))
    assert added <= max(ADDED_MS, api), f"{added:.1f} ms, the API {api:.1f} ms"


@pytest.mark.serial
def test_t89_our_own_modules_take_20_ms(record_figure: Callable[..., None]) -> None:
    """T-89: by ``-X importtime``, the shortest of several; on a slow machine four times what the API's own take."""
    runs = [own_ms() for _ in range(RUNS)]
    ours, api = (min(run[part] for run in runs) for part in ("otel_perf", "opentelemetry"))

    record_figure("T-89", ours_ms=round(ours, 1), api_ms=round(api, 1))
    assert 0 < ours <= max(ADDED_MS, 4 * api), f"{ours:.1f} ms, the API {api:.1f} ms"


def own_ms() -> dict[str, float]:
    """What the modules of two packages take themselves, without what they import."""
    lines = run_python("-X", "importtime", "-c", "import otel_perf; otel_perf.tool").stderr.splitlines()
    found = {"otel_perf": 0.0, "opentelemetry": 0.0}
    for line in lines[1:]:
        microseconds, _, name = (part.strip() for part in line.removeprefix("import time:").split("|"))
        package = name.partition(".")[0]
        if package in found:
            found[package] += int(microseconds) / 1e3
    return found
