"""``otel-perf``: finds the command, and turns whatever ends it into one line and an exit code."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Final

import click

from otel_perf._version import __version__
from otel_perf.core.errors import OtelPerfError
from otel_perf.reports.text import safe_text

__all__ = ["cli", "main"]

COMMANDS: Final = ("config", "demo", "overhead", "run", "status")
"""Each is the attribute ``command`` of the module of its name, loaded when it is asked for."""

INTERRUPTED: Final = 130
"""128 + SIGINT, as shells report it."""


class LazyCommands(click.Group):
    """A group that knows its commands by name only."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order of the help text."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Load one command."""
        if cmd_name not in COMMANDS:
            return None
        found = import_module(f"otel_perf.cli.{cmd_name}").command
        return found if isinstance(found, click.Command) else None


@click.group(cls=LazyCommands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="otel-perf", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Performance of the tool calls of AI agents, with OpenTelemetry."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """Run the command line and end the process with its exit code."""
    sys.exit(_run())


def _run() -> int:
    try:
        result = cli.main(prog_name="otel-perf", standalone_mode=False)
    except click.ClickException as error:
        where = _where(error)
        _complain(where, f"{error.format_message()} (see {where} --help)")
        return error.exit_code
    except OtelPerfError as error:
        _complain("otel-perf", str(error))
        return 1
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    return result if isinstance(result, int) else 0


def _where(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return context.command_path if isinstance(context, click.Context) else "otel-perf"


def _complain(where: str, what: str) -> None:
    click.echo(f"{where}: {safe_text(' '.join(what.split()))}", err=True)
