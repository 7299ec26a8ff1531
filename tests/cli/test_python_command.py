"""How ``otel-perf run`` understands the command behind it."""

import sys
from pathlib import Path

import pytest

from otel_perf.cli.python_command import NoPythonError, PythonCommand, find_python


def everything(name: str) -> str:
    """A search path on which every command is found."""
    return f"/bin/{name}"


@pytest.mark.parametrize(
    ("words", "options", "program"),
    [
        ("script.py", (), ("script.py",)),
        ("script.py -O --x", (), ("script.py", "-O", "--x")),
        ("-m package a", (), ("-m", "package", "a")),
        ("-mpackage a", (), ("-m", "package", "a")),
        ("-um package", ("-u",), ("-m", "package")),
        ("-c code -c", (), ("-c", "code", "-c")),
        ("-OO -B script.py", ("-OO", "-B"), ("script.py",)),
        ("-W error -X dev script.py", ("-W", "error", "-X", "dev"), ("script.py",)),
        ("-Werror -Xdev -m pkg", ("-Werror", "-Xdev"), ("-m", "pkg")),
        ("-uX dev script.py", ("-uX", "dev"), ("script.py",)),
        ("-uXdev script.py", ("-uXdev",), ("script.py",)),
        ("--check-hash-based-pycs always script.py", ("--check-hash-based-pycs", "always"), ("script.py",)),
        ("-", (), ("-",)),
        ("- a b", (), ("-", "a", "b")),
        ("-u", ("-u",), ()),
        ("", (), ()),
    ],
)
def test_takes_python_options_apart(words: str, options: tuple[str, ...], program: tuple[str, ...]) -> None:
    """Options of the interpreter end where the interpreter itself would end them."""
    typed = tuple(words.split())
    assert find_python(["python3.11", *typed], everything) == PythonCommand("python3.11", options, program, typed)


@pytest.mark.parametrize("words", [["script.py", "a"], ["-m", "package"], ["-X", "dev", "script.py"]])
def test_a_program_alone_runs_in_this_python(words: list[str]) -> None:
    """Without an interpreter's name, the Python that runs the command runs the program."""
    assert find_python(words).interpreter == sys.executable


def test_a_folder_alone_runs_in_this_python(tmp_path: Path) -> None:
    """A folder with a ``__main__`` in it is a program, too."""
    assert find_python([str(tmp_path)]) == PythonCommand(sys.executable, (), (str(tmp_path),), (str(tmp_path),))


@pytest.mark.parametrize(
    ("head", "interpreter", "options"),
    [
        ("#!/opt/venv/bin/python3\n", "/opt/venv/bin/python3", ()),
        ("#!/usr/bin/env python3.12\n", "python3.12", ()),
        ("#!/usr/bin/env -S python3 -u\n", "python3", ("-u",)),
        ("#!/bin/sh\n'''exec' /very/long/bin/python3 \"$0\" \"$@\"\n' '''\n", "/very/long/bin/python3", ()),
        ("#!/bin/sh\n'''exec' \"/with blank/python3\" \"$0\" \"$@\"\n' '''\n", "/with blank/python3", ()),
    ],
)
def test_an_installed_command_runs_in_its_own_python(
    tmp_path: Path, head: str, interpreter: str, options: tuple[str, ...]
) -> None:
    """A console script names its interpreter in its first lines, in the forms that installers write."""
    script = tmp_path / "agent"
    script.write_text(f"{head}import sys\n")
    found = find_python(["agent", "--flag"], lambda _: str(script))
    program = (str(script), "--flag")
    assert found == PythonCommand(interpreter, options, program, (*options, *program))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("#!/bin/bash\necho\n", "is not a Python program"),
        ("\x7fELF", "is not a Python program"),
        ("", "is not a Python program"),
    ],
)
def test_refuses_what_is_not_python(tmp_path: Path, content: str, message: str) -> None:
    """A shell script or a binary cannot be instrumented, and the message says so."""
    command = tmp_path / "command"
    command.write_text(content)
    with pytest.raises(NoPythonError, match=message):
        find_python(["command"], lambda _: str(command))


@pytest.mark.parametrize("word", ["python3.99", "no-such-command"])
def test_refuses_what_is_not_there(word: str) -> None:
    """A command that is not found is named."""
    with pytest.raises(NoPythonError, match=word):
        find_python([word], lambda _: None)
