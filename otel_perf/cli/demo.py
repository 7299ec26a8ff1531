"""``otel-perf demo``: an offline agent over real code, and what was measured of it."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command(short_help="Watch an offline agent work, and what was measured.")
@click.option("--folder", metavar="FOLDER", type=click.Path(path_type=Path), help="Code to answer questions about.")
@click.option("--question", "questions", metavar="TEXT", multiple=True, help="A question of your own; repeatable.")
@click.option("--limit", metavar="N", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="Files.")
@click.option("--endpoint", metavar="URL", multiple=True, help="Send spans and metrics to this OTLP address, too.")
@click.option("--protocol", type=click.Choice(["http/protobuf", "grpc"]), help="How to talk to it.")
@click.option("--json", "as_json", is_flag=True, help="Print answers and summary as JSON.")
def command(
    folder: Path | None,
    questions: tuple[str, ...],
    limit: int,
    endpoint: tuple[str, ...],
    protocol: str | None,
    as_json: bool,  # noqa: FBT001 - click passes options by name
) -> None:
    """Watch a small agent work: it indexes a folder of source code and answers questions about it.

    Everything is real and offline: files are read and parsed, a full-text index is built and searched, a local web
    server and a subprocess are asked. Some files do not decode, some do not parse, and the server is sometimes too
    slow. Without --folder it reads the standard library of the running Python.
    """
    from otel_perf.demo.show import DemoOptions, run_demo

    run_demo(DemoOptions(folder, questions, limit, endpoint, protocol, as_json))
