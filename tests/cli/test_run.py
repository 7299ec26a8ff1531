"""``otel-perf run``: an unmodified program, and what is said about it at its end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import AGENT, RUN, environment, python
from tests.sinks.http_sink import HttpSink


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    """The folder of a ten-line agent."""
    (tmp_path / "agent.py").write_text(AGENT)
    return tmp_path


@pytest.mark.feature("S3-21")
def test_summary_of_an_unmodified_program(agent: Path) -> None:
    """Its output is its own; the call tree and the ledger follow on standard error."""
    done = python([*RUN, "--", sys.executable, "agent.py"], agent)
    assert done.returncode == 0
    assert done.stdout == "".join(f"q{number} q{number} q{number}\n" for number in range(5))
    assert "otel_perf: 10 calls of 2 tools in " in done.stderr
    assert "\nanswer         5       0 " in done.stderr
    assert "\n└─ search      5       0 " in done.stderr
    assert "Ledger    10 calls = 10 recorded + 0 sampled out + 0 disabled" in done.stderr
    assert "\x1b" not in done.stderr
    assert not done.stderr.count("Traceback")


def test_nothing_is_printed_on_request(agent: Path) -> None:
    """``--no-summary`` leaves standard error alone."""
    assert python([*RUN, "--no-summary", "agent.py"], agent).stderr == ""


def test_summary_as_json(agent: Path) -> None:
    """``--json`` writes the same into a file, also when the program changes its folder."""
    (agent / "agent.py").write_text(f"{AGENT}\nimport os\nos.chdir('/')\n")
    done = python([*RUN, "--no-summary", "--json", "out.json", "agent.py"], agent)
    form = json.loads((agent / "out.json").read_text())
    assert done.returncode == 0
    assert (form["calls"]["calls"], form["calls"]["balanced"]) == (10, True)
    assert {tool["name"]: tool["count"] for tool in form["tools"]} == {"search": 5, "answer": 5}


def test_a_json_file_that_cannot_be_written_is_one_line(agent: Path) -> None:
    """The program's status stays; the reason and what to do stand in one line."""
    done = python([*RUN, "--no-summary", "--json", "no/such/folder.json", "agent.py"], agent)
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        f"otel-perf run: cannot write {agent}/no/such/folder.json: No such file or directory; name another --json file"
    ]


def test_the_program_finds_the_same_handle(agent: Path) -> None:
    """A program that calls ``instrument()`` itself gets the handle that is there, and nothing is counted twice."""
    (agent / "agent.py").write_text(f"import otel_perf\nhandle = otel_perf.instrument()\n{AGENT}\nhandle.flush()\n")
    done = python([*RUN, "agent.py"], agent)
    assert "otel_perf: 10 calls of 2 tools" in done.stderr


def test_a_program_may_shut_down_by_itself(agent: Path) -> None:
    """After the program's own ``shutdown()`` the summary tells what ran before it, and counts what ran after it."""
    (agent / "agent.py").write_text(f"import otel_perf\n{AGENT}\notel_perf.instrument().shutdown()\nanswer('x')\n")
    done = python([*RUN, "agent.py"], agent)
    assert "Ledger    12 calls = 10 recorded + 0 sampled out + 2 disabled\n" in done.stderr


def test_spans_of_other_libraries_are_seen(agent: Path) -> None:
    """A program that knows OpenTelemetry and nothing of us: its tool spans are in the tree."""
    (agent / "agent.py").write_text(
        "from opentelemetry import trace\n"
        "with trace.get_tracer('x').start_as_current_span('execute_tool look_up',"
        " attributes={'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'look_up'}):\n    pass\n"
    )
    done = python([*RUN, "agent.py"], agent)
    assert "otel_perf: 1 span of other libraries" in done.stderr
    assert "\nlook_up " in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_hung_call_is_named_when_the_program_is_terminated(agent: Path) -> None:
    """SIGTERM ends a hung program as ever, and the summary says what it was doing for how long."""
    (agent / "agent.py").write_text(
        "import threading, otel_perf\n"
        "@otel_perf.tool\ndef fetch():\n    print('hanging', flush=True)\n    threading.Event().wait(60)\n"
        "with otel_perf.agent('bot'):\n    fetch()\n"
    )
    words = [sys.executable, *RUN, "agent.py"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, cwd=agent, env=environment(), encoding="utf-8", **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "hanging\n"
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM
    assert "Still open  bot, for " in errors
    assert "fetch, for " in errors
    assert "(agent bot)" in errors


def test_a_forked_child_prints_nothing(agent: Path) -> None:
    """One program, one summary: a child that ends the ordinary way keeps quiet."""
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    (agent / "agent.py").write_text(f"{AGENT}\nimport os\nif os.fork():\n    os.wait()\n")
    done = python([*RUN, "agent.py"], agent)
    assert done.stderr.count("Ledger") == 1


def test_sends_to_an_endpoint(agent: Path) -> None:
    """With ``--endpoint`` every span arrives before the program ends, and the summary says so."""
    sink = HttpSink()
    try:
        done = python([*RUN, "--endpoint", sink.url, "--service-name", "ten-lines", "agent.py"], agent)
        names = dict(sink.span_names)
        services = {
            attribute.value.string_value
            for request in sink.traces
            for resource in request.resource_spans
            for attribute in resource.resource.attributes
            if attribute.key == "service.name"
        }
    finally:
        sink.close()
    assert names == {"execute_tool answer": 5, "execute_tool search": 5}
    assert services == {"ten-lines"}
    assert "10 spans = 10 exported" in done.stderr


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([], 2, "name a program"),
        (["--", "no-such-python-anywhere"], 2, "there is no command no-such-python-anywhere"),
        (["--", "python9.9", "agent.py"], 2, "there is no python9.9 in the search path"),
        (["--", "sh", "-c", "true"], 2, "is not a Python program"),
        (["--protocol", "carrier-pigeon", "agent.py"], 2, "carrier-pigeon"),
    ],
)
def test_wrong_use_is_one_line(agent: Path, words: list[str], status: int, message: str) -> None:
    """What was wrong and what to do, on one line of standard error; no traceback."""
    done = python([*RUN, *words], agent)
    assert (done.returncode, done.stdout) == (status, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("otel-perf run: ")
    assert message in done.stderr


def test_a_python_without_the_package_is_one_line(agent: Path) -> None:
    """The interpreter that the user named lacks otel_perf: it is named, with what to do."""
    done = python([*RUN, "--", sys.executable, "-S", "-E", "agent.py"], agent)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert f"otel-perf run: {sys.executable} cannot import otel_perf" in done.stderr
    assert "-m pip install otel-perf" in done.stderr
