from typing import Any

import pytest
from opentelemetry import trace

import otel_perf
from otel_perf.core.guard import guard
from otel_perf.optimize.tokens import count_tokens
from otel_perf.testing.capture import Capture


def tokens(capture: Capture) -> list[tuple[dict[str, Any], int, float]]:
    """Attributes, count and sum of the token histogram."""
    found = capture.metrics().get("gen_ai.client.token.usage", [])
    return [(dict(point.attributes), point.count, point.sum) for point in found]


@pytest.mark.feature("S1-31", "S2-56")
def test_recorded_tokens_are_metrics_and_attributes(otel_perf_capture: Capture) -> None:
    """One call gives the histogram by input and output, and the numbers on the span around it."""
    with otel_perf.tool_call("answer"):
        otel_perf.record_tokens(input=120, output=30, model="gpt-4o", provider="openai", cache_read=100, reasoning=10)
    who = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
    how = {"otel_perf.token.estimated": "false", "otel_perf.token.method": "reported"}
    assert tokens(otel_perf_capture) == [
        ({**who, "gen_ai.token.type": "input", **how}, 1, 120),
        ({**who, "gen_ai.token.type": "output", **how}, 1, 30),
    ]
    attributes = dict(otel_perf_capture.span("execute_tool answer").attributes or {})
    assert attributes["gen_ai.usage.input_tokens"] == 120
    assert attributes["gen_ai.usage.output_tokens"] == 30
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == 100
    assert attributes["gen_ai.usage.reasoning.output_tokens"] == 10
    assert "gen_ai.usage.cache_write.input_tokens" not in attributes


@pytest.mark.feature("S0-38")
def test_an_estimate_is_labelled(otel_perf_capture: Capture) -> None:
    """The result of an estimate carries its method and flag, and both are on the metric and on the span."""
    counted = count_tokens("How much is the fish?", "some-model")
    with otel_perf.tool_call("ask"):
        otel_perf.record_tokens(
            input=counted.tokens, model="some-model", estimated=counted.estimated, method=counted.token_method
        )
    ((labels, _, total),) = tokens(otel_perf_capture)
    assert labels["otel_perf.token.estimated"] == "true"
    assert labels["otel_perf.token.method"] == "estimate/o200k_base"
    assert total == counted.tokens
    attributes = dict(otel_perf_capture.span("execute_tool ask").attributes or {})
    assert attributes["otel_perf.token.estimated"] is True
    assert attributes["otel_perf.token.method"] == "estimate/o200k_base"


def test_several_calls_on_one_span_add_up(otel_perf_capture: Capture) -> None:
    """The span around three model calls shows the sum; the histogram shows each."""
    with otel_perf.agent("boss"):
        for number in (1, 10, 100):
            otel_perf.record_tokens(input=number, output=1)
    attributes = dict(otel_perf_capture.span("invoke_agent boss").attributes or {})
    assert attributes["gen_ai.usage.input_tokens"] == 111
    assert attributes["gen_ai.usage.output_tokens"] == 3
    assert [count for _, count, _ in tokens(otel_perf_capture)] == [3, 3]


def test_tokens_told_inside_a_model_span_count_once(otel_perf_capture: Capture) -> None:
    """What the application records inside another library's model span is not read off that span again."""
    tracer = trace.get_tracer("foreign")
    with tracer.start_as_current_span("chat m", attributes={"gen_ai.operation.name": "chat"}):
        otel_perf.record_tokens(input=7, output=3, model="m")
    assert [(count, total) for _, count, total in tokens(otel_perf_capture)] == [(1, 7), (1, 3)]
    assert otel_perf_capture.metrics()["gen_ai.client.operation.duration"][0].count == 1


@pytest.mark.parametrize("nonsense", [-1, 1.5, True, "many", 2**64, object()])
def test_nonsense_is_left_out_and_counted(otel_perf_capture: Capture, nonsense: Any) -> None:
    """What is no number of tokens never raises: it is left out, told as an internal error, and the rest recorded."""
    before = guard.counts["record_tokens"]
    otel_perf.record_tokens(input=nonsense, output=5)
    assert guard.counts["record_tokens"] == before + 1
    assert [(labels["gen_ai.token.type"], total) for labels, _, total in tokens(otel_perf_capture)] == [("output", 5)]


def test_hostile_names_do_not_raise(otel_perf_capture: Capture) -> None:
    """Names that are no text, or not encodable, end as clean text or not at all."""

    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    otel_perf.record_tokens(input=1, model="\ud800" * 500, provider=7)  # type: ignore[arg-type]
    otel_perf.record_tokens(input=1, model=Hostile())  # type: ignore[arg-type]
    ((labels, count, _),) = tokens(otel_perf_capture)
    assert count == 1
    assert len(labels["gen_ai.request.model"]) <= 128
    assert labels["gen_ai.provider.name"] == "7"


def test_before_instrument_it_costs_nothing_and_does_nothing() -> None:
    """Without recording the call just returns."""
    otel_perf.record_tokens(input=1, output=1, model="m")
