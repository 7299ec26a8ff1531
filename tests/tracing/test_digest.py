import time
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Status, StatusCode

from otel_perf.core.clock import system_clock
from otel_perf.tracing.digest import MAX_KNOWN, digest, recognize

TRACER = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False).get_tracer("foreign")


def ended(name: str, attributes: dict[str, Any], status: Status | None = None, **options: Any) -> ReadableSpan:
    """A finished span of another library."""
    span = TRACER.start_span(name, attributes=attributes, **options)
    if status is not None:
        span.set_status(status)
    span.end()
    assert isinstance(span, ReadableSpan)
    return span


GEN_AI, LOOP, INFERENCE, MCP = (
    "gen_ai.operation.name",
    "traceloop.span.kind",
    "openinference.span.kind",
    "mcp.method.name",
)

RECOGNIZED = [
    ("execute_tool search", {GEN_AI: "execute_tool", "gen_ai.tool.name": "search"}, "tool", "search"),
    ("execute_tool search", {GEN_AI: "execute_tool"}, "tool", "search"),
    ("search", {GEN_AI: "execute_tool"}, "tool", "search"),
    ("", {GEN_AI: "execute_tool"}, "tool", "unnamed"),
    ("invoke_agent a", {GEN_AI: "invoke_agent", "gen_ai.agent.name": "boss"}, "agent", "boss"),
    ("invoke_workflow w", {GEN_AI: "invoke_workflow", "gen_ai.workflow.name": "w1"}, "agent", "w1"),
    ("chat gpt", {GEN_AI: "chat", "gen_ai.request.model": "gpt-4"}, "model", "gpt-4"),
    ("text_completion m", {GEN_AI: "text_completion"}, "model", "m"),
    ("generate_content m", {GEN_AI: "generate_content"}, "model", "m"),
    ("embeddings m", {GEN_AI: "embeddings"}, "model", "m"),
    ("search.tool", {LOOP: "tool", "traceloop.entity.name": "search"}, "tool", "search"),
    ("search.tool", {LOOP: "tool"}, "tool", "search"),
    ("boss.agent", {LOOP: "agent"}, "agent", "boss"),
    ("flow.workflow", {LOOP: "workflow", "traceloop.entity.name": "flow"}, "agent", "flow"),
    ("x", {INFERENCE: "TOOL", "tool.name": "search"}, "tool", "search"),
    ("boss", {INFERENCE: "AGENT"}, "agent", "boss"),
    ("x", {INFERENCE: "LLM", "llm.model_name": "gpt-4"}, "model", "gpt-4"),
    ("tools/call weather", {MCP: "tools/call", "gen_ai.tool.name": "weather"}, "tool", "weather"),
    ("tools/call weather", {MCP: "tools/call"}, "tool", "weather"),
    ("GET", {GEN_AI: "nonsense", LOOP: "tool"}, "tool", "GET"),
]


@pytest.mark.parametrize(("name", "attributes", "kind", "expected"), RECOGNIZED)
def test_calls_of_every_dialect_are_recognized(name: str, attributes: dict[str, Any], kind: str, expected: str) -> None:
    """Tool, agent and model spans of each convention become records with the right kind and name."""
    span = ended(name, attributes)
    call = digest(span)
    assert call is not None
    assert (call.tool.kind, call.tool.name) == (kind, expected)
    assert call.readable is span
    assert call.caller is None
    assert call.details is None
    assert call.outcome == "ok"


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"http.request.method": "GET"},
        {GEN_AI: "create_agent"},
        {GEN_AI: "retrieval"},
        {GEN_AI: 7},
        {LOOP: "task"},
        {INFERENCE: "CHAIN"},
        {MCP: "tools/list"},
        {"gen_ai.tool.name": "search"},
    ],
)
def test_other_spans_are_nothing_to_us(attributes: dict[str, Any]) -> None:
    """A span that stands for no call gives no record."""
    assert digest(ended("x", attributes)) is None


