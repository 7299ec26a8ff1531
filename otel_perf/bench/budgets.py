"""The promises: what each measured value must not exceed. The README's table and ``--check`` are made from these."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from otel_perf.bench.report import Budget

__all__ = ["BUDGETS", "judge"]


class _Promise(NamedTuple):
    """A budget before anything was measured."""

    what: str
    limit: float
    unit: str


RATIO: Final = "x"

BUDGETS: Final[Mapping[str, _Promise]] = {
    "leaf_to_span": _Promise("calling thread, leaf call, to an SDK span", 0.08, RATIO),
    "leaf_to_span_and_metrics": _Promise("calling thread, leaf call, to SDK span + histogram + counter", 0.05, RATIO),
    "leaf_us": _Promise("calling thread, leaf call", 1.5, "us"),
    "attributes_to_span": _Promise("the same with three attributes set, to an SDK span with them", 0.13, RATIO),
    "nested_to_spans": _Promise("the same with an SDK child span inside, to two SDK spans", 0.6, RATIO),
    "cold_us": _Promise("a call after the processor's caches were flushed", 15, "us"),
    "cpu_to_span_and_metrics": _Promise(
        "processor time of all threads, to SDK span + histogram + counter", 0.25, RATIO
    ),
    "p50_us": _Promise("median added to a call under load", 50, "us"),
    "p99_healthy_us": _Promise("p99 added to a call under load, backend healthy", 100, "us"),
    "p99_refused_us": _Promise("p99 added to a call under load, backend gone", 100, "us"),
    "p99_silent_us": _Promise("p99 added to a call under load, backend never answers", 100, "us"),
    "p99_full_us": _Promise("p99 added to a call while the queue is full", 100, "us"),
    "p999_healthy_us": _Promise("p99.9 added to a call under load, backend healthy", 1000, "us"),
    "loop_lag_ms": _Promise("event-loop lag, p99.9 traced less p99.9 untraced", 1, "ms"),
    "slow_tools_percent": _Promise("time added to tools of 10 ms on 8 threads (upper end of 95 %)", 1, "%"),
    "queued_leaf_bytes": _Promise("memory of a queued leaf call", 256, "B"),
    "queued_ids_bytes": _Promise("memory of a queued call whose ids were read", 540, "B"),
    "queued_attributes_bytes": _Promise("memory of a queued call with three attributes", 580, "B"),
    "resident_mib": _Promise("resident memory after many calls, over the plain SDK with its exporter", 24, "MiB"),
    "import_ms": _Promise("import otel_perf and its decorators, over the OTel API's own import", 20, "ms"),
    "instrument_ms": _Promise("instrument() with OTLP/HTTP, all imports included", 250, "ms"),
    "exit_ms": _Promise("end of the process, backend healthy, over the application's own", 300, "ms"),
    "dead_exit_ms": _Promise("end of the process, backend never answers, over the application's own", 5500, "ms"),
    "idle_percent": _Promise("idle cost of instrument() with every probe on, of one core", 0.2, "%"),
    "benchmark_percent": _Promise("10,000 spans/s, of one core", 60, "%"),
}
"""By key. Sources: the design's table of budgets, and the reliability catalogue (rows T-83, T-84, T-88)."""


def judge(values: Mapping[str, float]) -> tuple[Budget, ...]:
    """Put the measured values beside their limits, in the table's order.

    Raises:
        KeyError: A value has no budget.
    """
    strangers = values.keys() - BUDGETS.keys()
    if strangers:
        raise KeyError(*strangers)
    return tuple(
        Budget(key, promise.what, values.get(key), promise.limit, promise.unit) for key, promise in BUDGETS.items()
    )
