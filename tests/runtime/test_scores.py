"""Late scores: on their trace, out of the process, never in the way."""

import logging
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

import otel_perf
from otel_perf.core.kpis import told
from otel_perf.runtime import outlets
from otel_perf.testing.capture import Capture
from otel_perf.testing.recording import recording
from tests.behaviour.processes import run_python, seen_by
from tests.sinks.grpc_sink import grpc_sink
from tests.sinks.http_sink import http_sink

TRACE, SPAN = 0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7
CONTEXT = SpanContext(TRACE, SPAN, is_remote=True, trace_flags=TraceFlags(1))


@pytest.fixture(autouse=True)
def _afresh() -> None:
    """Each test is told everything once."""
    told.forget()


@pytest.mark.parametrize(
    ("about", "found"),
    [
        ({"trace": f"{TRACE:032x}"}, (TRACE, 0)),
        ({"trace": f" {TRACE:032X} "}, (TRACE, 0)),
        ({"trace": TRACE}, (TRACE, 0)),
        ({"trace": CONTEXT}, (TRACE, SPAN)),
        ({"trace": NonRecordingSpan(CONTEXT)}, (TRACE, SPAN)),
        ({"trace": f"00-{TRACE:032x}-{SPAN:016x}-01"}, (TRACE, SPAN)),
        ({"span": f"{SPAN:016x}"}, (0, SPAN)),
        ({"span": SPAN}, (0, SPAN)),
        ({"span": CONTEXT}, (TRACE, SPAN)),
        ({"span": NonRecordingSpan(CONTEXT)}, (TRACE, SPAN)),
        ({"span": f"00-{TRACE:032x}-{SPAN:016x}-01"}, (TRACE, SPAN)),
        ({"trace": f"{TRACE:032x}", "span": f"{SPAN:016x}"}, (TRACE, SPAN)),
        ({"trace": CONTEXT, "span": 5}, (TRACE, 5)),
        ({"trace": 7, "span": CONTEXT}, (7, SPAN)),
        ({}, (0, 0)),
    ],
)
def test_a_trace_can_be_named_in_every_usual_way(
    otel_perf_capture: Capture, caplog: pytest.LogCaptureFixture, about: dict[str, Any], found: tuple[int, int]
) -> None:
    """Hexadecimal text, number, header, context, span; outside of any span without either there is no link."""
    otel_perf.record_score("relevance", 0.5, **about)
    (event,) = otel_perf_capture.events
    assert (event.trace_id, event.span_id) == found
    assert not caplog.records


@pytest.mark.parametrize(
    "wrong", ["", "xyz", "0" * 32, "4bf9", "00-zz-yy-01", -1, 0, 1 << 128, True, 1.5, b"\x00" * 16, trace.INVALID_SPAN]
)
def test_a_wrong_trace_costs_the_link_only(
    otel_perf_capture: Capture, caplog: pytest.LogCaptureFixture, wrong: Any
) -> None:
    """The score is recorded without it, counted, and told once."""
    otel_perf.record_score("relevance", 0.5, trace=wrong)
    otel_perf.record_score("relevance", 0.5, trace=wrong)
    assert [(event.trace_id, event.span_id) for event in otel_perf_capture.events] == [(0, 0)] * 2
    (point,) = otel_perf_capture.metrics()["otel_perf.kpi.rejected"]
    assert (point.value, point.attributes["otel_perf.reason"]) == (2, "unknown_trace")
    assert len(caplog.records) == 1


def test_the_current_span_is_meant_when_none_is_named(otel_perf_capture: Capture) -> None:
    """Inside a tool call its span; afterwards the call can still be named."""
    with otel_perf.tool_call("answer") as call:
        otel_perf.record_score("relevance", 0.9)
    otel_perf.record_score("relevance", 0.1, trace=call)
    (span,) = otel_perf_capture.spans
    assert span.context is not None
    assert [(e.trace_id, e.span_id) for e in otel_perf_capture.events] == [
        (span.context.trace_id, span.context.span_id)
    ] * 2


