"""The signals of conversation memory and of the context given to a model."""

from typing import Final

from otel_perf.core.signal_spec import AttributeSpec, MetricSpec

__all__ = [
    "CONTEXT_OVERFLOW",
    "CONTEXT_SKIPPED",
    "CONTEXT_UTILIZATION",
    "MEMORY_MESSAGES_REMOVED",
    "MEMORY_TRIM",
    "MEMORY_TRIM_DURATION",
    "MEMORY_TRIM_REDUCTION",
    "MEMORY_UTILIZATION",
    "METRICS",
]

TRIM_SECONDS: Final = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0)
"""Bounds in seconds; 10 ms is the edge that trimming is to stay under."""
SHARES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Bounds of a share; 0.7 to 0.9 is what trimming is expected to give."""

CONVERSATION: Final = AttributeSpec(
    "otel_perf.conversation.name", "Name that the application gave to this kind of conversation.",
    "200 series, then _OTHER",
)  # fmt: skip
TRIM_KIND: Final = AttributeSpec(
    "otel_perf.trim.kind", "normal, or emergency where twice the safe size was passed.", "2 values"
)
SKIP_REASON: Final = AttributeSpec("otel_perf.skip.reason", "short_input.", "1 value")

MEMORY_TRIM: Final = MetricSpec(
    "otel_perf.memory.trim", "counter", "{trim}", "How often a conversation was trimmed.", (CONVERSATION, TRIM_KIND),
    synchronous=True,
)  # fmt: skip
MEMORY_TRIM_DURATION: Final = MetricSpec(
    "otel_perf.memory.trim.duration", "histogram", "s", "Duration of trimming a conversation.",
    (CONVERSATION, TRIM_KIND), TRIM_SECONDS, synchronous=True,
)  # fmt: skip
MEMORY_TRIM_REDUCTION: Final = MetricSpec(
    "otel_perf.memory.trim.reduction", "histogram", "1",
    "Share that one trim removed: of the tokens where they are counted, of the messages otherwise.",
    (CONVERSATION, TRIM_KIND), SHARES, synchronous=True,
)  # fmt: skip
MEMORY_MESSAGES_REMOVED: Final = MetricSpec(
    "otel_perf.memory.messages.removed", "counter", "{message}", "Messages that trimming removed.",
    (CONVERSATION, TRIM_KIND), synchronous=True,
)  # fmt: skip
MEMORY_UTILIZATION: Final = MetricSpec(
    "otel_perf.memory.utilization", "gauge", "1", "Messages kept over the number at which trimming begins.",
    (CONVERSATION,), synchronous=True,
)  # fmt: skip
CONTEXT_UTILIZATION: Final = MetricSpec(
    "otel_perf.kpi.context_utilization", "gauge", "1",
    "Tokens of a conversation over the model's context window; above 1 it does not fit.", (CONVERSATION,),
    synchronous=True,
)  # fmt: skip
CONTEXT_OVERFLOW: Final = MetricSpec(
    "otel_perf.context.overflow", "counter", "{overflow}",
    "How often a conversation outgrew the model's context window.", (CONVERSATION,), synchronous=True,
)  # fmt: skip
CONTEXT_SKIPPED: Final = MetricSpec(
    "otel_perf.context.skipped", "counter", "{input}", "Inputs for which no context was prepared.", (SKIP_REASON,),
    synchronous=True,
)  # fmt: skip

METRICS: Final[tuple[MetricSpec, ...]] = (
    MEMORY_TRIM,
    MEMORY_TRIM_DURATION,
    MEMORY_TRIM_REDUCTION,
    MEMORY_MESSAGES_REMOVED,
    MEMORY_UTILIZATION,
    CONTEXT_UTILIZATION,
    CONTEXT_OVERFLOW,
    CONTEXT_SKIPPED,
)
