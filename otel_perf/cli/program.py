"""Preparing a Python program so that the interpreter runs it as it would have run it by itself."""

from __future__ import annotations

import builtins
import io
import os
import pkgutil
import sys
from importlib.machinery import SourceFileLoader
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import CodeType, TracebackType

    ExceptionHook = Callable[[type[BaseException], BaseException, TracebackType | None], object]

__all__ = ["hide_launcher", "prepare_program"]

OWN_CODE: Final = "<otel-perf run>"
"""File name of the lines of ours that stand between the launcher and the program."""

CANNOT_OPEN: Final = 2
"""Exit code of the interpreter when the script is not there."""


def prepare_program(program: Sequence[str]) -> CodeType:
    """Make ``sys.argv``, ``sys.path`` and ``__main__`` what the interpreter would make them.

    Args:
        program: The words that would stand behind the interpreter's own options: ``script args``, ``-m module args``,
            ``-c code args``, ``-``, or nothing for standard input.

    Returns:
        Code to be executed in the namespace of ``__main__``.

    Raises:
        SystemExit: The script cannot be opened; this has been said as the interpreter says it.
    """
    kind, arguments = (program[0] if program else ""), list(program[1:])
    _empty_main()
    if kind == "-m":
        return _module(arguments[0], arguments[1:])
    if kind == "-c":
        return _text("-c", arguments[0], "<string>", arguments[1:])
    if kind in ("", "-"):
        return _text(kind, sys.stdin.read(), "<stdin>", arguments)
    return _path(kind, arguments)


def hide_launcher() -> None:
    """Have the exception that is leaving the program shown without the frames of ours above it."""
    sys.excepthook = _trimming(sys.excepthook)


def _empty_main() -> None:
    """Leave in ``__main__`` what the interpreter puts there, and nothing of the launcher's."""
    main = sys.modules["__main__"].__dict__
    for name in [name for name in main if not name.startswith("__")]:
        del main[name]
    main.update(__builtins__=builtins, __doc__=None, __package__=None, __spec__=None, __annotations__={})


def _put_first(folder: str) -> None:
    """The interpreter puts the program's folder before all others, unless it was told not to (``-P``, ``-I``)."""
    if not sys.flags.safe_path:
        sys.path.insert(0, folder)


def _module(name: str, arguments: list[str]) -> CodeType:
    _put_first(os.getcwd())  # noqa: PTH109 - exactly what the interpreter does
    sys.argv = ["-m", *arguments]
    return _by_runpy(f"{name!r}")


def _by_runpy(arguments: str) -> CodeType:
    """The interpreter itself calls this function for -m, by this name; it works on ``__main__`` as it is."""
    return compile(f"__import__('runpy')._run_module_as_main({arguments})", OWN_CODE, "exec", dont_inherit=True)


def _text(name: str, text: str, filename: str, arguments: list[str]) -> CodeType:
    _put_first("")
    sys.argv = [name, *arguments]
    return compile(text, filename, "exec", dont_inherit=True)


def _path(path: str, arguments: list[str]) -> CodeType:
    sys.argv = [path, *arguments]
    # Joined, not resolved or normalised: this is how it appears in __file__ and in tracebacks.
    absolute = os.path.join(os.getcwd(), path)  # noqa: PTH109, PTH118
    if pkgutil.get_importer(path) is not None:
        # A folder or an archive with a __main__ in it: it comes first even with -P.
        sys.path.insert(0, absolute)
        return _by_runpy("'__main__', False")
    _put_first(os.path.dirname(os.path.realpath(path)))  # noqa: PTH120
    code = _read_script(absolute)
    main = sys.modules["__main__"]
    main.__dict__.update(__file__=absolute, __cached__=None, __loader__=SourceFileLoader("__main__", absolute))
    return code


def _read_script(path: str) -> CodeType:
    try:
        with io.open_code(path) as file:
            compiled: CodeType | None = pkgutil.read_code(file)
        if compiled is not None:
            return compiled
        with io.open_code(path) as file:
            text = file.read()
    except OSError as error:
        sys.stderr.write(f"{sys.executable}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}\n")
        raise SystemExit(CANNOT_OPEN) from None
    return compile(text, path, "exec", dont_inherit=True)


def _trimming(hook: ExceptionHook) -> ExceptionHook:
    """Wrap the exception hook for its one call by the interpreter: our frames off, then everything as it was."""

    def trimmed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.excepthook = hook
        # The first frame is the launcher's own; one that could not be compiled has nothing but ours.
        trace = trace and trace.tb_next
        while trace is not None and trace.tb_frame.f_code.co_filename in (OWN_CODE, __file__, _BOOTSTRAP):
            trace = trace.tb_next
        error.__traceback__ = sys.last_traceback = trace
        hook(kind, error, trace)

    return trimmed


_BOOTSTRAP: Final = os.path.join(os.path.dirname(__file__), "bootstrap.py")  # noqa: PTH118, PTH120 - as in co_filename
