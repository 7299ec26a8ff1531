"""From the running whole to the run summary."""

from typing import TYPE_CHECKING

from otel_perf.core import clock
from otel_perf.core.guard import guard
from otel_perf.reports.metric_values import metric_values
from otel_perf.reports.run_summary import OpenCall, Overhead, RunSummary

if TYPE_CHECKING:
    from otel_perf.runtime.engine import Engine

__all__ = ["summarise"]


def summarise(engine: "Engine") -> RunSummary:
    """What ran so far. The calling thread's overhead is not measured here, so it is absent."""
    found = engine.look()
    calls, destinations = engine.balances()
    return RunSummary.build(
        tree=found.tree.tree(),
        slowest=found.slowest,
        tools=found.tools,
        calls=calls,
        destinations=destinations,
        open_calls=[OpenCall(call.tool, call.age_seconds, call.agent) for call in engine.running()],
        overhead=Overhead(
            worker_cpu_seconds=engine.worker.cpu_ns / 1e9,
            process_cpu_seconds=(clock.process_cpu_ns() - engine.cpu_at_start_ns) / 1e9,
            internal_errors=guard.total(),
        ),
        metrics=metric_values(engine.metrics_out.readings()),
        elapsed_seconds=(clock.monotonic_ns() - engine.started_ns) / 1e9,
    )
