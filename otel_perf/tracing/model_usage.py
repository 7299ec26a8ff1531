"""What a finished span of another library tells of a model call: pure, whatever dialect the span speaks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from otel_perf.core.token_usage import REPORTED, TokenUsage
from otel_perf.tracing.record_tokens import USAGE_RECORDED
from otel_perf.tracing.values import INT64_MAX, clean_text

__all__ = ["ModelCallFacts", "model_call_facts"]

NUMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "input_tokens": (
        "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt", "llm.usage.prompt_tokens",
    ),
    "output_tokens": (
        "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion",
        "llm.usage.completion_tokens",
    ),
    "cache_read_tokens": (
        "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.details.cache_read_tokens", "llm.token_count.prompt_details.cache_read",
    ),
    "cache_write_tokens": (
        "gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens", "llm.token_count.prompt_details.cache_write",
    ),
    "reasoning_tokens": (
        "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
    ),
}  # fmt: skip
"""Attributes that hold each number: the conventions', their former names, OpenLLMetry's, OpenInference's."""

PROVIDER: Final = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")
MODEL: Final = (
    "gen_ai.request.model", "llm.model_name", "embedding.model_name", "llm.request.model", "gen_ai.response.model",
)  # fmt: skip
COST: Final = ("gen_ai.usage.cost.amount", "gen_ai.usage.cost", "operation.cost", "llm.cost.total")
"""Costs in US dollars, unless ``gen_ai.usage.cost.currency`` names another currency."""
OPERATIONS: Final[Mapping[tuple[str, str], str]] = {
    ("openinference.span.kind", "EMBEDDING"): "embeddings",
    ("llm.request.type", "embedding"): "embeddings",
    ("llm.request.type", "completion"): "text_completion",
}
FIRST_CHUNK: Final = ("gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token")
"""Attributes that hold the time to the first chunk in seconds."""
CHUNK_EVENTS: Final = frozenset((
    "gen_ai.content.chunk", "gen_ai.choice.chunk", "llm.content.completion.chunk", "First Token Stream Event",
))  # fmt: skip
"""Events of spans that tell of a chunk of a streamed answer."""
NAME_LENGTH: Final = 128


@dataclass(frozen=True, slots=True)
class ModelCallFacts:
    """What is known of one model call.

    Attributes:
        usage: Names and tokens.
        first_chunk_seconds: From the start to the first chunk of a streamed answer; ``None`` when not told.
        recorded_already: Whether the application recorded the tokens itself, inside of the span.
    """

    usage: TokenUsage
    first_chunk_seconds: float | None
    recorded_already: bool


def model_call_facts(span: Any) -> ModelCallFacts:
    """Read a finished span that was recognized as a model call (the SDK's ``ReadableSpan``)."""
    attributes: Mapping[str, Any] = span.attributes or {}
    tokens: dict[str, Any] = {field: _tokens(attributes, names) for field, names in NUMBERS.items()}
    usage = TokenUsage(
        model=_text(attributes, MODEL),
        provider=_text(attributes, PROVIDER),
        operation=_operation(attributes),
        method=REPORTED,
        cost_usd=_cost(attributes),
        **tokens,
    )
    return ModelCallFacts(usage, _first_chunk(attributes, span), attributes.get(USAGE_RECORDED) is True)


def _operation(attributes: Mapping[str, Any]) -> str:
    told = _text(attributes, ("gen_ai.operation.name",))
    if told is not None:
        return told
    for (name, value), operation in OPERATIONS.items():
        if attributes.get(name) == value:
            return operation
    return "chat"


def _text(attributes: Mapping[str, Any], names: Iterable[str]) -> str | None:
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str) and value:
            return clean_text(value, NAME_LENGTH)
    return None


def _tokens(attributes: Mapping[str, Any], names: Iterable[str]) -> int | None:
    for name in names:
        value = attributes.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= INT64_MAX:
            return value
    return None


def _number(value: object) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value) and value >= 0:
        return float(value)
    return None


def _cost(attributes: Mapping[str, Any]) -> float | None:
    if attributes.get("gen_ai.usage.cost.currency", "USD") != "USD":
        return None
    return next((cost for name in COST if (cost := _number(attributes.get(name))) is not None), None)


def _first_chunk(attributes: Mapping[str, Any], span: Any) -> float | None:
    told = next((value for name in FIRST_CHUNK if (value := _number(attributes.get(name))) is not None), None)
    if told is not None:
        return told
    for event in span.events or ():
        if event.name in CHUNK_EVENTS and event.timestamp is not None and span.start_time is not None:
            return float(max(0, event.timestamp - span.start_time) / 1e9)
    return None
