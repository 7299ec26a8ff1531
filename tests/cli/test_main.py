"""The command line as a whole."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from otel_perf._version import __version__
from otel_perf.cli.main import COMMANDS
from tests.cli.command import REPOSITORY, environment, python


def test_version(tmp_path: Path) -> None:
    """``--version`` is one line that a script can read."""
    done = python(["-m", "otel_perf", "--version"], tmp_path)
    assert (done.returncode, done.stdout) == (0, f"otel-perf {__version__}\n")


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_help_lists_every_command(tmp_path: Path, words: list[str]) -> None:
    """Without arguments there is help, not an error; each command is listed with what it does."""
    done = python(["-m", "otel_perf", *words], tmp_path)
    lines = [line.split(maxsplit=1) for line in done.stdout.partition("Commands:\n")[2].splitlines()]
    assert done.returncode == 0
    assert [name for name, _ in lines] == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(tmp_path: Path, command: str) -> None:
    """Each command explains itself and its options."""
    done = python(["-m", "otel_perf", command, "--help"], tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: otel-perf {command} ")


def test_every_command_is_a_file() -> None:
    """A command that is not listed cannot be reached."""
    found = {
        path.stem for path in (REPOSITORY / "otel_perf" / "cli").glob("*.py") if "\n@click.command" in path.read_text()
    }
    assert found == set(COMMANDS)


def test_an_unknown_command_is_one_line(tmp_path: Path) -> None:
    """The name that was not understood, and where to look."""
    done = python(["-m", "otel_perf", "no\x1b[31msuch"], tmp_path)
    assert done.returncode == 2
    assert done.stderr == "otel-perf: No such command 'no\\x1b[31msuch'. (see otel-perf --help)\n"


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    """To show a text nobody waits for the SDK, rich or a settings library."""
    code = (
        "import sys; sys.argv = ['otel-perf', '--help']\n"
        "from otel_perf.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([name for name in ('opentelemetry', 'rich', 'msgspec', 'grpc', 'sqlite3') if name in sys.modules])"
    )
    assert python(["-c", code], tmp_path).stdout.splitlines()[-1] == "[]"


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    """``otel-perf config | head -1`` ends quietly."""
    words = [sys.executable, "-m", "otel_perf", "config"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, cwd=tmp_path, env=environment(), **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
    assert errors == b""
    assert process.returncode == 1


def test_config_shows_value_and_source(tmp_path: Path) -> None:
    """Each setting with its value and where it came from; secrets are hidden."""
    more = {"OTEL_SERVICE_NAME": "shop", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=verysecret"}
    done = python(["-m", "otel_perf", "config"], tmp_path, more=more)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert rows[0] == ["setting", "value", "source"]
    assert ["service_name", "shop", "OTEL_SERVICE_NAME"] in rows
    assert "api-key=****" in done.stdout
    assert "verysecret" not in done.stdout + done.stderr


def test_config_as_json(tmp_path: Path) -> None:
    """The same for a program."""
    done = python(["-m", "otel_perf", "config", "--json"], tmp_path, more={"OTEL_SERVICE_NAME": "shop"})
    form = json.loads(done.stdout)
    assert {"name": "service_name", "value_text": "shop", "source_text": "OTEL_SERVICE_NAME"} in form["settings"]
    assert form["problems"] == []


def test_config_is_strict_on_request(tmp_path: Path) -> None:
    """A refused value is one line on standard error; with ``--strict`` the status says it, too."""
    more = {"OTEL_PERF_TAIL_RATIO": "7", "OTEL_PERF_OVERFLOW": "explode"}
    done = python(["-m", "otel_perf", "config"], tmp_path, more=more)
    strict = python(["-m", "otel_perf", "config", "--strict"], tmp_path, more=more)
    assert (done.returncode, strict.returncode) == (0, 2)
    assert done.stderr == strict.stderr
    assert len(done.stderr.splitlines()) == 2
    assert all(line.startswith("otel-perf config: OTEL_PERF_") for line in done.stderr.splitlines())
