"""What leaves the process, and that nothing else does: endpoints, exporters, callbacks, the page, the console."""

from typing import Any

import pytest
import requests

import otel_perf
from otel_perf.delivery.sender_hooks import ExportFailure
from tests.behaviour.processes import run_python, seen_by
from tests.sinks.grpc_sink import grpc_sink
from tests.sinks.http_sink import http_sink

CALL = """
with otel_perf.tool_call("one"):
    pass
"""

# What a program does at every connection and name look-up, Python's or a library's that goes through Python.
WATCH_SOCKETS = """
import sys
asked = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind", "socket.listen"):
        asked.append(event)
sys.addaudithook(watch)
"""


@pytest.mark.parametrize(
    "environment",
    [{}, {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "otlp"}, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}],
    ids=["nothing set", "exporters named", "protocol named"],
)
def test_t81_without_an_endpoint_nothing_is_connected(environment: dict[str, str], tmp_path: Any) -> None:
    """No endpoint: not one connection, look-up or listener from start to end, and no library for it is loaded."""
    program = f"""
{WATCH_SOCKETS}
import otel_perf
with otel_perf.instrument(metric_interval_seconds=0.01) as handle:
    for _ in range(100):
        with otel_perf.tool_call("one"):
            pass
    handle.flush()
    handle.summary()
    status = handle.status()
loaded = [name for name in ("urllib3", "requests", "grpc", "http.server") if name in sys.modules]
print(json.dumps([asked, loaded, status.destinations, [n for n in status.notes if "nothing leaves" in n]]))
"""
    asked, loaded, destinations, notes = seen_by(program, **environment)
    assert asked == []
    assert loaded == []
    assert destinations == []
    assert len(notes) == 1


def test_the_watch_sees_a_connection() -> None:
    """The check above can fail: with an endpoint the same watch sees what it looks for."""
    with http_sink() as sink:
        program = f"""
{WATCH_SOCKETS}
import otel_perf
with otel_perf.instrument(endpoint={sink.url!r}):
    with otel_perf.tool_call("one"): pass
print(json.dumps(asked))
"""
        assert "socket.connect" in seen_by(program)


def test_several_endpoints_each_get_everything() -> None:
    """A list of addresses: each backend gets each span once and the metrics, and has an account of its own."""
    call = otel_perf.tool("one")(int)
    with http_sink() as one, http_sink() as two:
        with otel_perf.instrument(endpoint=[one.url, two.url]) as handle:
            for _ in range(10):
                call()
            assert handle.flush(20)
            accounts = {(d.destination, d.signal): (d.accepted, d.exported) for d in handle.status().destinations}
        for sink in (one, two):
            assert dict(sink.span_names) == {"execute_tool one": 10}
            assert sink.doubled == 0
            assert sink.metrics
    assert len(accounts) == 4
    assert {numbers for (_, signal), numbers in accounts.items() if signal == "traces"} == {(10, 10)}


def test_a_backend_that_is_down_does_not_hold_up_the_other() -> None:
    """One of two refuses everything: the other has all of it, and each account tells its own story."""
    with http_sink() as good, http_sink() as bad:
        bad.behave(status=400)
        with otel_perf.instrument(endpoint=[bad.url, good.url], metrics_exporters=()) as handle:
            with otel_perf.tool_call("one"):
                pass
            assert handle.flush(20) is False
            first, second = handle.status().destinations
    assert (first.exported, dict(first.rejected)) == (0, {"http_4xx": 1})
    assert (second.exported, second.lost) == (1, 0)
    assert dict(good.span_names) == {"execute_tool one": 1}


def test_over_grpc_by_argument() -> None:
    """``protocol="grpc"`` sends the same spans to a gRPC receiver."""
    with grpc_sink() as sink:
        url = f"http://{sink.url}"
        with otel_perf.instrument(endpoint=url, protocol="grpc", metrics_exporters=()) as handle:
            with otel_perf.tool_call("one"):
                pass
            assert handle.flush(20)
        assert dict(sink.span_names) == {"execute_tool one": 1}


def test_headers_reach_the_backend_and_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    """A header of ``headers=`` is on every request, and its value in no status and no log line."""
    secret = "s3cret-api-key"
    with http_sink() as sink:
        with otel_perf.instrument(endpoint=sink.url, headers={"X-Api-Key": secret}) as handle:
            with otel_perf.tool_call("one"):
                pass
            handle.flush(20)
            said = repr(handle.status())
        values = [{name.lower(): value for name, value in each.headers.items()} for each in sink.requests]
    assert {headers["x-api-key"] for headers in values} == {secret}
    assert secret not in said + caplog.text


