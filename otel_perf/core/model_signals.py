"""The signals of model calls: tokens, times, cost, budgets."""

from typing import Final

from otel_perf.core.signal_spec import AttributeSpec, MetricSpec

__all__ = [
    "BUDGET_COST_REMAINING",
    "BUDGET_CROSSINGS",
    "BUDGET_TOKENS_REMAINING",
    "BUDGET_UTILIZATION",
    "CACHE_READ_TOKENS",
    "CACHE_WRITE_TOKENS",
    "METRICS",
    "MODEL_COST",
    "MODEL_UNPRICED",
    "OPERATION_DURATION",
    "REASONING_TOKENS",
    "TIME_TO_FIRST_CHUNK",
    "TOKEN_USAGE",
]

GEN_AI: Final = "OpenTelemetry GenAI conventions"

MODEL_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Bounds in seconds that the GenAI conventions recommend for operations of clients."""
TOKENS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
"""Bounds in tokens that the GenAI conventions recommend."""

OPERATION: Final = AttributeSpec(
    "gen_ai.operation.name", "chat, text_completion, generate_content, embeddings, or a name of the application's.",
    "200 series, then _OTHER", source=GEN_AI,
)  # fmt: skip
PROVIDER: Final = AttributeSpec(
    "gen_ai.provider.name", "Who runs the model: openai, anthropic, others.", "200 series, then _OTHER", source=GEN_AI
)
MODEL: Final = AttributeSpec(
    "gen_ai.request.model", "Name of the model that was asked for.", "200 series, then _OTHER", source=GEN_AI
)
TOKEN_TYPE: Final = AttributeSpec("gen_ai.token.type", "input or output.", "2 values", source=GEN_AI)
MODALITY: Final = AttributeSpec(
    "gen_ai.token.modality", "What the tokens stand for; unknown, since providers add all up.", "1 value", source=GEN_AI
)
ESTIMATED: Final = AttributeSpec(
    "otel_perf.token.estimated", "true where the number is an estimate, false where it was counted.", "2 values"
)
TOKEN_METHOD: Final = AttributeSpec(
    "otel_perf.token.method", "Who counted: reported (the provider), an encoding, or estimate/ and an encoding.",
    "the encodings",
)  # fmt: skip
ERROR_TYPE: Final = AttributeSpec(
    "error.type", "Exception class; only on failures.", "200 series, then _OTHER", source=GEN_AI
)
PRICE_SOURCE: Final = AttributeSpec(
    "otel_perf.price.source", "Where the price comes from: reported, the user's table, genai-prices and its version.",
    "the sources in use",
)  # fmt: skip
BUDGET: Final = AttributeSpec("otel_perf.budget.name", "Name of the budget.", "the budgets of the application")
BUDGET_KIND: Final = AttributeSpec("otel_perf.budget.kind", "tokens or cost.", "2 values")
THRESHOLD: Final = AttributeSpec(
    "otel_perf.budget.threshold", "The share of the budget, as 0.8.", "the thresholds of the application"
)

TOKEN_USAGE: Final = MetricSpec(
    "gen_ai.client.token.usage", "histogram", "{token}",
    "Tokens of model calls; input includes what the provider read from its cache, output includes reasoning.",
    (OPERATION, PROVIDER, MODEL, TOKEN_TYPE, ESTIMATED, TOKEN_METHOD), TOKENS, synchronous=True, source=GEN_AI,
)  # fmt: skip
CACHE_READ_TOKENS: Final = MetricSpec(
    "gen_ai.client.inference.usage.cache_read.input_tokens", "counter", "{token}",
    "Input tokens that the provider read from its cache; they are among the input tokens.",
    (OPERATION, PROVIDER, MODEL, MODALITY), synchronous=True, source=GEN_AI,
)  # fmt: skip
CACHE_WRITE_TOKENS: Final = MetricSpec(
    "gen_ai.client.inference.usage.cache_write.input_tokens", "counter", "{token}",
    "Input tokens that the provider wrote to its cache; they are among the input tokens.",
    (OPERATION, PROVIDER, MODEL, MODALITY), synchronous=True, source=GEN_AI,
)  # fmt: skip
REASONING_TOKENS: Final = MetricSpec(
    "gen_ai.client.inference.usage.reasoning.output_tokens", "counter", "{token}",
    "Output tokens spent on reasoning; they are among the output tokens.",
    (OPERATION, PROVIDER, MODEL, MODALITY), synchronous=True, source=GEN_AI,
)  # fmt: skip
OPERATION_DURATION: Final = MetricSpec(
    "gen_ai.client.operation.duration", "histogram", "s", "Duration of model calls.",
    (OPERATION, PROVIDER, MODEL, ERROR_TYPE), MODEL_SECONDS, synchronous=True, source=GEN_AI,
)  # fmt: skip
TIME_TO_FIRST_CHUNK: Final = MetricSpec(
    "gen_ai.client.operation.time_to_first_chunk", "histogram", "s",
    "From the request to the first chunk of a streamed answer.",
    (OPERATION, PROVIDER, MODEL), MODEL_SECONDS, synchronous=True, source=GEN_AI,
)  # fmt: skip
MODEL_COST: Final = MetricSpec(
    "otel_perf.model.cost", "counter", "{USD}", "Cost of model calls in US dollars, where a price is known.",
    (PROVIDER, MODEL, PRICE_SOURCE, ESTIMATED), synchronous=True,
)  # fmt: skip
MODEL_UNPRICED: Final = MetricSpec(
    "otel_perf.model.unpriced", "counter", "{call}", "Model calls whose tokens are known and whose price is not.",
    (PROVIDER, MODEL), synchronous=True,
)  # fmt: skip
BUDGET_UTILIZATION: Final = MetricSpec(
    "otel_perf.budget.utilization", "gauge", "1", "Used share of a budget; above 1 when it is overdrawn.",
    (BUDGET, BUDGET_KIND), synchronous=True,
)  # fmt: skip
BUDGET_TOKENS_REMAINING: Final = MetricSpec(
    "otel_perf.budget.tokens.remaining", "gauge", "{token}", "What is left of a token budget; negative when overdrawn.",
    (BUDGET,), synchronous=True,
)  # fmt: skip
BUDGET_COST_REMAINING: Final = MetricSpec(
    "otel_perf.budget.cost.remaining", "gauge", "{USD}", "What is left of a cost budget; negative when overdrawn.",
    (BUDGET,), synchronous=True,
)  # fmt: skip
BUDGET_CROSSINGS: Final = MetricSpec(
    "otel_perf.budget.crossings", "counter", "{crossing}", "How often a budget's threshold was reached.",
    (BUDGET, BUDGET_KIND, THRESHOLD), synchronous=True,
)  # fmt: skip

METRICS: Final[tuple[MetricSpec, ...]] = (
    TOKEN_USAGE,
    CACHE_READ_TOKENS,
    CACHE_WRITE_TOKENS,
    REASONING_TOKENS,
    OPERATION_DURATION,
    TIME_TO_FIRST_CHUNK,
    MODEL_COST,
    MODEL_UNPRICED,
    BUDGET_UTILIZATION,
    BUDGET_TOKENS_REMAINING,
    BUDGET_COST_REMAINING,
    BUDGET_CROSSINGS,
)
