from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Status, StatusCode

import otel_perf
from otel_perf.core.token_usage import TokenUsage
from otel_perf.testing.capture import Capture
from otel_perf.testing.recording import recording
from otel_perf.tracing.model_usage import model_call_facts

TRACER = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False).get_tracer("foreign")
SECOND = 1_000_000_000

DIALECTS: dict[str, dict[str, Any]] = {
    "conventions": {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 30,
        "gen_ai.usage.cache_write.input_tokens": 10,
        "gen_ai.usage.reasoning.output_tokens": 5,
    },
    "former names": {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.prompt_tokens": 100,
        "gen_ai.usage.completion_tokens": 20,
        "gen_ai.usage.cache_read_input_tokens": 30,
        "gen_ai.usage.cache_creation.input_tokens": 10,
        "gen_ai.usage.reasoning_tokens": 5,
    },
    "OpenLLMetry": {
        "llm.request.type": "chat",
        "gen_ai.system": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.prompt_tokens": 100,
        "gen_ai.usage.completion_tokens": 20,
        "gen_ai.usage.cache_read_input_tokens": 30,
        "gen_ai.usage.cache_creation_input_tokens": 10,
        "gen_ai.usage.reasoning_tokens": 5,
    },
    "OpenInference": {
        "openinference.span.kind": "LLM",
        "llm.provider": "openai",
        "llm.model_name": "gpt-4o",
        "llm.token_count.prompt": 100,
        "llm.token_count.completion": 20,
        "llm.token_count.prompt_details.cache_read": 30,
        "llm.token_count.prompt_details.cache_write": 10,
        "llm.token_count.completion_details.reasoning": 5,
    },
}


def points(capture: Capture, name: str) -> list[tuple[dict[str, Any], Any]]:
    """Attributes and value (a sum's, or count and sum of a histogram) of one metric."""
    return [
        (dict(point.attributes), point.value if hasattr(point, "value") else (point.count, point.sum))
        for point in capture.metrics().get(name, [])
    ]


def model_call(attributes: dict[str, Any], scope: str = "foreign", *, seconds: float = 2.0) -> None:
    """A finished model call of another library on our provider."""
    span = trace.get_tracer(scope).start_span("call", attributes=attributes, start_time=SECOND)
    span.end(SECOND + int(seconds * SECOND))


@pytest.mark.feature("S1-31", "S2-56")
@pytest.mark.parametrize("dialect", DIALECTS)
def test_tokens_are_read_in_every_dialect(otel_perf_capture: Capture, dialect: str) -> None:
    """The same call told by any instrumentation gives the same histograms, counters and names."""
    model_call(DIALECTS[dialect])
    who = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
    how = {"otel_perf.token.estimated": "false", "otel_perf.token.method": "reported"}
    assert points(otel_perf_capture, "gen_ai.client.token.usage") == [
        ({**who, "gen_ai.token.type": "input", **how}, (1, 100)),
        ({**who, "gen_ai.token.type": "output", **how}, (1, 20)),
    ]
    assert points(otel_perf_capture, "gen_ai.client.operation.duration") == [(who, (1, 2.0))]
    modality = {**who, "gen_ai.token.modality": "unknown"}
    usage = "gen_ai.client.inference.usage"
    assert points(otel_perf_capture, f"{usage}.cache_read.input_tokens") == [(modality, 30)]
    assert points(otel_perf_capture, f"{usage}.cache_write.input_tokens") == [(modality, 10)]
    assert points(otel_perf_capture, f"{usage}.reasoning.output_tokens") == [(modality, 5)]


def test_buckets_are_those_of_the_conventions(otel_perf_capture: Capture) -> None:
    """Tokens and seconds have the bounds that the GenAI conventions recommend."""
    model_call(DIALECTS["conventions"])
    metrics = otel_perf_capture.metrics()
    assert metrics["gen_ai.client.token.usage"][0].explicit_bounds == tuple(4**power for power in range(14))
    seconds = metrics["gen_ai.client.operation.duration"][0].explicit_bounds
    assert seconds == tuple(pytest.approx(0.01 * 2**power) for power in range(14))


@pytest.mark.parametrize(
    ("attributes", "operation"),
    [
        ({"openinference.span.kind": "EMBEDDING"}, "embeddings"),
        ({"llm.request.type": "embedding"}, "embeddings"),
        ({"llm.request.type": "completion"}, "text_completion"),
        ({"gen_ai.operation.name": "generate_content"}, "generate_content"),
        ({"openinference.span.kind": "LLM"}, "chat"),
    ],
)
def test_operations_of_every_dialect(otel_perf_capture: Capture, attributes: dict[str, Any], operation: str) -> None:
    """What a span does not call by the conventions' name is given that name; unknown names are left out."""
    model_call(attributes)
    assert points(otel_perf_capture, "gen_ai.client.operation.duration") == [
        ({"gen_ai.operation.name": operation}, (1, 2.0))
    ]
    assert "gen_ai.client.token.usage" not in otel_perf_capture.metrics()


def test_a_failed_call_has_its_error_type(otel_perf_capture: Capture) -> None:
    """The duration of a failed call is labelled with what failed."""
    span = trace.get_tracer("foreign").start_span("chat m", attributes={"gen_ai.operation.name": "chat"})
    span.set_attribute("error.type", "RateLimitError")
    span.set_status(Status(StatusCode.ERROR))
    span.end()
    ((labels, _),) = points(otel_perf_capture, "gen_ai.client.operation.duration")
    assert labels["error.type"] == "RateLimitError"


