"""``otel-perf overhead``: what a traced call costs, beside the OpenTelemetry SDK doing the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from otel_perf.bench.report import Report
    from otel_perf.bench.tables import TextTable

__all__ = ["command"]

FILE = click.Path(dir_okay=False, writable=True, path_type=Path)


@click.command(short_help="Measure what a traced call costs here.")
@click.option("--quick", is_flag=True, help="A first impression in about a minute; without it about twelve.")
@click.option("--json", "json_file", metavar="FILE", type=FILE, help="Write everything as JSON, too.")
@click.option("--markdown", "markdown_file", metavar="FILE", type=FILE, help="Write the tables as Markdown, too.")
@click.option("--check", is_flag=True, help="End with 1 when a budget was missed.")
def command(quick: bool, json_file: Path | None, markdown_file: Path | None, check: bool) -> int:  # noqa: FBT001 - click passes options by name
    """Measure what a traced call costs on this machine, beside the OpenTelemetry SDK doing the same work.

    Every subject runs in a process of its own, against a backend that answers at once, in turns with the others.
    A noisy machine moves all of them alike: look at the ratios.
    """
    from rich.console import Console

    from otel_perf.bench.overhead import measure
    from otel_perf.bench.plan import FULL, QUICK
    from otel_perf.bench.tables import to_markdown

    errors = Console(stderr=True)
    if errors.is_terminal:
        with errors.status("overhead") as status:
            report = measure(QUICK if quick else FULL, status.update)
    else:
        report = measure(QUICK if quick else FULL, _tell_nobody)
    _show(report, Console())
    if json_file is not None:
        json_file.write_text(report.to_json() + "\n", encoding="utf-8")
    if markdown_file is not None:
        markdown_file.write_text(to_markdown(report), encoding="utf-8")
    return 1 if check and report.missed else 0


def _tell_nobody(what: str) -> None:
    """No terminal, no progress: a log wants results only."""


def _show(report: Report, console: Console) -> None:
    from otel_perf.bench.tables import headline, tables
    from otel_perf.reports.terminal import draw_fitting

    def draw(target: Console) -> None:
        target.print(headline(report), highlight=False)
        for table in tables(report):
            target.print("", _drawn(table), table.note, sep="\n", highlight=False, markup=False)

    draw_fitting(console, draw)


def _drawn(table: TextTable) -> object:
    from rich import box
    from rich.table import Table

    drawn = Table(title=table.title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for position, name in enumerate(table.columns):
        drawn.add_column(name, justify="right" if position else "left", overflow="fold")
    for position, row in enumerate(table.rows):
        drawn.add_row(*row, style="red" if position in table.alarming else None)
    return drawn
