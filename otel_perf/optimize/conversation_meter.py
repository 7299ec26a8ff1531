"""What is measured of a conversation."""

from typing import Any

from otel_perf.core import conversation_signals
from otel_perf.core.recording import record
from otel_perf.optimize.trim_policy import TrimKind
from otel_perf.optimize.trimming import Trimmed
from otel_perf.tracing.current_span import add_event_to_current_span

__all__ = ["ConversationMeter"]


class ConversationMeter:
    """Counts and records. Not locked: the conversation calls it under its own lock.

    Attributes:
        trims: Trims so far, emergencies included.
        emergency_trims: Emergencies so far.
        messages_removed: Messages removed so far.
        overflows: How often the context window was outgrown.
    """

    def __init__(self, name: str) -> None:
        """``name`` is the label of all metrics."""
        self._name = name
        self._overflowed = False
        self.trims = self.emergency_trims = self.messages_removed = self.overflows = 0

    def trimmed(self, result: Trimmed[Any], kind: TrimKind, seconds: float) -> None:
        """One trim: metrics, and an event on the current span."""
        self.trims += 1
        self.emergency_trims += kind == "emergency"
        self.messages_removed += result.removed
        labels = (self._name, kind)
        record(conversation_signals.MEMORY_TRIM, 1, *labels)
        record(conversation_signals.MEMORY_TRIM_DURATION, seconds, *labels)
        record(conversation_signals.MEMORY_MESSAGES_REMOVED, result.removed, *labels)
        if result.reduction is not None:
            record(conversation_signals.MEMORY_TRIM_REDUCTION, result.reduction, *labels)
        told: dict[str, str | bool | int | float] = {
            "otel_perf.conversation.name": self._name,
            "otel_perf.trim.kind": kind,
            "otel_perf.trim.messages.before": len(result.messages) + result.removed,
            "otel_perf.trim.messages.after": len(result.messages),
            "otel_perf.trim.within_limits": result.within_limits,
        }
        if result.tokens_before is not None and result.tokens_after is not None:
            told["otel_perf.trim.tokens.before"] = result.tokens_before
            told["otel_perf.trim.tokens.after"] = result.tokens_after
        add_event_to_current_span(conversation_signals.MEMORY_TRIM.name, told)

    def sized(self, memory: float, context: float | None) -> None:
        """The size after a change."""
        record(conversation_signals.MEMORY_UTILIZATION, memory, self._name)
        if context is None:
            return
        record(conversation_signals.CONTEXT_UTILIZATION, context, self._name)
        was, self._overflowed = self._overflowed, context > 1
        if self._overflowed and not was:
            self.overflows += 1
            record(conversation_signals.CONTEXT_OVERFLOW, 1, self._name)
