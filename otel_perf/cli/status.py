"""``otel-perf status``: the processes of a state folder and what they have to deliver, asked from another terminal."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from otel_perf.core import clock

if TYPE_CHECKING:
    from otel_perf.delivery.ledger_report import ProcessEntry
    from otel_perf.delivery.spool_report import Kept, SpoolingProcess, SpoolReport

__all__ = ["command"]

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(short_help="Show running processes and what they have to deliver.")
@click.option(
    "--home", metavar="FOLDER", type=FOLDER, help="The state folder; else as instrument() would find it here."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(home: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Show the processes of a state folder: alive or not, calls, and what waits to be delivered.

    It only looks: the processes go on, and nothing is moved or sent. What a process has left on disk is delivered by
    the next one with the same endpoint.
    """
    from otel_perf.delivery.ledger_report import read_ledgers
    from otel_perf.delivery.spool_report import read_spool

    folder = home or _home()
    entries, report = read_ledgers(folder), read_spool(folder)
    if as_json:
        click.echo(json.dumps(_form(folder, entries, report), indent=2))
    else:
        click.echo(_text(folder, entries, report))


def _home() -> Path:
    """The folder of the settings; the usual one where none is wanted (``CI=true``)."""
    from otel_perf.config.load import load
    from otel_perf.config.settings import Settings

    return load({}).settings.home or Settings().home or Path()


def _form(folder: Path, entries: tuple[ProcessEntry, ...], report: SpoolReport) -> dict[str, Any]:
    spool = asdict(report)
    for process, form in zip(report.processes, spool["processes"], strict=True):
        form["held"] = process.held
    processes = [{**asdict(entry), "destinations": [row._asdict() for row in entry.destinations]} for entry in entries]
    return {
        "format": "otel_perf.status",
        "version": 1,
        "home": str(folder),
        "processes": processes,
        "spool": {**spool, "waiting": asdict(report.waiting)},
    }


def _text(folder: Path, entries: tuple[ProcessEntry, ...], report: SpoolReport) -> str:
    from otel_perf.reports.text import safe_text

    where = safe_text(str(folder))
    aside = [(kind, kept) for kind, kept in (("refused", report.refused), ("damaged", report.damaged)) if kept.requests]
    if not entries and not report.processes and not aside:
        return f"Nothing in {where}: no process runs with this state folder, and nothing waits in it."
    lines = [where]
    lines += [line for entry in entries for line in _process(entry)]
    lines.append(f"  spool: {_amount(report.waiting)}")
    lines += [line for process in report.processes for line in _lines(process)]
    lines += [f"    set aside as {kind}: {_amount(kept)}" for kind, kept in aside]
    return "\n".join(lines)


def _process(entry: ProcessEntry) -> list[str]:
    from otel_perf.reports.text import count_text, duration_text, safe_text

    state = {True: "running", False: "ended without a shutdown", None: "state not known"}[entry.alive]
    age = duration_text(max(0, clock.wall_ns() - entry.written_unix_ns))
    return [
        f"  process {entry.pid}: {state}, {count_text(entry.calls)} calls, written {age} ago",
        *(
            f"    {safe_text(row.destination)}: {count_text(row.in_memory)} in memory,"
            f" {count_text(row.on_disk)} on disk, {count_text(row.uncertain)} uncertain"
            for row in entry.destinations
        ),
    ]


def _lines(process: SpoolingProcess) -> list[str]:
    from otel_perf.reports.text import ABSENT, safe_text

    state = {True: "in hand", False: "process has ended; the next one delivers", None: "state not known"}[process.held]
    pid = ABSENT if process.pid is None else process.pid
    heading = f"    of process {pid} ({safe_text(process.instance)}): {state}"
    return [heading, *(f"      {safe_text(each.key)}  {_amount(each.waiting)}" for each in process.destinations)]


def _amount(kept: Kept) -> str:
    from otel_perf.reports.text import count_text

    return (
        f"{count_text(kept.items)} items in {count_text(kept.requests)} requests, {count_text(kept.size_bytes)} bytes"
    )
