"""One process, several ``instrument()``: whose provider is used each time."""

import subprocess
import sys

PROGRAM = """
import otel_perf
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

first = otel_perf.instrument(set_global=False)
print(first.status().provider, type(trace.get_tracer_provider()).__name__)
first.shutdown()
{between}
second = otel_perf.instrument()
print(second.status().provider, type(trace.get_tracer_provider()).__name__)
second.shutdown()
third = otel_perf.instrument(set_global=False)
print(third.status().provider)
third.shutdown()
"""


def run(between: str) -> list[str]:
    """The program's lines."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM.format(between=between)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:3]


def test_a_private_provider_becomes_global_when_that_is_asked_for() -> None:
    """``set_global=False`` at first does not keep a later ``instrument()`` from being seen by other libraries."""
    assert run("") == ["private ProxyTracerProvider", "owned TracerProvider", "owned"]


def test_a_provider_that_the_application_sets_in_between_is_adopted() -> None:
    """Ours was private, so the application's could become the global one; from then on it is used."""
    assert run("trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))") == [
        "private ProxyTracerProvider",
        "adopted TracerProvider",
        "adopted",
    ]
