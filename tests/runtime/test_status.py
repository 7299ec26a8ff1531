"""``handle.status()`` and the handle's methods, from the outside."""

import threading
from typing import Any

import pytest

import otel_perf
from otel_perf.core import clock
from otel_perf.core.intake import intake
from tests.behaviour.processes import seen_by
from tests.sinks.http_sink import http_sink


def calls(count: int) -> None:
    """So many calls of one tool."""
    for _ in range(count):
        with otel_perf.tool_call("counted"):
            pass


def test_status_without_a_backend() -> None:
    """Running, nothing sent, and a note that says so; every call accounted for, the running one listed."""
    with otel_perf.instrument(service_name="status") as handle:
        calls(3)
        with otel_perf.agent("planner"), otel_perf.tool_call("running"):
            status = handle.status()
        after = handle.status()
    assert status.state == "running"
    assert status.spans == "deferred"
    assert status.destinations == ()
    assert status.prometheus is None
    assert status.calls.span_recorded == 3
    assert status.balanced
    assert [(call.tool, call.agent) for call in status.open_calls] == [("planner", "planner"), ("running", "planner")]
    assert after.open_calls == ()
    assert after.calls.span_recorded == 5
    assert any("nothing leaves the process" in note for note in status.notes)
    assert (status.worker_restarts, status.problems) == (0, ())
    assert {row.name: row.value_text for row in status.settings}["service_name"] == "status"


def test_status_after_the_end_keeps_the_account() -> None:
    """After ``shutdown`` the state says so, the ledger stays, calls are only counted as disabled."""
    with http_sink() as sink:
        handle = otel_perf.instrument(endpoint=sink.url, metrics_exporters=())
        calls(4)
        assert handle.flush()
        assert handle.shutdown()
        (destination,) = handle.status().destinations
    assert handle.status().state == "shut down"
    assert (destination.accepted, destination.exported, destination.queued) == (4, 4, 0)
    before = intake.disabled
    calls(2)
    assert intake.disabled - before == 2
    assert handle.status().calls.span_recorded == 4
    assert handle.status().balanced


def test_every_method_is_harmless_after_the_end() -> None:
    """Flush, shutdown, status and summary of a handle that is over answer, and start nothing again."""
    with otel_perf.instrument() as handle:
        calls(1)
    assert handle.shutdown()
    assert handle.flush()
    assert handle.flush(0)
    assert [tool.count for tool in handle.summary().tools] == [1]
    with handle as same:
        assert same is handle
    assert handle.status().state == "shut down"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("otel_perf")]


def test_flush_says_no_in_time_when_the_backend_hangs() -> None:
    """With a backend that does not answer ``flush`` returns False when its time is over, and so does ``shutdown``."""
    with http_sink() as sink:
        sink.behave(black_hole=True)
        handle = otel_perf.instrument(endpoint=sink.url, metrics_exporters=(), spool=False)
        calls(1)
        before = clock.monotonic_ns()
        assert handle.flush(0.1) is False
        assert handle.shutdown(0.1) is False
        assert clock.monotonic_ns() - before < 5_000_000_000
        (destination,) = handle.status().destinations
    assert destination.balanced
    assert destination.exported == 0
    assert destination.uncertain + destination.lost == 1


@pytest.mark.parametrize("timeout", [0, -1, 0.0])
def test_without_time_flush_returns_at_once(timeout: float) -> None:
    """No time to wait is no error: what could not be delivered goes on waiting."""
    with http_sink() as sink, otel_perf.instrument(endpoint=sink.url, metrics_exporters=()) as handle:
        calls(1)
        handle.flush(timeout)
        assert handle.flush(10)
        assert dict(sink.span_names) == {"execute_tool counted": 1}


def test_the_first_settings_hold() -> None:
    """A second ``instrument`` gives the same handle and says that its settings are not used."""
    program = """
        import otel_perf
        logging.getLogger("otel_perf").setLevel("INFO")
        first = otel_perf.instrument(service_name="first")
        again = otel_perf.instrument(service_name="second")
        silent = otel_perf.instrument()
        names = {row.name: row.value_text for row in first.status().settings}
        first.shutdown()
        print(json.dumps([first is again is silent, names["service_name"],
                          [line for line in lines if "already instrumented" in line]]))
    """
    same, name, lines = seen_by(program)
    assert same is True
    assert name == "first"
    assert lines == ["otel_perf: already instrumented; the settings of the first call hold"]


def test_switched_off_by_the_standard_variable() -> None:
    """``OTEL_SDK_DISABLED=true``: nothing runs, no thread, no import of the SDK; calls run and are counted."""
    program = """
        import threading
        import otel_perf
        handle = otel_perf.instrument(endpoint="http://127.0.0.1:1")
        with otel_perf.tool_call("runs") as span:
            recording = span.is_recording()
        status = handle.status()
        print(json.dumps([status.state, status.calls.disabled, status.provider, recording, status.balanced,
                          handle.flush(), handle.shutdown(), handle.status().state,
                          [t.name for t in threading.enumerate() if t.name.startswith("otel_perf")],
                          "opentelemetry.sdk.trace" in sys.modules]))
    """
    assert seen_by(program, OTEL_SDK_DISABLED="true") == [
        *("disabled", 1, None, False, True, True, True, "shut down"),
        *([], False),
    ]


def test_summary_is_a_picture_of_one_moment() -> None:
    """While four threads call, summaries can be made and drawn; each is consistent in itself."""
    stop = threading.Event()

    def busy(number: int) -> None:
        while not stop.is_set():
            with otel_perf.tool_call(f"outer {number}"), otel_perf.tool_call(f"inner {number % 3}"):
                pass

    with otel_perf.instrument() as handle:
        threads = [threading.Thread(target=busy, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(5):
                summary = handle.summary()
                assert summary.calls.balanced
                assert all(node.calls >= 0 for node in summary.tree)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert handle.flush(60)
        final = handle.summary()
    assert sum(tool.count for tool in final.tools) == final.calls.calls - final.calls.disabled


FAILING_START = """
import otel_perf
from otel_perf.runtime import engine
def broken(*_arguments, **_options): raise RuntimeError("on purpose")
engine.Outlets = broken
handle = otel_perf.instrument()
with otel_perf.tool_call("runs"):
    pass
status = handle.status()
print(json.dumps([status.state, status.calls.disabled, status.balanced, handle.flush(), handle.shutdown(),
                  sum("internal error in set-up" in line for line in lines)]))
"""


def test_a_failure_of_our_own_set_up_leaves_the_application_alone() -> None:
    """When a part of ours cannot be made the state is ``failed``, one line says so, and calls run."""
    seen: Any = seen_by(FAILING_START)
    assert seen == ["failed", 1, True, True, True, 1]
