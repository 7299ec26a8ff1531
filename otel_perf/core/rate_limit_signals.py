"""The signals of rate limits."""

from typing import Final

from otel_perf.core.signal_spec import AttributeSpec, MetricSpec

__all__ = [
    "CHECK_SECONDS",
    "METRICS",
    "RATE_LIMIT_CHECKS",
    "RATE_LIMIT_DECISIONS",
    "RATE_LIMIT_FORGOTTEN",
    "RATE_LIMIT_KEYS",
    "RATE_LIMIT_WAITS",
    "WAIT_SECONDS",
]

CHECK_SECONDS: Final = (0.000001, 0.000002, 0.000005, 0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.01)
"""Bounds in seconds: a check takes some 2 us, and 0.1 ms is what it may take."""

WAIT_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)

LIMITER: Final = AttributeSpec("otel_perf.rate_limit.name", "Name of the limiter.", "100 limiters, then _OTHER")
DECISION: Final = AttributeSpec("otel_perf.rate_limit.decision", "allow or deny.", "2 values")

RATE_LIMIT_DECISIONS: Final = MetricSpec(
    "otel_perf.rate_limit.decisions", "counter", "{decision}", "What a rate limiter decided.",
    (LIMITER, DECISION), synchronous=True,
)  # fmt: skip
RATE_LIMIT_CHECKS: Final = MetricSpec(
    "otel_perf.rate_limit.check.duration", "histogram", "s", "Time that a decision took, without waiting.",
    (LIMITER,), CHECK_SECONDS, synchronous=True,
)  # fmt: skip
RATE_LIMIT_WAITS: Final = MetricSpec(
    "otel_perf.rate_limit.wait.duration", "histogram", "s", "Time that allowed callers waited for their turn.",
    (LIMITER,), WAIT_SECONDS, synchronous=True,
)  # fmt: skip
RATE_LIMIT_KEYS: Final = MetricSpec(
    "otel_perf.rate_limit.keys", "updowncounter", "{key}", "Keys that a limiter keeps count of.",
    (LIMITER,), synchronous=True,
)  # fmt: skip
RATE_LIMIT_FORGOTTEN: Final = MetricSpec(
    "otel_perf.rate_limit.keys.forgotten", "counter", "{key}",
    "Keys given up for newer ones before their allowance was whole again.",
    (LIMITER,), synchronous=True,
)  # fmt: skip

METRICS: Final[tuple[MetricSpec, ...]] = (
    RATE_LIMIT_DECISIONS,
    RATE_LIMIT_CHECKS,
    RATE_LIMIT_WAITS,
    RATE_LIMIT_KEYS,
    RATE_LIMIT_FORGOTTEN,
)
