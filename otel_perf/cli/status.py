"""``otel-perf status``: what the processes of a state folder have on disk, asked from another terminal."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from otel_perf.delivery.spool_report import Kept, SpoolingProcess, SpoolReport

__all__ = ["command"]

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(short_help="Show what waits on disk to be delivered.")
@click.option(
    "--home", metavar="FOLDER", type=FOLDER, help="The state folder; else as instrument() would find it here."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(home: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Show what waits on disk to be delivered, process by process.

    It only looks: the processes go on, and nothing is moved or sent. What waits for a process that has ended is
    delivered by the next one with the same endpoint.
    """
    from otel_perf.delivery.spool_report import read_spool

    folder = home or _home()
    report = read_spool(folder)
    click.echo(json.dumps(_form(folder, report), indent=2) if as_json else _text(folder, report))


def _home() -> Path:
    """The folder of the settings; the usual one where none is wanted (``CI=true``)."""
    from otel_perf.config.load import load
    from otel_perf.config.settings import Settings

    return load({}).settings.home or Settings().home or Path()


def _form(folder: Path, report: SpoolReport) -> dict[str, Any]:
    form: dict[str, Any] = {"format": "otel_perf.status", "version": 1, "home": str(folder), **asdict(report)}
    for process, entry in zip(report.processes, form["processes"], strict=True):
        entry["held"] = process.held
    form["waiting"] = asdict(report.waiting)
    return form


def _text(folder: Path, report: SpoolReport) -> str:
    from otel_perf.reports.text import safe_text

    where = safe_text(str(folder))
    aside = [(kind, kept) for kind, kept in (("refused", report.refused), ("damaged", report.damaged)) if kept.requests]
    if not report.processes and not aside:
        return f"Nothing waits in {where}: no process has spooled anything there."
    lines = [f"{where}: {_amount(report.waiting)} waiting"]
    lines += [line for process in report.processes for line in _lines(process)]
    lines += [f"  set aside as {kind}: {_amount(kept)}" for kind, kept in aside]
    return "\n".join(lines)


def _lines(process: SpoolingProcess) -> list[str]:
    from otel_perf.reports.text import ABSENT, safe_text

    state = {True: "in hand", False: "process has ended; the next one delivers", None: "state not known"}[process.held]
    pid = ABSENT if process.pid is None else process.pid
    heading = f"  process {pid} ({safe_text(process.instance)}): {state}"
    return [heading, *(f"    {safe_text(each.key)}  {_amount(each.waiting)}" for each in process.destinations)]


def _amount(kept: Kept) -> str:
    from otel_perf.reports.text import count_text

    return (
        f"{count_text(kept.items)} items in {count_text(kept.requests)} requests, {count_text(kept.size_bytes)} bytes"
    )
