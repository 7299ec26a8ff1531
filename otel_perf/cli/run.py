"""``otel-perf run``: an unmodified program, instrumented before its first line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from otel_perf.cli.bootstrap import command_line
from otel_perf.cli.python_command import NoPythonError, find_python

__all__ = ["command"]


@click.command(
    short_help="Run a Python program and show where its time went.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option("--endpoint", metavar="URL", multiple=True, help="Send spans and metrics to this OTLP address, too.")
@click.option("--protocol", type=click.Choice(["http/protobuf", "grpc"]), help="How to talk to it.")
@click.option("--service-name", metavar="NAME", help="service.name of the program.")
@click.option("--json", "json_file", metavar="FILE", type=click.Path(dir_okay=False), help="Write the summary as JSON.")
@click.option("--no-summary", is_flag=True, help="Print no summary at the end.")
@click.argument("words", metavar="[--] PROGRAM [ARGS]...", nargs=-1, type=click.UNPROCESSED)
def command(
    endpoint: tuple[str, ...],
    protocol: str | None,
    service_name: str | None,
    json_file: str | None,
    no_summary: bool,  # noqa: FBT001 - click passes options by name
    words: tuple[str, ...],
) -> None:
    r"""Run a Python program with otel_perf switched on, and show where its time went.

    \b
    otel-perf run script.py ...
    otel-perf run -- python -X dev script.py ...
    otel-perf run -- python -m package ...
    otel-perf run -- an-installed-python-command ...

    Its output, input, exit code and signals are its own; the summary goes to standard error at its end.
    """
    if not words:
        raise click.UsageError("name a program: otel-perf run -- python script.py")
    try:
        python = find_python(words)
    except NoPythonError as error:
        raise click.UsageError(str(error)) from error
    if python.program in ((), ("-",)) and sys.stdin.isatty():
        raise click.UsageError("name a program behind python: otel-perf run -- python script.py")
    instrument = {"endpoint": list(endpoint), "protocol": protocol, "service_name": service_name}
    how: dict[str, Any] = {
        "instrument": {name: value for name, value in instrument.items() if value},
        "summary": not no_summary,
        "json": None if json_file is None else str(Path(json_file).absolute()),
    }
    _become(command_line(python, how))


def _become(words: list[str]) -> None:
    """Replace this process by the command, so that signals and the exit code are the program's own."""
    if os.name == "posix":
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            os.execvp(words[0], words)  # noqa: S606 - no shell is wanted
        except OSError as error:
            raise click.UsageError(f"cannot start {words[0]}: {error.strerror}") from error
    sys.exit(subprocess.run(words, check=False).returncode)