def test_time_to_the_first_chunk(otel_perf_capture: Capture) -> None:
    """It comes from the conventions' attribute, or from the first event that tells of a chunk; else it is absent."""
    model_call({**DIALECTS["conventions"], "gen_ai.response.time_to_first_chunk": 0.25})
    model_call(DIALECTS["conventions"])
    span = trace.get_tracer("foreign").start_span("x", attributes=DIALECTS["OpenInference"], start_time=SECOND)
    span.add_event("something else", timestamp=SECOND)
    span.add_event("First Token Stream Event", timestamp=SECOND + SECOND // 2)
    span.add_event("First Token Stream Event", timestamp=SECOND * 2)
    span.end(SECOND * 3)
    ((_, found),) = points(otel_perf_capture, "gen_ai.client.operation.time_to_first_chunk")
    assert found == (2, 0.75)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("opentelemetry.instrumentation.openai_v2", False),
        ("opentelemetry.util.genai.handler", False),
        ("pydantic-ai", False),
        ("openinference.instrumentation.openai", True),
        ("my.own.client", True),
    ],
)
def test_what_others_measure_is_not_measured_twice(otel_perf_capture: Capture, scope: str, expected: bool) -> None:
    """Spans of instrumentations with metrics of their own give no second duration and tokens; their cost is ours."""
    model_call({**DIALECTS["conventions"], "gen_ai.usage.cost": 0.5}, scope)
    metrics = otel_perf_capture.metrics()
    assert ("gen_ai.client.token.usage" in metrics) is expected
    assert ("gen_ai.client.operation.duration" in metrics) is expected
    ((labels, cost),) = points(otel_perf_capture, "otel_perf.model.cost")
    assert (labels["otel_perf.price.source"], cost) == ("reported", 0.5)


def test_a_call_told_twice_counts_once(otel_perf_capture: Capture) -> None:
    """Of a model span inside a model span, as two instrumentations of one call make them, the outer one counts."""
    tracer = trace.get_tracer("foreign")
    with tracer.start_as_current_span("LLM", attributes=DIALECTS["OpenInference"]):
        tracer.start_span("chat gpt-4o", attributes=DIALECTS["conventions"]).end()
    found = points(otel_perf_capture, "gen_ai.client.token.usage")
    assert [values for _, values in found] == [(1, 100), (1, 20)]


@pytest.mark.parametrize(
    ("attributes", "cost"),
    [
        ({"gen_ai.usage.cost": 0.25}, 0.25),
        ({"operation.cost": 0.25}, 0.25),
        ({"llm.cost.total": 0.25}, 0.25),
        ({"gen_ai.usage.cost.amount": 0.25, "gen_ai.usage.cost.currency": "USD"}, 0.25),
        ({"gen_ai.usage.cost.amount": 0.25, "gen_ai.usage.cost.currency": "EUR"}, None),
        ({"gen_ai.usage.cost": float("nan")}, None),
        ({"gen_ai.usage.cost": -1.0}, None),
        ({}, None),
    ],
)
def test_costs_that_a_span_tells(attributes: dict[str, Any], cost: float | None) -> None:
    """A cost in dollars is taken as told; one in another currency, or no number, is none."""
    span = TRACER.start_span("x", attributes={"gen_ai.operation.name": "chat", **attributes})
    span.end()
    assert model_call_facts(span).usage.cost_usd == cost


@pytest.mark.parametrize("nonsense", [-1, 2.5, True, "100", 2**70])
def test_nonsense_is_no_number_of_tokens(nonsense: Any) -> None:
    """What is no number of tokens is left out, rather than recorded or raised."""
    span = TRACER.start_span("x", attributes={"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": nonsense})
    span.end()
    assert model_call_facts(span).usage == TokenUsage()


def test_a_call_without_a_price_is_counted(otel_perf_capture: Capture) -> None:
    """Tokens of a model that has no price give no cost, and the call is counted as unpriced."""
    otel_perf.record_tokens(input=10, output=10, model="my-own", provider="me", method="reported")
    otel_perf_capture._engine.model_metering.settle()  # noqa: SLF001 - what a flush does
    assert points(otel_perf_capture, "otel_perf.model.unpriced") == [
        ({"gen_ai.provider.name": "me", "gen_ai.request.model": "my-own"}, 1)
    ]
    assert "otel_perf.model.cost" not in otel_perf_capture.metrics()


def test_the_whole_of_a_turn_is_told() -> None:
    """Of an agent's turn with a model call, a tool and a wait, the slowest trace tells the four parts."""
    with recording(deterministic=False) as capture:
        with otel_perf.agent("boss"):
            tracer = trace.get_tracer("foreign")
            with tracer.start_as_current_span("chat m", attributes={"gen_ai.operation.name": "chat"}):
                pass
            with otel_perf.tool_call("search"):
                pass
            with otel_perf.tool_call("limit", attributes={"otel_perf.turn.part": "waiting"}):
                pass
        (slowest,) = capture._engine.look().slowest  # noqa: SLF001 - no report shows it yet
    found = slowest.breakdown()
    parts = {node.name: node.part for node in slowest.nodes}
    assert parts == {"boss": "own", "m": "model", "search": "tools", "limit": "waiting"}
    assert min(found.model_ns, found.tools_ns, found.waiting_ns, found.own_ns) > 0
    assert found.model_ns + found.tools_ns + found.waiting_ns + found.own_ns == found.total_ns
    assert found.total_ns == slowest.root.duration_ns