def test_the_event_is_that_of_the_conventions_and_the_score_a_metric(otel_perf_capture: Capture) -> None:
    """Attributes by their conventional names, what was not given left out; scores by evaluation, results by label."""
    otel_perf.record_score("relevance", 4, label="relevant", explanation="on topic", response_id="resp-1", trace=TRACE)
    otel_perf.record_score("thumbs", label="up")
    first, second = otel_perf_capture.events
    assert first.name == "gen_ai.evaluation.result"
    assert first.attributes == {
        "gen_ai.evaluation.name": "relevance",
        "gen_ai.evaluation.score.value": 4.0,
        "gen_ai.evaluation.score.label": "relevant",
        "gen_ai.evaluation.explanation": "on topic",
        "gen_ai.response.id": "resp-1",
    }
    assert second.attributes == {"gen_ai.evaluation.name": "thumbs", "gen_ai.evaluation.score.label": "up"}
    metrics = otel_perf_capture.metrics()
    (score,) = metrics["otel_perf.evaluation.score"]
    assert (score.sum, score.count, score.attributes) == (4, 1, {"gen_ai.evaluation.name": "relevance"})
    assert {tuple(p.attributes.values()): p.value for p in metrics["otel_perf.evaluation.results"]} == {
        ("relevance", "relevant"): 1,
        ("thumbs", "up"): 1,
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "0.9", object()])
def test_a_score_that_is_no_number_is_rejected(otel_perf_capture: Capture, value: Any) -> None:
    """With a label that stays; without one nothing is recorded. Both counted."""
    otel_perf.record_score("relevance", value, label="bad")
    otel_perf.record_score("relevance", value)
    otel_perf.record_score("relevance")
    (event,) = otel_perf_capture.events
    assert "gen_ai.evaluation.score.value" not in event.attributes
    metrics = otel_perf_capture.metrics()
    assert "otel_perf.evaluation.score" not in metrics
    assert sum(point.value for point in metrics["otel_perf.kpi.rejected"]) == 2


@pytest.mark.parametrize("level", ["off", "full"])
def test_an_explanation_is_redacted_first_and_bounded(level: Any) -> None:
    """Secrets are taken out whatever is captured; a long text is cut."""
    with recording(capture=level) as capture:
        otel_perf.record_score("safety", 0, explanation="it said api_key=sk-abcdef0123456789abcdef0123456789 aloud")
        otel_perf.record_score("safety", 0, explanation="word " * 100_000)
        first, second = (str(event.attributes["gen_ai.evaluation.explanation"]) for event in capture.events)
    assert "sk-abcdef" not in first
    assert first.startswith("it said ")
    assert 1000 < len(second) <= 4096


def test_before_and_after_nothing_is_recorded_and_nothing_raises(caplog: pytest.LogCaptureFixture) -> None:
    """Without a pipeline a score is a counted event, whatever it is given."""
    caplog.set_level(logging.INFO)
    otel_perf.record_score("relevance", 0.5, explanation=object(), trace=object(), span=object())  # type: ignore[arg-type]
    with otel_perf.instrument():
        pass
    otel_perf.record_score("relevance", 0.5)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


# -- out of the process --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_score_minutes_later_reaches_the_backend_of_its_trace(protocol: Any) -> None:
    """The turn has ended and was delivered; the score arrives as a log record with its ids, accounted for as logs."""
    serving: Any = http_sink if protocol != "grpc" else grpc_sink
    with serving() as sink:
        url = sink.url if protocol != "grpc" else f"http://{sink.url}"
        with otel_perf.instrument(endpoint=url, protocol=protocol) as handle:
            with otel_perf.agent("helper") as turn:
                pass
            assert handle.flush(20)
            assert not sink.logs
            before = {account.signal for account in handle.status().destinations}
            otel_perf.record_score("faithfulness", 0.92, trace=turn)
            assert handle.flush(20)
            status = handle.status()
        (span,) = (s for r in sink.traces for rs in r.resource_spans for ss in rs.scope_spans for s in ss.spans)
        (record,) = sink.log_records
    assert (record.trace_id, record.span_id) == (span.trace_id, span.span_id)
    assert record.event_name == "gen_ai.evaluation.result"
    assert sink.logs[0].resource_logs[0].resource == sink.traces[0].resource_spans[0].resource
    assert before == {"traces", "metrics"}
    logs = next(account for account in status.destinations if account.signal == "logs")
    assert (logs.accepted, logs.exported, status.balanced) == (1, 1, True)


