"""A report as tables of text: one form for the terminal and for Markdown."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from otel_perf.bench.report import CallCost, Report
from otel_perf.bench.subjects import LEGEND, SUBJECTS

__all__ = ["TextTable", "headline", "tables", "to_markdown"]

ABSENT: Final = "-"
WORKLOAD_TITLES: Final = {
    "leaf": "leaf",
    "attributes": "3 attributes",
    "nested": "SDK child",
    "coroutine": "coroutine",
    "cold": "cold",
}
BACKENDS: Final = {"healthy": "healthy", "refused": "gone", "silent": "silent"}


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table that holds text only.

    Attributes:
        title: Above it.
        note: One sentence on how to read it.
        columns: Heads; the first column is text, the others hold numbers.
        rows: As many cells as there are columns.
        alarming: Numbers of the rows that tell of a missed budget.
    """

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    alarming: frozenset[int] = frozenset()


def headline(report: Report) -> str:
    """Where and when this was measured, in one line."""
    machine = report.machine
    load = "" if machine.load is None else f", load {machine.load} before the run"
    return (
        f"{machine.cpu}, {machine.cores} cores, {machine.system}, {machine.python}, OpenTelemetry "
        f"{machine.opentelemetry}, otel_perf {machine.otel_perf}; {report.plan} run of {report.seconds:.0f} s{load}"
    )


def tables(report: Report) -> Iterator[TextTable]:
    """All tables, the most important first."""
    yield _budgets(report)
    yield _calls(report)
    yield _processes(report)
    yield _latencies(report)
    yield _steady(report)


def to_markdown(report: Report) -> str:
    """The report as a Markdown document."""
    parts = ["# What a traced call costs", f"Made by `otel-perf overhead --markdown`. {headline(report)}."]
    for table in tables(report):
        parts.extend((f"## {table.title}", table.note, _markdown_table(table)))
    return "\n\n".join(parts) + "\n"


def _markdown_table(table: TextTable) -> str:
    dashes = ["---", *["---:"] * (len(table.columns) - 1)]
    rows = (table.columns, dashes, *table.rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def number(value: float | None, unit: str = "") -> str:
    """Three digits that count, and the unit; a dash for what was not measured."""
    if value is None:
        return ABSENT
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3  # noqa: PLR2004 - magnitudes
    return f"{value:,.{digits}f}{f' {unit}' if unit else ''}"


def ratio(value: float | None) -> str:
    """A ratio to the thousandth."""
    return ABSENT if value is None else f"{value:.3f}"


def count(value: int | None) -> str:
    """A whole number with separators."""
    return ABSENT if value is None else f"{value:,}"


def _budgets(report: Report) -> TextTable:
    said = {True: "yes", False: "NO", None: "not measured"}
    rows = tuple(
        (budget.what, number(budget.value, budget.unit), f"{budget.limit:g} {budget.unit}", said[budget.met])
        for budget in report.budgets
    )
    missed = frozenset(row for row, budget in enumerate(report.budgets) if budget.met is False)
    note = (
        "Ratios are medians of pairs that were measured next to each other in one run, so a busy machine cancels out."
    )
    return TextTable("Budgets", note, ("what", "measured", "budget", "met"), rows, missed)


def _calls(report: Report) -> TextTable:
    subjects = dict.fromkeys(cost.subject for cost in report.calls)
    found = {(cost.subject, cost.workload): cost for cost in report.calls}
    rows = tuple(
        (SUBJECTS[subject], *(_cost(found.get((subject, workload))) for workload in WORKLOAD_TITLES))
        for subject in subjects
    )
    note = (
        "Microseconds (us) of the thread's own processor time that tracing adds to one call, and in brackets "
        f"the ratio to an SDK span doing the same work. {LEGEND}"
    )
    return TextTable("On the calling thread", note, ("subject", *WORKLOAD_TITLES.values()), rows)


def _cost(cost: CallCost | None) -> str:
    return ABSENT if cost is None else f"{number(cost.cpu_us)} ({ratio(cost.to_span)})"


def _processes(report: Report) -> TextTable:
    rows = tuple(
        (SUBJECTS[cost.subject], number(cost.cpu_us), ratio(cost.to_span_and_metrics), count(cost.lost))
        for cost in report.processes
    )
    note = (
        "Microseconds (us) of processor time of all threads per call, until the span is delivered, beyond the same "
        "load untraced."
    )
    return TextTable("In the whole process", note, ("subject", "us", "to span + metrics", "lost"), rows)


def _latencies(report: Report) -> TextTable:
    rows = tuple(
        (
            SUBJECTS[row.subject],
            BACKENDS[row.backend],
            number(row.p50_us),
            number(row.p99_us),
            number(row.p999_us),
            number(row.max_us),
            count(row.calls),
            count(row.lost),
            count(row.told),
        )
        for row in report.latencies
    )
    columns = ("subject", "backend", "p50", "p99", "p99.9", "max", "calls", "lost", "told")
    note = (
        "Microseconds (us) by the clock that tracing adds to single calls under load. Lost: spans that did not arrive. "
        "Told: spans that the subject itself says it lost."
    )
    return TextTable("Latency under load", note, columns, rows)


def _steady(report: Report) -> TextTable:
    rows = tuple(
        (
            SUBJECTS[row.subject],
            count(row.repeats),
            number(row.rate),
            _spread(100 * row.cpu_mean, None if row.cpu_deviation is None else 100 * row.cpu_deviation),
            number(100 * row.cpu_peak),
            _spread(row.rss_mean_mib, row.rss_deviation_mib),
            count(row.lost),
        )
        for row in report.steady
    )
    columns = ("subject", "repeats", "spans/s", "CPU %", "peak CPU %", "RSS MiB", "lost")
    note = (
        "OpenTelemetry's benchmark format: 10,000 spans per second wanted, mean ± standard deviation over repeats in "
        "fresh processes, the backend in a process of its own."
    )
    return TextTable("OpenTelemetry's benchmark", note, columns, rows)


def _spread(mean: float, deviation: float | None) -> str:
    return number(mean) if deviation is None else f"{number(mean)} ± {number(deviation)}"
