from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace

import otel_perf
from otel_perf.testing.capture import Capture
from otel_perf.tracing.model_reasoning import MAX_CHARACTERS, record_reasoning, show_reasoning

THOUGHT = "the user seems to live in Ulm"
REASONING = "otel_perf.model.reasoning"


@pytest.fixture(autouse=True)
def hidden_again() -> Iterator[None]:
    """Reasoning is hidden again after each test."""
    yield
    show_reasoning(enabled=False)


def everything(capture: Capture) -> str:
    """All that was recorded, as one text."""
    spans = [(span.name, dict(span.attributes or {}), [dict(e.attributes or {}) for e in span.events])
             for span in capture.spans]  # fmt: skip
    labels = [dict(point.attributes) for points in capture.metrics().values() for point in points]
    return repr((spans, labels))


@pytest.mark.feature("S4-34")
def test_reasoning_is_not_kept_by_default(otel_perf_capture: Capture) -> None:
    """Unless asked for, what a model thought is on no span, no event and no metric; the number of its tokens is."""
    with otel_perf.tool_call("answer"):
        record_reasoning(THOUGHT)
        otel_perf.record_tokens(output=50, reasoning=40, model="m")
    assert "Ulm" not in everything(otel_perf_capture)
    (point,) = otel_perf_capture.metrics()["gen_ai.client.inference.usage.reasoning.output_tokens"]
    assert point.value == 40


@pytest.mark.feature("S4-34")
def test_reasoning_is_kept_when_asked_for(otel_perf_capture: Capture) -> None:
    """Switched on, it is an attribute of the current span, redacted and bounded, and still no label."""
    show_reasoning(enabled=True)
    with otel_perf.tool_call("answer"):
        record_reasoning(f"{THOUGHT}; password=hunter2hunter2")
    with otel_perf.tool_call("long"):
        record_reasoning("x" * 100_000)
    attributes: dict[str, Any] = dict(otel_perf_capture.span("execute_tool answer").attributes or {})
    assert THOUGHT in attributes[REASONING]
    assert "hunter2" not in attributes[REASONING]
    long: Any = (otel_perf_capture.span("execute_tool long").attributes or {})[REASONING]
    assert len(long) <= MAX_CHARACTERS + 100
    labels = [point.attributes for points in otel_perf_capture.metrics().values() for point in points]
    assert "Ulm" not in repr(labels)


@pytest.mark.feature("S4-34")
def test_what_other_libraries_put_on_their_spans_is_no_label(otel_perf_capture: Capture) -> None:
    """A model span that carries prompts gives metrics without a word of them."""
    span = trace.get_tracer("foreign").start_span(
        "chat m",
        attributes={"gen_ai.operation.name": "chat", "gen_ai.input.messages": THOUGHT, "gen_ai.usage.input_tokens": 5},
    )
    span.end()
    labels = [point.attributes for points in otel_perf_capture.metrics().values() for point in points]
    assert labels
    assert "Ulm" not in repr(labels)


@pytest.mark.feature("S1-20")
def test_token_efficiency_is_the_applications_to_tell(otel_perf_capture: Capture) -> None:
    """Useful over all tokens is recorded when the application supplies it, and absent otherwise."""
    otel_perf.record_tokens(input=100, output=100, model="m")
    assert "otel_perf.kpi.token_efficiency" not in otel_perf_capture.metrics()
    otel_perf.record_kpi("token_efficiency", 176 / 200)
    (point,) = otel_perf_capture.metrics()["otel_perf.kpi.token_efficiency"]
    assert point.sum == pytest.approx(0.88)


def test_without_a_span_nothing_happens(otel_perf_capture: Capture) -> None:
    """Reasoning outside of any span is dropped, and nothing is raised."""
    show_reasoning(enabled=True)
    record_reasoning(THOUGHT)
    assert otel_perf_capture.spans == []
