"""Running a Python program in this process as the interpreter itself would have run it."""

from __future__ import annotations

import builtins
import io
import os
import pkgutil
import runpy
import sys
from importlib.machinery import SourceFileLoader
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import CodeType, ModuleType, TracebackType

__all__ = ["run_program"]

OWN_FILES = frozenset({__file__})
PYTHON_CANNOT_OPEN = 2
"""Exit code of the interpreter when the script is not there."""


def run_program(program: Sequence[str], own_files: frozenset[str]) -> None:
    """Run ``script args``, ``-m module args``, ``-c code args`` or ``-`` as ``__main__``; returns when it ends.

    What leaves the program (``SystemExit`` included) leaves this function, and is shown without our frames.

    Args:
        program: The words that would stand behind the interpreter's own options.
        own_files: File names of the frames above, which no traceback shall show.
    """
    start = _starter(program)
    _fresh_main()
    try:
        start()
    except BaseException:
        sys.excepthook = _without_frames(sys.excepthook, own_files | OWN_FILES)
        raise


def _starter(program: Sequence[str]) -> Callable[[], None]:
    kind, arguments = program[0], list(program[1:])
    if kind == "-m":
        return lambda: _run_module(arguments)
    if kind == "-c":
        return lambda: _run_text("-c", arguments[0], "<string>", arguments[1:])
    if kind == "-":
        return lambda: _run_text("-", sys.stdin.read(), "<stdin>", arguments)
    return lambda: _run_path(kind, arguments)


def _fresh_main() -> None:
    """Leave in ``__main__`` what the interpreter puts there, and nothing of ours."""
    main = sys.modules["__main__"].__dict__
    for name in [name for name in main if not name.startswith("__")]:
        del main[name]
    main.update(__builtins__=builtins, __doc__=None, __package__=None, __spec__=None, __annotations__={})


def _put_first(folder: str) -> None:
    """The interpreter puts the program's folder before all others, unless it was told not to (``-P``, ``-I``)."""
    if not sys.flags.safe_path:
        sys.path.insert(0, folder)


def _run_module(arguments: list[str]) -> None:
    _put_first(os.getcwd())  # noqa: PTH109 - exactly what the interpreter does
    sys.argv = ["-m", *arguments[1:]]
    # The function that the interpreter itself calls for -m, by this name.
    runpy._run_module_as_main(arguments[0])  # type: ignore[attr-defined]  # noqa: SLF001


def _run_text(name: str, text: str, filename: str, arguments: list[str]) -> None:
    _put_first("")
    sys.argv = [name, *arguments]
    _execute(compile(text, filename, "exec", dont_inherit=True))


def _run_path(path: str, arguments: list[str]) -> None:
    sys.argv = [path, *arguments]
    if pkgutil.get_importer(path) is not None:
        # A folder or an archive with a __main__ in it; the interpreter puts it first even with -P.
        sys.path.insert(0, path)
        runpy._run_module_as_main("__main__", alter_argv=False)  # type: ignore[attr-defined]  # noqa: SLF001
        return
    absolute = os.path.abspath(path)  # noqa: PTH100 - the interpreter does not resolve links here
    _put_first(os.path.dirname(os.path.realpath(path)))  # noqa: PTH120 - text, as in sys.path
    code = _read_script(absolute)
    main: ModuleType = sys.modules["__main__"]
    main.__file__ = absolute
    main.__dict__["__cached__"] = None
    main.__loader__ = SourceFileLoader("__main__", absolute)
    _execute(code)


def _read_script(path: str) -> CodeType:
    try:
        with io.open_code(path) as file:
            compiled = pkgutil.read_code(file)
        if compiled is not None:
            return compiled  # type: ignore[no-any-return]
        with io.open_code(path) as file:
            text = file.read()
    except OSError as error:
        sys.stderr.write(f"{sys.executable}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}\n")
        raise SystemExit(PYTHON_CANNOT_OPEN) from None
    return compile(text, path, "exec", dont_inherit=True)


def _execute(code: CodeType) -> None:
    exec(code, sys.modules["__main__"].__dict__)  # noqa: S102 - running the program is the purpose


def _without_frames(
    hook: Callable[[type[BaseException], BaseException, TracebackType | None], object], own_files: frozenset[str]
) -> Callable[[type[BaseException], BaseException, TracebackType | None], object]:
    """Wrap the exception hook for its one call by the interpreter: our frames off, then everything as it was."""

    def trimmed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.excepthook = hook
        while trace is not None and trace.tb_frame.f_code.co_filename in own_files:
            trace = trace.tb_next
        error.__traceback__ = sys.last_traceback = trace
        hook(kind, error, trace)

    return trimmed