def test_our_own_spans_are_not_digested_again() -> None:
    """A span made by us through another provider already has its record."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("otel_perf")
    span = tracer.start_span("execute_tool x", attributes={GEN_AI: "execute_tool"})
    span.end()
    assert isinstance(span, ReadableSpan)
    assert digest(span) is None


def test_a_span_that_has_not_ended_gives_no_record() -> None:
    """Without an end there is no duration, and none is invented."""
    span = TRACER.start_span("execute_tool x", attributes={GEN_AI: "execute_tool"})
    assert digest(span) is None  # type: ignore[arg-type]


TOOL = {GEN_AI: "execute_tool", "gen_ai.tool.name": "t"}
ERROR = Status(StatusCode.ERROR)


@pytest.mark.parametrize(
    ("attributes", "status", "outcome", "error_type"),
    [
        ({}, None, "ok", None),
        ({}, Status(StatusCode.OK), "ok", None),
        ({}, ERROR, "error", "_OTHER"),
        ({"error.type": "ValueError"}, None, "error", "ValueError"),
        ({"error.type": "tool_error"}, ERROR, "error", "tool_error"),
        ({"error.type": ""}, ERROR, "error", "_OTHER"),
        ({"error.type": 500}, ERROR, "error", "_OTHER"),
        ({"error.type": "TimeoutError"}, ERROR, "timeout", "TimeoutError"),
        ({"error.type": "httpx.ReadTimeout"}, ERROR, "timeout", "httpx.ReadTimeout"),
        ({"error.type": "subprocess.TimeoutExpired"}, ERROR, "timeout", "subprocess.TimeoutExpired"),
        ({"error.type": "timeout"}, ERROR, "timeout", "timeout"),
        ({"error.type": "DEADLINE_EXCEEDED"}, ERROR, "timeout", "DEADLINE_EXCEEDED"),
        ({"error.type": "504"}, ERROR, "timeout", "504"),
        ({"error.type": "asyncio.exceptions.CancelledError"}, ERROR, "cancelled", None),
        ({"error.type": "cancelled"}, ERROR, "cancelled", None),
    ],
)
def test_the_outcome_is_read_from_status_and_error_type(
    attributes: dict[str, Any], status: Status | None, outcome: str, error_type: str | None
) -> None:
    """Errors, timeouts and cancellations of other libraries are told apart."""
    call = digest(ended("x", TOOL | attributes, status))
    assert call is not None
    assert call.outcome == outcome
    assert (call.failure.error_type if call.failure else None) == error_type


def test_the_type_of_a_recorded_exception_stands_in_for_the_error_type() -> None:
    """The SDK records an exception as an event; its type is the error type when nothing else says it."""
    provider = TracerProvider(shutdown_on_exit=False)
    with (
        pytest.raises(TimeoutError),
        provider.get_tracer("x").start_as_current_span("execute_tool x", attributes=TOOL) as span,
    ):
        raise TimeoutError
    assert isinstance(span, ReadableSpan)
    call = digest(span)
    assert call is not None
    assert call.failure is not None
    assert (call.outcome, call.failure.error_type) == ("timeout", "TimeoutError")


def test_times_are_on_the_monotonic_clock_and_the_duration_is_exact() -> None:
    """Start and end map back to the span's own Unix times, and their difference is the span's duration."""
    start = time.time_ns() - 5_000_000_000
    span = TRACER.start_span("x", attributes=TOOL, start_time=start)
    span.end(start + 123_456_789)
    call = digest(span)  # type: ignore[arg-type]
    assert call is not None
    assert call.end_ns is not None
    assert call.duration_ns == 123_456_789
    assert system_clock.unix_ns(call.start_ns) == start
    assert abs(time.perf_counter_ns() - 5_000_000_000 - call.start_ns) < 1_000_000_000


def test_a_clock_that_was_set_back_gives_no_negative_duration() -> None:
    """A span that ends before it starts lasts no time."""
    span = TRACER.start_span("x", attributes=TOOL, start_time=2_000)
    span.end(1_000)
    call = digest(span)  # type: ignore[arg-type]
    assert call is not None
    assert call.duration_ns == 0


def test_parent_identifiers_and_sampling_come_along() -> None:
    """The record knows its span's parent, ids and sampled flag, and the agent it was made for."""
    parent = TRACER.start_span("p")
    child = ended("x", TOOL | {"gen_ai.agent.name": "boss"}, context=trace.set_span_in_context(parent))
    call = digest(child)
    assert call is not None
    assert call.parent is not None
    assert call.parent.get_span_context() == parent.get_span_context()
    assert call.context == child.context
    assert call.scope.sampled
    assert call.scope.identity is not None
    assert call.scope.identity.agent_name == "boss"
    root = digest(ended("x", TOOL))
    assert root is not None
    assert root.parent is None
    assert root.scope.identity is None


def test_the_same_tool_is_described_once_and_tables_stay_bounded() -> None:
    """Calls of one tool share its description; names made at run time do not pile up."""
    first, second = digest(ended("x", TOOL)), digest(ended("x", TOOL))
    assert first is not None
    assert second is not None
    assert first.tool is second.tool
    assert first.scope is second.scope


def test_names_made_at_run_time_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past a bound a new name is described anew each time, and known ones are still shared."""
    tables: dict[str, dict[Any, Any]] = {"_tools": {}, "_failures": {}, "_scopes": {}}
    for name, table in tables.items():
        monkeypatch.setattr(f"otel_perf.tracing.digest.{name}", table)
    known = digest(ended("x", TOOL))
    assert known is not None
    for index in range(MAX_KNOWN + 100):
        name = f"made-{index}"
        made = TOOL | {"gen_ai.tool.name": name, "error.type": name, "gen_ai.agent.name": name}
        call = digest(ended("x", made))
        assert call is not None
        assert call.tool.name == name
    assert all(len(table) <= MAX_KNOWN for table in tables.values())
    again = digest(ended("x", TOOL))
    assert again is not None
    assert again.tool is known.tool


@pytest.mark.serial
def test_a_plain_span_costs_less_than_a_microsecond() -> None:
    """A span of an HTTP client is told apart in under 1000 ns of CPU time."""
    span = ended(
        "GET /",
        {
            "http.request.method": "GET",
            "url.full": "http://a/b",
            "server.address": "a",
            "server.port": 80,
            "http.response.status_code": 200,
        },
    )
    spent = []
    for _ in range(10):
        start = time.thread_time()
        for _ in range(10_000):
            digest(span)
        spent.append((time.thread_time() - start) / 10_000)
    assert min(spent) < 1e-6


@pytest.mark.parametrize("name", [None, 7, "\ud800", "x" * 10_000])
def test_strange_names_are_made_safe(name: Any) -> None:
    """Whatever names a foreign span, the tool's name can be encoded and is bounded."""

    class Strange:
        attributes = {GEN_AI: "execute_tool", "gen_ai.tool.name": name}  # noqa: RUF012 - never changed
        instrumentation_scope = None

    Strange.name = name  # type: ignore[attr-defined]
    recognized = recognize(Strange())  # type: ignore[arg-type]
    assert recognized is not None
    assert 0 < len(recognized[1]) <= 128
    recognized[1].encode()
