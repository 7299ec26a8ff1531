"""One run: every measurement, in one go on one machine, and its report."""

import time
from collections.abc import Callable, Iterable

from otel_perf.bench import cost_run, load_run, start_run
from otel_perf.bench.budgets import judge
from otel_perf.bench.machine import describe_machine
from otel_perf.bench.plan import Plan
from otel_perf.bench.process import Sink
from otel_perf.bench.report import CallCost, Latency, ProcessCost, Report, SteadyLoad

__all__ = ["measure"]


def measure(plan: Plan, tell: Callable[[str], None]) -> Report:
    """Run everything that a plan asks for.

    Args:
        plan: How much.
        tell: Is told what is being measured, whenever that changes.

    Raises:
        BenchmarkError: A process of the run ended before its time; there is no report then.
    """
    start = time.perf_counter()
    machine = describe_machine()
    with Sink() as sink:
        values = start_run.starts(sink, plan, tell)
        calls = (*cost_run.time_calls(sink, plan, tell), *cost_run.time_cold_calls(sink, plan, tell))
        processes = cost_run.time_processes(sink, plan, tell)
        latencies = load_run.time_single_calls(sink, plan, tell)
        values["loop_lag_ms"] = load_run.loop_lag(sink, plan, tell)
        values["slow_tools_percent"] = load_run.slow_tools(sink, plan, tell)
        values |= start_run.queued(sink, plan, tell)
        values["resident_mib"] = start_run.resident(sink, plan, tell)
        values |= start_run.ends(sink, plan, tell)
        values["idle_percent"] = start_run.idle(sink, plan, tell)
        steady = load_run.steady_loads(sink, plan, tell)
    values |= {**_from_calls(calls), **_from_processes(processes), **_from_loads(latencies, steady)}
    seconds = round(time.perf_counter() - start, 1)
    return Report(machine, plan.name, seconds, judge(values), calls, processes, latencies, steady)


def _from_calls(calls: Iterable[CallCost]) -> dict[str, float]:
    ours = {cost.workload: cost for cost in calls if cost.subject == "otlp"}
    values = {
        "leaf_to_span": ours["leaf"].to_span,
        "leaf_to_span_and_metrics": ours["leaf"].to_span_and_metrics,
        "leaf_us": ours["leaf"].wall_us,
        "attributes_to_span": ours["attributes"].to_span,
        "nested_to_spans": ours["nested"].to_span,
        "cold_us": ours["cold"].wall_us,
    }
    return {key: value for key, value in values.items() if value is not None}


def _from_processes(processes: Iterable[ProcessCost]) -> dict[str, float]:
    ratio = next(cost.to_span_and_metrics for cost in processes if cost.subject == "otlp")
    return {} if ratio is None else {"cpu_to_span_and_metrics": ratio}


def _from_loads(latencies: Iterable[Latency], steady: Iterable[SteadyLoad]) -> dict[str, float]:
    found = {(row.subject, row.backend): row for row in latencies}
    healthy = found["otlp", "healthy"]
    return {
        "p50_us": healthy.p50_us,
        "p99_healthy_us": healthy.p99_us,
        "p999_healthy_us": healthy.p999_us,
        "p99_refused_us": found["otlp", "refused"].p99_us,
        "p99_silent_us": found["otlp", "silent"].p99_us,
        "p99_full_us": found["full", "healthy"].p99_us,
        "benchmark_percent": next(100 * row.cpu_mean for row in steady if row.subject == "otlp"),
    }
