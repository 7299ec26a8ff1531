"""``otel-perf config``: every setting, its value, and where it came from."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from otel_perf.config.describe import SettingRow

__all__ = ["command"]

REFUSED = 2
"""Exit code when a setting was refused and ``--strict`` asked to be told."""


@click.command(short_help="Show every setting, its value and its source.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--strict", is_flag=True, help="End with 2 when a setting was refused.")
@click.option("--file", "config_file", metavar="FILE", help="Read this settings file, as config_file= would.")
def command(as_json: bool, strict: bool, config_file: str | None) -> int:  # noqa: FBT001 - click passes by name
    """Show the settings as instrument() would find them here, and where each one comes from.

    Secret values are hidden. What was refused is told on standard error, one line each.
    """
    from otel_perf.config.describe import describe
    from otel_perf.config.load import load

    arguments = {} if config_file is None else {"config_file": config_file}
    loaded = load(arguments)
    rows = describe(loaded)
    problems = [str(problem) for problem in loaded.problems]
    for problem in problems:
        click.echo(f"otel-perf config: {problem}", err=True)
    if as_json:
        click.echo(json.dumps({"settings": [asdict(row) for row in rows], "problems": problems}, indent=2))
    else:
        click.echo(_table(rows))
    return REFUSED if strict and problems else 0


def _table(rows: list[SettingRow]) -> str:
    """Plain columns: for a pipe as much as for a terminal."""
    heading = ("setting", "value", "source")
    cells = [heading, *((row.name, row.value_text, row.source_text) for row in rows)]
    name_width = max(len(name) for name, _, _ in cells)
    value_width = max(len(value) for _, value, _ in cells if len(value) <= 40)  # noqa: PLR2004 - longer ones stick out
    return "\n".join(f"{name:{name_width}}  {value:{value_width}}  {source}".rstrip() for name, value, source in cells)