EXPORTERS = """
import threading
import otel_perf
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
class Mine(SpanExporter):
    def __init__(self): self.names, self.threads, self.ended = [], set(), 0
    def export(self, spans):
        self.names += [span.name for span in spans]
        self.threads.add(threading.current_thread().name)
        return SpanExportResult.SUCCESS
    def shutdown(self): self.ended += 1
mine, other = Mine(), Mine()
with otel_perf.instrument(exporters=[mine, other]) as handle:
    with trace.get_tracer("theirs").start_as_current_span("theirs"), otel_perf.tool_call("one"):
        pass
    flushed = handle.flush()
    status = handle.status()
print(json.dumps([flushed, [sorted(each.names) for each in (mine, other)], [each.ended for each in (mine, other)],
                  "MainThread" in mine.threads, status.spans, status.balanced,
                  [[d.accepted, d.exported] for d in status.destinations], sorted(status.notes)]))
"""


def test_exporters_of_the_application() -> None:
    """Each of ``exporters=`` gets ours and other libraries' spans, off the caller's thread, and is ended once."""
    flushed, names, ended, on_main, spans, balanced, accounts, notes = seen_by(EXPORTERS)
    assert flushed
    assert names == [["execute_tool one", "theirs"]] * 2
    assert ended == [1, 1]
    assert on_main is False
    assert (spans, balanced) == ("deferred", True)
    assert accounts == [[2, 2]] * 2
    assert not [note for note in notes if "nothing leaves" in note]


def test_on_export_error_is_told_of_each_failure() -> None:
    """The callback gets the destination, the signal and the reason; one that raises harms nobody."""
    told: list[ExportFailure] = []

    def on_error(failure: ExportFailure) -> None:
        told.append(failure)
        raise ValueError("the callback's own")

    with http_sink() as sink:
        sink.behave(status=401, message="no key")
        with otel_perf.instrument(endpoint=sink.url, metrics_exporters=(), on_export_error=on_error) as handle:
            with otel_perf.tool_call("one"):
                pass
            handle.flush(20)
            status = handle.status()
    assert told
    assert told[0].signal == "traces"
    assert told[0].destination == status.destinations[0].destination
    assert "401" in told[0].reason
    assert status.balanced
    assert status.state == "running"


def test_the_prometheus_page_by_argument() -> None:
    """``prometheus=0`` takes a free port on the loopback; the page shows the tool; at the end nothing listens."""
    with otel_perf.instrument(prometheus=0) as handle:
        with otel_perf.tool_call("one"):
            pass
        handle.flush()
        url = handle.status().prometheus
        assert url is not None
        assert url.startswith("http://127.0.0.1:")
        page = requests.get(url, timeout=10).text
    assert 'gen_ai_tool_name="one"' in page
    with pytest.raises(requests.ConnectionError, match="refused"):
        requests.get(url, timeout=2)


CONSOLE = f"""
import otel_perf
handle = otel_perf.instrument()
{CALL}
print("the application's own output")
handle.shutdown()
"""


def test_the_console_is_standard_error() -> None:
    """``OTEL_TRACES_EXPORTER=console`` and the same for metrics write to standard error, never to standard output."""
    finished = run_python("-c", CONSOLE, OTEL_TRACES_EXPORTER="console", OTEL_METRICS_EXPORTER="console")
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == "the application's own output\n"
    assert '"name": "execute_tool one"' in finished.stderr
    assert "gen_ai.execute_tool.duration" in finished.stderr


def test_nothing_is_printed_without_being_asked() -> None:
    """A plain start, some calls and the end write nothing to either stream."""
    program = f"import otel_perf\nhandle = otel_perf.instrument()\n{CALL}\nhandle.shutdown()"
    finished = run_python("-W", "error", "-X", "dev", "-c", program)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")


def test_no_file_is_made_without_a_backend(tmp_path: Any) -> None:
    """Recording without an endpoint leaves the working folder as it was."""
    program = f"""
import os
os.chdir({str(tmp_path)!r})
import otel_perf
with otel_perf.instrument():
{CALL.replace(chr(10), chr(10) + "    ")}
"""
    finished = run_python("-c", program)
    assert finished.returncode == 0, finished.stderr
    assert list(tmp_path.iterdir()) == []