def test_settings_of_logs_alone() -> None:
    """``OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`` and its headers are used for events only, and only when there is one."""
    with http_sink() as sink:
        program = """
import otel_perf
with otel_perf.instrument() as handle:
    with otel_perf.tool_call("one"): pass
    handle.flush()
    otel_perf.record_score("tone", 0.5)
    handle.flush()
    print(json.dumps([[d.signal, d.exported] for d in handle.status().destinations]))
"""
        environment = {
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"{sink.url}/v1/logs",
            "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "x-key=abc",
            "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION": "none",
        }
        assert seen_by(program, **environment) == [["logs", 1]]
        (request,) = sink.requests
        assert (request.signal, request.headers["x-key"]) == ("logs", "abc")
        assert "content-encoding" not in request.headers
        assert seen_by(program, **environment, OTEL_LOGS_EXPORTER="none") == []


def test_the_console_and_a_score_in_the_last_moment() -> None:
    """``OTEL_LOGS_EXPORTER=console`` writes to standard error; a score just before the end is not lost."""
    program = "import otel_perf\notel_perf.instrument()\notel_perf.record_score('tone', 0.5)"
    finished = run_python("-c", program, OTEL_LOGS_EXPORTER="console")
    assert (finished.returncode, finished.stdout) == (0, "")
    assert '"event_name": "gen_ai.evaluation.result"' in finished.stderr
    with http_sink() as sink:
        finished = run_python("-c", program, OTEL_EXPORTER_OTLP_ENDPOINT=sink.url)
        assert (finished.returncode, finished.stderr) == (0, "")
        assert len(sink.log_records) == 1


FORK = """
import os
import otel_perf
handle = otel_perf.instrument()
otel_perf.record_score("parent", 1)
child = os.fork()
if child == 0:
    otel_perf.record_score("child", 1)
    handle.shutdown()
    os._exit(0)
os.waitpid(child, 0)
handle.shutdown()
print("true")
"""


@pytest.mark.skipif("not hasattr(__import__('os'), 'fork')")
def test_parent_and_child_each_deliver_their_own_scores() -> None:
    """Each once, under its own resource."""
    with http_sink() as sink:
        seen_by(FORK, OTEL_EXPORTER_OTLP_ENDPOINT=sink.url)
        names = sorted(record.attributes[0].value.string_value for record in sink.log_records)
        instances = {
            attribute.value.string_value
            for message in sink.logs
            for resource in message.resource_logs
            for attribute in resource.resource.attributes
            if attribute.key == "service.instance.id"
        }
    assert names == ["child", "parent"]
    assert len(instances) == 2


def test_without_an_event_no_thread_and_no_request_is_there_for_events() -> None:
    """The same threads as without a way out for events; the first score starts one more per destination."""
    program = """
import threading
import otel_perf
handle = otel_perf.instrument()
with otel_perf.tool_call("one"): pass
handle.flush()
import time
before = sorted(t.name for t in threading.enumerate() if t.name.startswith("otel_perf-send"))
otel_perf.record_score("tone", 1)
after = sorted(t.name for t in threading.enumerate() if t.name.startswith("otel_perf-send"))
handle.shutdown()
print(json.dumps([before, after]))
"""
    with http_sink() as sink:
        before, after = seen_by(program, OTEL_EXPORTER_OTLP_ENDPOINT=sink.url)
        assert not [name for name in before if name.endswith("logs")]
        assert (len(before), len(after)) == (2, 3)
        before, after = seen_by(program, OTEL_EXPORTER_OTLP_ENDPOINT=sink.url, OTEL_LOGS_EXPORTER="none")
        assert len(before) == len(after) == 2


def test_scores_of_a_process_that_found_no_backend_are_sent_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits on disk is found by a process that has no event of its own, and counted as adopted."""
    monkeypatch.setattr(outlets, "LOOK_SECONDS", 0.1)
    settings: dict[str, Any] = {"home": tmp_path / "state", "traces_exporters": (), "metrics_exporters": ()}
    with http_sink() as sink:
        sink.behave(status=503)
        with otel_perf.instrument(endpoint=sink.url, shutdown_timeout_seconds=1.0, **settings) as handle:
            otel_perf.record_score("tone", 0.5, trace=TRACE)
        (account,) = handle.status().destinations
        assert (account.signal, account.spooled) == ("logs", 1)
        sink.behave()
        with otel_perf.instrument(endpoint=sink.url, **settings) as handle:
            assert sink.wait_until(lambda: len(sink.log_records) == 1, 20)
        (account,) = handle.status().destinations
    assert (account.adopted, account.exported, account.balanced) == (1, 1, True)
    assert sink.log_records[0].trace_id == TRACE.to_bytes(16, "big")
