"""The signals of compression."""

from typing import Final

from otel_perf.core.signal_spec import AttributeSpec, MetricSpec

__all__ = [
    "BYTES",
    "DURATION",
    "DURATION_SECONDS",
    "METRICS",
    "RATIO",
    "RATIOS",
    "SPAN_ATTRIBUTES",
    "TOKENS",
]

DURATION_SECONDS: Final = (
    0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
"""Bounds in seconds: from a line of text to tens of megabytes, or a model that summarises."""

RATIOS: Final = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.99, 1.0)
"""Bounds of what is left, after by before. Nothing ever grows, so the last bound holds all."""

TECHNIQUE: Final = AttributeSpec(
    "otel_perf.compression.technique",
    "Technique, or pipeline of techniques, that was asked for.",
    "13 built-in names and those the application gives its own",
)
STAGE: Final = AttributeSpec("otel_perf.compression.stage", "before or after the compression.", "2 values")
ESTIMATED: Final = AttributeSpec(
    "otel_perf.estimated", "true when tokens were estimated, false when a tokenizer counted.", "2 values"
)

TOKENS: Final = MetricSpec(
    "otel_perf.compression.tokens", "counter", "{token}", "Tokens of texts before and after compression.",
    (TECHNIQUE, STAGE, ESTIMATED), synchronous=True,
)  # fmt: skip
BYTES: Final = MetricSpec(
    "otel_perf.compression.io", "counter", "By", "UTF-8 bytes of texts before and after compression.",
    (TECHNIQUE, STAGE), synchronous=True,
)  # fmt: skip
RATIO: Final = MetricSpec(
    "otel_perf.compression.ratio", "histogram", "1", "Bytes after by bytes before, per compression; none if empty.",
    (TECHNIQUE,), RATIOS, synchronous=True,
)  # fmt: skip
DURATION: Final = MetricSpec(
    "otel_perf.compression.duration", "histogram", "s", "Time that compressions took.",
    (TECHNIQUE,), DURATION_SECONDS, synchronous=True,
)  # fmt: skip

METRICS: Final[tuple[MetricSpec, ...]] = (TOKENS, BYTES, RATIO, DURATION)

SPAN_ATTRIBUTES: Final = (
    TECHNIQUE,
    AttributeSpec("otel_perf.compression.bytes_before", "UTF-8 bytes before.", type="int"),
    AttributeSpec("otel_perf.compression.bytes_after", "UTF-8 bytes after.", type="int"),
    AttributeSpec("otel_perf.compression.tokens_before", "Tokens before.", type="int"),
    AttributeSpec("otel_perf.compression.tokens_after", "Tokens after.", type="int"),
    AttributeSpec("otel_perf.compression.ratio", "Bytes after by bytes before; absent if empty.", type="double"),
    AttributeSpec("otel_perf.compression.duration", "Seconds it took.", type="double"),
    AttributeSpec("otel_perf.compression.lossless", "Whether nothing was left out.", type="boolean"),
    AttributeSpec("otel_perf.compression.fits", "Whether the limit is kept; absent without one.", type="boolean"),
    AttributeSpec("otel_perf.compression.methodology", "What was done, in words."),
    AttributeSpec("otel_perf.compression.token_method", "What counted the tokens."),
    ESTIMATED,
)
"""What the span of the tool call around a compression says about the last one in it."""
