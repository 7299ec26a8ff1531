"""The signals of alerts."""

from typing import Final

from otel_perf.core.signal_spec import AttributeSpec, EventSpec

__all__ = ["ALERT", "EVENTS"]

ALERT: Final = EventSpec(
    "otel_perf.alert",
    "A value crossed its threshold: once when it does, not again while it stays beyond it.",
    (
        AttributeSpec("otel_perf.alert.metric", "Name of the metric that was judged."),
        AttributeSpec("otel_perf.alert.level", "WARNING or CRITICAL."),
        AttributeSpec("otel_perf.alert.value", "The value, in the metric's unit.", type="double"),
        AttributeSpec("otel_perf.alert.threshold", "What it exceeds, in the same unit.", type="double"),
        AttributeSpec("otel_perf.alert.unit", "UCUM unit of both."),
        AttributeSpec("otel_perf.alert.subject", "What the value is of, such as a command; absent for the machine."),
    ),
)

EVENTS: Final[tuple[EventSpec, ...]] = (ALERT,)
