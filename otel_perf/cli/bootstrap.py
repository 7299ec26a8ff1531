"""What ``otel-perf run`` starts in the program's own interpreter: ``instrument()``, then the program."""

from __future__ import annotations

import atexit
import json
import sys
from typing import Any, Final

from otel_perf.cli.program import run_program

__all__ = ["LAUNCHER", "command_line", "main"]

LAUNCHER: Final = """\
import sys
if not getattr(sys.flags, "safe_path", sys.flags.isolated): del sys.path[0]
try: from otel_perf.cli.bootstrap import main
except ImportError as error: sys.exit("otel-perf run: %s cannot import otel_perf (%s); install it there: %s -m pip \
install otel-perf" % (sys.executable, error, sys.executable))
main()
"""
"""Code for ``python -c``, kept to what every Python 3 understands. The folder that ``-c`` puts first in the search
path is taken off before anything is imported, so that no file of the program's stands for a module of ours."""


def command_line(
    interpreter: str, options: tuple[str, ...], program: tuple[str, ...], how: dict[str, Any]
) -> list[str]:
    """The command that runs ``program`` instrumented.

    Args:
        interpreter: The Python to use.
        options: Its own options.
        program: The program's words.
        how: ``instrument`` (its arguments), ``summary`` (whether to print one), ``json`` (a path or None).
    """
    return [interpreter, *options, "-c", LAUNCHER, json.dumps(how), *program]


def main() -> None:
    """Instrument, arrange for the summary, run the program."""
    how = json.loads(sys.argv[1])
    program = sys.argv[2:]
    _restore_command_line(program)
    # Imported by its public name: the program's own instrument() shall find the same handle.
    import otel_perf
    from otel_perf.cli.ending import Ending

    handle = otel_perf.instrument(**how["instrument"])
    ending = Ending(handle, show=how["summary"], json_path=how["json"])
    atexit.register(ending.at_exit)
    ending.watch_sigterm()
    run_program(program, frozenset({__file__, "<string>"}))


def _restore_command_line(program: list[str]) -> None:
    """Make ``sys.orig_argv`` what it is without us; ``sys.argv`` follows when the kind of program is known."""
    original = sys.orig_argv
    if LAUNCHER in original:
        sys.orig_argv = [*original[: original.index(LAUNCHER) - 1], *program]
