"""T-75: a canary secret goes in everywhere, and comes out nowhere."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import environment
from tests.secrets.sinks import files_under, found_in, requests_of
from tests.sinks.grpc_sink import grpc_sink
from tests.sinks.http_sink import free_port, http_sink
from tests.sinks.received import Behaviour

PROGRAM = Path(__file__).with_name("leaking_program.py")
SECRET = "c4n4ry51e2d7b8a9"  # in arguments, results, exceptions, names, addresses, environment
KEY = "h34d3rk3y90ab12cd"  # in what the user configures: headers, the page's token, a proxy's password
HARMLESS = "what is the weather"


def run(folder: Path, endpoint: str, more: dict[str, str], *, under_run: bool = False) -> dict[str, bytes]:
    """Run the program in a folder; everything that it said and left there, by name."""
    shown = folder / "shown"
    shown.mkdir()
    variables = {
        "APPLICATION_SECRET": SECRET,
        "DATABASE_URL": f"postgres://admin:{SECRET}@db/app",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_HEADERS": f"api-key={KEY},authorization=Bearer%20{KEY}",
        "OTEL_PERF_HOME": str(folder / "state"),
        "OTEL_PERF_PROMETHEUS": "127.0.0.1:0",
        "OTEL_PERF_PROMETHEUS_TOKEN": KEY,
        "PYTEST_VERSION": "",
        **more,
    }
    words = [sys.executable, str(PROGRAM), str(shown), "--password", SECRET, f"--api-key={SECRET}"]
    if under_run:
        words = [sys.executable, "-m", "otel_perf", "run", "--json", str(shown / "run.json"), "--", *words]
    done = subprocess.run(words, cwd=folder, env=environment(variables), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    config = [
        subprocess.run(
            [sys.executable, "-m", "otel_perf", "config", *words],
            cwd=folder,
            env=environment(variables),
            capture_output=True,
            timeout=60,
            check=True,
        ).stdout
        for words in ([], ["--json"])
    ]
    return {
        **files_under(folder),
        "stdout": done.stdout,
        "stderr": done.stderr,
        "config": config[0],
        "config.json": config[1],
    }


@contextmanager
def http_receiver() -> Iterator[tuple[Any, str]]:
    """A receiver and its address."""
    with http_sink() as sink:
        yield sink, sink.url


@contextmanager
def grpc_receiver() -> Iterator[tuple[Any, str]]:
    """A receiver and its address."""
    with grpc_sink() as sink:
        yield sink, f"http://{sink.url}"


RECEIVERS: list[Any] = [("http/protobuf", http_receiver), ("grpc", grpc_receiver)]


@pytest.mark.parametrize(("protocol", "receiver"), RECEIVERS)
def test_t75_by_default_a_secret_is_found_nowhere(tmp_path: Path, protocol: str, receiver: Callable[[], Any]) -> None:
    """T-75: not in requests, page, log, status, summary, settings or files; nor the content beside it, nor a key."""
    with receiver() as (sink, url):
        more = {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "process"}
        left = run(tmp_path, url, more, under_run=True)
        left |= requests_of(sink)
        heads = [head for each in sink.requests for head in each.headers.values()]
    assert found_in(left, SECRET) == []
    assert found_in(left, KEY) == []
    assert found_in(left, HARMLESS) == []
    # The look finds what is there: the tools in every sink that names them, and the key where it belongs.
    assert KEY in heads
    assert set(found_in(left, "process.executable.name")) == {"traces", "metrics"}
    naming = {"page", "summary.txt", "summary.json", "run.json", "stderr", "traces", "metrics"}
    assert {Path(name).name for name in found_in(left, "log_in")} == naming
    assert {Path(name).name for name in left} >= {*naming, "status.txt", "status.json", "config", "config.json"}
    assert b'"balanced": true, "errors": {}, "calls": 22' in left["shown/facts.json"]


@pytest.mark.parametrize("level", ["shape", "summary", "full"])
def test_t75_whatever_is_captured_a_secret_is_found_nowhere(tmp_path: Path, level: str) -> None:
    """T-75: with arguments, results and failures captured, what looks or is named like a secret is redacted."""
    with http_sink() as sink:
        left = run(tmp_path, sink.url, {"OTEL_PERF_CAPTURE": level})
        left |= requests_of(sink)
    assert found_in(left, SECRET) == []
    assert found_in(left, KEY) == []
    assert found_in(left, HARMLESS) == ([] if level == "shape" else ["traces"])
    assert found_in(left, "[REDACTED:") == ["traces"]


@pytest.mark.parametrize(("protocol", "receiver"), RECEIVERS)
@pytest.mark.parametrize("level", ["off", "full"])
def test_t75_a_backend_that_repeats_what_it_was_sent(
    tmp_path: Path, protocol: str, receiver: Callable[[], Any], level: str
) -> None:
    """T-75: an error answer that quotes our key, and a redirect with a token in its address, are logged without."""
    with receiver() as (sink, url):
        refusal = 400 if protocol != "grpc" else "INVALID_ARGUMENT"
        echo = f"the key {KEY} is unknown".encode()
        sink.behave(status=refusal, message=f"Bearer {KEY} is unknown", body=echo, content_type="text/plain")
        moved = Behaviour(status=307, headers={"Location": f"https://ann:{KEY}@host/v1/traces?token={KEY}"})
        if protocol != "grpc":
            sink.then(moved, moved)
        more = {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_PERF_CAPTURE": level}
        left = run(tmp_path, url, more)
    assert found_in(left, SECRET) == []
    assert found_in(left, KEY) == []
    assert found_in(left, "*** is unknown") == ["stderr"]
    assert protocol == "grpc" or found_in(left, "redirected to https://host/v1/traces") == ["stderr"]


@pytest.mark.parametrize("level", ["off", "full"])
def test_t75_with_the_backend_away_a_secret_is_in_no_file(tmp_path: Path, level: str) -> None:
    """T-75: nothing that waits on disk for the backend holds a secret, a header or the password of an address."""
    left = run(
        tmp_path,
        f"http://127.0.0.1:{free_port()}",
        {"OTEL_PERF_CAPTURE": level, "OTEL_PERF_SHUTDOWN_TIMEOUT_SECONDS": "0.5", "FLUSH_SECONDS": "0.5"},
    )
    assert found_in(left, SECRET) == []
    assert found_in(left, KEY) == []
    spooled = {name: content for name, content in left.items() if name.endswith(".segment")}
    assert found_in(spooled, "log_in")
    assert bool(found_in(spooled, HARMLESS)) is (level == "full")


@pytest.mark.parametrize("where", ["endpoint", "proxy"])
def test_t75_the_password_of_an_address_is_told_to_nobody(tmp_path: Path, where: str) -> None:
    """T-75: an endpoint with a password is refused, a proxy's is used, and neither is shown or logged."""
    dead = free_port()
    endpoint = f"http://ann:{KEY}@127.0.0.1:{dead}" if where == "endpoint" else "http://otlp.invalid:4318"
    more = {"HTTP_PROXY": f"http://ann:{KEY}@127.0.0.1:{dead}", "NO_PROXY": "", "FLUSH_SECONDS": "0.5"}
    left = run(tmp_path, endpoint, {**more, "OTEL_PERF_SHUTDOWN_TIMEOUT_SECONDS": "0.5"})
    assert found_in(left, KEY) == []
    assert found_in(left, SECRET) == []
    assert "stderr" in found_in(left, "(value hidden)" if where == "endpoint" else "otlp.invalid")
