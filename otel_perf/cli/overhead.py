"""``otel-perf overhead``: what a traced call costs, beside the OpenTelemetry SDK doing the same."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command(short_help="Measure what a traced call costs here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--quick", is_flag=True, help="Fewer repetitions: a first impression in seconds.")
def command(as_json: bool, quick: bool) -> int:  # noqa: FBT001 - click passes options by name
    """Measure what a traced call costs on this machine, beside the OpenTelemetry SDK doing the same work."""
    from otel_perf.bench.overhead import main

    return main(json=as_json, quick=quick)
