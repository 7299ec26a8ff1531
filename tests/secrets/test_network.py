"""What a process asks of the network: nothing without an endpoint, the endpoint alone with one."""

import json
from pathlib import Path

import pytest

from tests.cli.command import python
from tests.sinks.grpc_sink import grpc_sink
from tests.sinks.http_sink import http_sink

PROGRAM = """\
import json, sys

asked = []
EVENTS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind")

def hook(event, arguments):
    if event in EVENTS:
        asked.append([event, repr(arguments[1:] if type(arguments[0]).__name__ == "socket" else arguments)])

sys.addaudithook(hook)
import otel_perf

handle = otel_perf.instrument()

@otel_perf.tool
def leaf():
    return 1

for _ in range(100):
    leaf()
handle.flush(10)
handle.shutdown()
print(json.dumps(asked))
"""


def asked(folder: Path, more: dict[str, str]) -> list[list[str]]:
    """What the program asked of sockets and of the resolver, by Python's own audit events."""
    done = python(["-c", PROGRAM], folder, more=more)
    assert done.returncode == 0, done.stderr
    found: list[list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("more", [{}, {"OTEL_METRICS_EXPORTER": "none"}, {"OTEL_PERF_CAPTURE": "full"}])
def test_t81_without_an_endpoint_nothing_is_asked(tmp_path: Path, more: dict[str, str]) -> None:
    """T-81: import, set-up, 100 calls, flush and shutdown: no connection, no name looked up, no port opened."""
    assert asked(tmp_path, more) == []


def only(found: list[list[str]], port: int) -> None:
    """There was something, and all of it for this port of this machine (a bind finds out about IPv6)."""
    wanted = [(event, arguments) for event, arguments in found if event != "socket.bind"]
    assert wanted
    for event, arguments in wanted:
        assert event in ("socket.connect", "socket.getaddrinfo")
        assert "127.0.0.1" in arguments
        assert str(port) in arguments


def test_t81_over_http_only_the_endpoint_is_asked(tmp_path: Path) -> None:
    """T-81: every connection goes to the endpoint's address; no name is looked up but that one."""
    with http_sink() as sink:
        only(asked(tmp_path, {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url}), sink.port)
        assert sink.spans == 100


def test_t81_over_grpc_only_the_endpoint_is_asked(tmp_path: Path) -> None:
    """T-81: as over HTTP; gRPC's own connections are not Python's and are not seen here."""
    with grpc_sink() as sink:
        more = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{sink.url}", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
        only(asked(tmp_path, more), sink.port)
        assert sink.spans == 100
