"""What ``otel-perf run`` starts in the program's own interpreter: ``instrument()``, then the program."""

from __future__ import annotations

import atexit
import json
import sys
from typing import TYPE_CHECKING, Any, Final

from otel_perf.cli.program import prepare_program
from otel_perf.core.guard import guard

if TYPE_CHECKING:
    from types import CodeType

    from otel_perf.cli.python_command import PythonCommand

__all__ = ["LAUNCHER", "command_line", "start"]

LAUNCHER: Final = """\
import sys
if not getattr(sys.flags, "safe_path", sys.flags.isolated): del sys.path[0]
try: from otel_perf.cli.bootstrap import start
except ImportError as error: sys.exit("otel-perf run: %s cannot import otel_perf (%s); install it there: %s -m pip \
install otel-perf" % (sys.executable, error, sys.executable))
try: exec(start())
except BaseException: __import__("otel_perf.cli.program").cli.program.hide_launcher(); raise
"""
"""Code for ``python -c``, kept to what every Python 3 understands. The folder that ``-c`` puts first in the search
path is taken off before anything is imported, so that no file of the program's stands for a module of ours. The
program runs in this frame, so that there is one frame of ours above it and no more; the names made here are gone
by then."""


def command_line(python: PythonCommand, how: dict[str, Any]) -> list[str]:
    """The command that runs a program instrumented.

    Args:
        python: The interpreter and the program.
        how: ``instrument`` (its arguments), ``summary`` (whether to print one), ``json`` (a path or None).
    """
    how = {**how, "typed": python.typed}
    return [python.interpreter, *python.options, "-c", LAUNCHER, json.dumps(how), *python.program]


def start() -> CodeType:
    """Instrument, arrange for the summary, prepare the program; the launcher executes what is returned."""
    how, words = json.loads(sys.argv[1]), sys.argv[2:]
    sys.orig_argv = [sys.orig_argv[0], *how["typed"]]
    # Whatever goes wrong with the measuring: the program runs.
    with guard.block("run"):
        _instrument(how)
    return prepare_program(words)


def _instrument(how: dict[str, Any]) -> None:
    # Imported by its public name: the program's own instrument() shall find the same handle.
    import otel_perf
    from otel_perf.cli.ending import Ending

    handle = otel_perf.instrument(**how["instrument"])
    ending = Ending(handle, show=how["summary"], json_path=how["json"])
    atexit.register(ending.at_exit)
    ending.watch_sigterm()
