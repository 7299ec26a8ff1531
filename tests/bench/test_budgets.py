"""The budgets of single calls, slow tools and OpenTelemetry's own format, at full length.

A benchmark wants a quiet machine: ``pytest -m soak -k "t83 or t84 or t88"`` runs these three and nothing else.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict

import pytest

from otel_perf.bench import load_run
from otel_perf.bench.budgets import BUDGETS
from otel_perf.bench.plan import FULL
from otel_perf.bench.process import Sink
from otel_perf.bench.report import Latency, SteadyLoad

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800), pytest.mark.xdist_group("bench")]


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A backend of its own."""
    with Sink() as started:
        yield started


def quiet(_what: str) -> None:
    """Nobody watches."""


def shown(row: Latency | SteadyLoad) -> dict[str, float]:
    """Its numbers, rounded."""
    numbers = {name: value for name, value in asdict(row).items() if isinstance(value, int | float)}
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in numbers.items()}


def test_t83_what_a_call_costs_under_load(sink: Sink, record_figure: Callable[..., None]) -> None:
    """T-83: each call timed, with every kind of backend: median, p99 and p99.9 within the budgets."""
    rows = {(row.subject, row.backend): row for row in load_run.time_single_calls(sink, FULL, quiet)}
    record_figure("T-83", **{f"{name}, {backend}": shown(row) for (name, backend), row in rows.items()})

    healthy = rows["otlp", "healthy"]
    measured = {
        "p50_us": healthy.p50_us,
        "p99_healthy_us": healthy.p99_us,
        "p999_healthy_us": healthy.p999_us,
        "p99_refused_us": rows["otlp", "refused"].p99_us,
        "p99_silent_us": rows["otlp", "silent"].p99_us,
        "p99_full_us": rows["full", "healthy"].p99_us,
    }
    assert {name: value for name, value in measured.items() if value > BUDGETS[name].limit} == {}
    assert healthy.lost == 0


def test_t84_what_tools_of_10_ms_cost(sink: Sink, record_figure: Callable[..., None]) -> None:
    """T-84: 8 threads, traced and untraced in turns: at most 1 % longer, by the upper end of the 95 % interval."""
    percent = load_run.slow_tools(sink, FULL, quiet)

    record_figure("T-84", added_percent_upper_95=round(percent, 2), pairs=FULL.slow_rounds)
    assert percent <= BUDGETS["slow_tools_percent"].limit


def test_t88_ten_thousand_spans_a_second(sink: Sink, record_figure: Callable[..., None]) -> None:
    """T-88: OpenTelemetry's benchmark format: ten repeats of 15 s at 60 % of a core at most, and every span arrives."""
    loads = load_run.steady_loads(sink, FULL, quiet)
    record_figure("T-88", **{load.subject: shown(load) for load in loads})

    (ours,) = [load for load in loads if load.subject == "otlp"]
    assert 100 * ours.cpu_mean <= BUDGETS["benchmark_percent"].limit
    assert ours.lost == 0
    assert ours.rate >= 0.95 * FULL.benchmark_rate
    assert (ours.repeats, FULL.benchmark_seconds) == (10, 15.0)
