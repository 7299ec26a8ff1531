"""Model calls that other libraries' spans tell of, as metrics: time, tokens, time to the first chunk."""

from collections.abc import Sequence
from typing import Final

from otel_perf.core.model_signals import OPERATION_DURATION, TIME_TO_FIRST_CHUNK
from otel_perf.core.recording import record
from otel_perf.core.records import ToolCall
from otel_perf.core.token_usage import measure_tokens, usage_listeners
from otel_perf.tracing.model_usage import model_call_facts

__all__ = ["OWN_METRICS", "ModelCallMeter"]

OWN_METRICS: Final = ("opentelemetry.util.genai", "opentelemetry.instrumentation.", "pydantic-ai")
"""How the scopes of instrumentations begin that record ``gen_ai.client.*`` duration and tokens themselves."""


class ModelCallMeter:
    """Reads model calls on the worker. Nothing here runs for tool calls.

    The official instrumentations, OpenLLMetry's and Pydantic AI's record ``gen_ai.client.operation.duration`` and
    ``gen_ai.client.token.usage`` on the global meter provider. For their spans we leave both out, since sums over
    all scopes would be twice the truth; time to the first chunk, cost and budgets are ours for all of them. Of a
    model call inside a model call (two libraries that tell of the same call) only the outer one counts,
    where it says what it is when it starts.
    """

    def __init__(self, own_metrics: Sequence[str] = OWN_METRICS) -> None:
        """Prepare.

        Args:
            own_metrics: How the scopes of instrumentations begin that record metrics of their own; empty where their
                metrics go nowhere, and ours are wanted for all.
        """
        self._own_metrics = tuple(own_metrics)

    def on_starts(self, calls: Sequence[ToolCall]) -> None:
        """Nothing is known of a call at its start."""

    def on_calls(self, calls: Sequence[ToolCall]) -> None:
        """Our own calls are tools and agents."""

    def on_overflow(self, call: ToolCall) -> None:
        """Our own calls are tools and agents."""

    def on_foreign_calls(self, calls: Sequence[ToolCall]) -> None:
        """Measure the model calls among them."""
        for call in calls:
            if call.tool.kind == "model" and not (call.caller is not None and call.caller.tool.kind == "model"):
                self._measure(call)

    def _measure(self, call: ToolCall) -> None:
        span = call.readable
        facts = model_call_facts(span)
        usage = facts.usage
        who = (usage.operation, usage.provider, usage.model)
        scope = getattr(getattr(span, "instrumentation_scope", None), "name", None) or ""
        measured_there = scope.startswith(self._own_metrics) if self._own_metrics else False
        if not measured_there:
            failure = call.failure
            record(OPERATION_DURATION, call.duration_ns / 1e9, *who, None if failure is None else failure.error_type)
        if facts.first_chunk_seconds is not None:
            record(TIME_TO_FIRST_CHUNK, facts.first_chunk_seconds, *who)
        if facts.recorded_already:
            return
        if not measured_there:
            measure_tokens(usage)
        usage_listeners.tell(usage)
