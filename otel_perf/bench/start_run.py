"""What starting and ending cost, each in fresh interpreters; and memory, and doing nothing."""

import time
from collections.abc import Callable
from statistics import median
from typing import Final

from otel_perf.bench.load_run import silent_backend
from otel_perf.bench.plan import Plan
from otel_perf.bench.process import BenchmarkError, Child, Sink, python

__all__ = ["ends", "idle", "queued", "resident", "starts"]

API: Final = "import opentelemetry.context, opentelemetry.trace, opentelemetry.util.types"
OURS: Final = "import otel_perf; otel_perf.tool, otel_perf.tool_call, otel_perf.agent"
INSTRUMENT: Final = "import otel_perf; otel_perf.instrument(service_name='overhead', endpoint={endpoint!r})"

TIMED: Final = """
import sys, time
sys.dont_write_bytecode = False
{before}
start = time.process_time()
{timed}
print(time.process_time() - start, flush=True)
"""
"""Prints the seconds that its timed part takes: processor time, since a start waits for nothing but the processor.

Installed packages are compiled; so is a clone after the first start, whatever ``PYTHONDONTWRITEBYTECODE`` says.
"""

PROGRAM: Final = """
import sys
sys.dont_write_bytecode = False
{start}
import otel_perf
call = otel_perf.tool("leaf")(abs)
for number in range(1000):
    call(number)
print("end", flush=True)
"""
"""Says when its own work is done; what follows is its end."""


def starts(sink: Sink, plan: Plan, tell: Callable[[str], None]) -> dict[str, float]:
    """Imports and ``instrument()``, in milliseconds: medians over interpreters started in turns."""
    endpoint = sink.endpoint("start")
    scripts = {
        "import": TIMED.format(before=API, timed=OURS),
        "instrument": TIMED.format(before="", timed=INSTRUMENT.format(endpoint=endpoint)),
    }
    found: dict[str, list[float]] = {name: [] for name in scripts}
    for _ in range(plan.starts):
        for name, script in scripts.items():
            tell(f"start: {name}")
            found[name].append(1e3 * float(_output(script)))
    return {"import_ms": median(found["import"]), "instrument_ms": median(found["instrument"])}


def _output(script: str) -> str:
    with python("-c", script) as process:
        output, _ = process.communicate()
    if process.returncode:
        raise BenchmarkError(f"a start was measured with a script that failed (exit code {process.returncode})")
    return output


def ends(sink: Sink, plan: Plan, tell: Callable[[str], None]) -> dict[str, float]:
    """From the last line of a program until its process is gone, in milliseconds over the same without us."""
    plain = PROGRAM.format(start="")
    healthy = PROGRAM.format(start=INSTRUMENT.format(endpoint=sink.endpoint("end")))
    over = []
    for _ in range(plan.starts):
        tell("end of a process")
        over.append(_end_ms(healthy) - _end_ms(plain))
    found = {"exit_ms": median(over)}
    if plan.dead_exits:
        with silent_backend() as silent:
            dead = PROGRAM.format(start=INSTRUMENT.format(endpoint=silent))
            tell("end of a process, backend silent")
            found["dead_exit_ms"] = median(_end_ms(dead) - _end_ms(plain) for _ in range(plan.dead_exits))
    return found


def _end_ms(script: str) -> float:
    with python("-c", script) as process:
        if process.stdout is None or not process.stdout.readline():
            raise BenchmarkError("an end was measured with a program that did not reach its own")
        start = time.perf_counter()
        process.wait()
        return 1e3 * (time.perf_counter() - start)


def idle(sink: Sink, plan: Plan, tell: Callable[[str], None]) -> float:
    """Processor time of an instrumented process that does nothing, with every probe on, in percent of one core."""
    tell("doing nothing")
    with Child("probes", sink.endpoint("idle")) as child:
        return 100 * float(child.ask("idle", seconds=plan.idle_seconds)["cpu_share"])


def queued(sink: Sink, plan: Plan, tell: Callable[[str], None]) -> dict[str, float]:
    """Bytes of a call that waits in the queue."""
    tell("memory of queued calls")
    with Child("otlp", sink.endpoint("queued")) as child:
        return {
            f"queued_{kind}_bytes": child.ask("queued_bytes", kind=kind, calls=plan.queued_calls)["bytes"]
            for kind in ("leaf", "ids", "attributes")
        }


def resident(sink: Sink, plan: Plan, tell: Callable[[str], None]) -> float:
    """Resident memory after many calls, in MiB over that of the plain SDK with its exporter."""
    found = {}
    for name in ("sdk", "otlp"):
        tell(f"resident memory after {plan.resident_calls:,} calls: {name}")
        with Child(name, sink.endpoint("resident")) as child:
            found[name] = float(child.ask("resident", calls=plan.resident_calls)["rss_mib"])
    return found["otlp"] - found["sdk"]
