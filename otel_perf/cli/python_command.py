"""A command line that starts Python, taken apart: the interpreter, its own options, the program."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["NoPythonError", "PythonCommand", "find_python"]

PYTHON_NAME: Final = re.compile(r"(python|pypy)[0-9.]*(\.exe)?", re.IGNORECASE)
SCRIPT_SUFFIXES: Final = (".py", ".pyw", ".pyz", ".pyc")
OPTIONS_WITH_VALUE: Final = "WX"
LONG_OPTIONS_WITH_VALUE: Final = ("--check-hash-based-pycs",)

TRAMPOLINE: Final = re.compile(rb"#!/bin/sh\n'''exec' (?P<interpreter>\"[^\"]+\"|\S+)")
"""What pip and uv write into a console script when the interpreter's path is too long for a shebang."""


class NoPythonError(ValueError):
    """The command does not start Python; the message says what was found instead."""


@dataclass(frozen=True, slots=True)
class PythonCommand:
    """A command that starts Python.

    Attributes:
        interpreter: The interpreter as it was named, to be looked up as a shell would.
        options: The interpreter's own options, such as ``-O`` or ``-X dev``.
        program: What it runs: ``script.py args``, ``-m module args``, ``-c code args``, ``-`` or nothing for standard
            input.
        typed: Options and program as they were typed (``-um module``), for ``sys.orig_argv``.
    """

    interpreter: str
    options: tuple[str, ...]
    program: tuple[str, ...]
    typed: tuple[str, ...]


def find_python(words: Sequence[str], which: Callable[[str], str | None] = shutil.which) -> PythonCommand:
    """Understand a command line: ``python [options] program``, a program alone, or an installed Python command.

    Args:
        words: The command, at least one word.
        which: Finds a command in the search path.

    Raises:
        NoPythonError: It is not there, or is not Python.
    """
    first = words[0]
    if PYTHON_NAME.fullmatch(Path(first).name):
        if which(first) is None:
            raise NoPythonError(f"there is no {first} in the search path")
        return _split(first, words[1:])
    if first.startswith("-") or first.endswith(SCRIPT_SUFFIXES) or Path(first).is_dir():
        return _split(sys.executable, words)
    found = which(first)
    if found is None:
        raise NoPythonError(f"there is no command {first}, and it is no Python script")
    interpreter = _interpreter_of(Path(found))
    if interpreter is None:
        raise NoPythonError(f"{found} is not a Python program; name one: otel-perf run -- python script.py")
    return _split(interpreter[0], [*interpreter[1:], found, *words[1:]])


def _split(interpreter: str, words: Sequence[str]) -> PythonCommand:
    """Tell the interpreter's options from the program, by the interpreter's own rules."""
    options: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        taken, starts_program = _read_cluster(word)
        if starts_program:
            # ``-um module`` and ``-mmodule`` are ``-u -m module``.
            letter, attached = word[taken], word[taken + 1 :]
            options += [word[:taken]] if taken > 1 else []
            program = (f"-{letter}", *([attached] if attached else []), *rest)
            return PythonCommand(interpreter, tuple(options), program, tuple(words))
        options.append(word)
        if rest and (word in LONG_OPTIONS_WITH_VALUE or taken == len(word)):
            options.append(rest.pop(0))
    return PythonCommand(interpreter, tuple(options), tuple(rest), tuple(words))


def _read_cluster(word: str) -> tuple[int, bool]:
    """Read a word such as ``-uO`` up to the letter that matters.

    Returns:
        The position of ``m`` or ``c``, and True; or False and the word's length when its last letter wants the next
        word as its value, 0 when it does not.
    """
    if word.startswith("--"):
        return 0, False
    for position, letter in enumerate(word[1:], 1):
        if letter in "mc":
            return position, True
        if letter in OPTIONS_WITH_VALUE:
            return (len(word) if position == len(word) - 1 else 0), False
    return 0, False


def _interpreter_of(script: Path) -> list[str] | None:
    """The interpreter that the first lines of a script name, with its options; None when it is not Python."""
    try:
        with script.open("rb") as file:
            head = file.read(1024)
    except OSError:
        return None
    trampoline = TRAMPOLINE.match(head)
    if trampoline:
        words = shlex.split(trampoline["interpreter"].decode(errors="surrogateescape"))
    elif head.startswith(b"#!"):
        words = head[2:].split(b"\n", 1)[0].decode(errors="surrogateescape").split()
    else:
        return None
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if word != "-S"]
    return words if words and PYTHON_NAME.fullmatch(Path(words[0]).name) else None
