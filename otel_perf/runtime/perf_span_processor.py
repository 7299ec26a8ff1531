"""``PerfSpanProcessor``: reads the spans of other libraries into the same records, on anybody's provider."""

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from otel_perf.core.guard import guard
from otel_perf.core.intake import intake
from otel_perf.runtime import active
from otel_perf.tracing.foreign_calls import foreign_calls

__all__ = ["ForeignSpanReader", "PerfSpanProcessor"]

SCOPE_NAME = "otel_perf"


class ForeignSpanReader(SpanProcessor):
    """Hands the finished spans of other libraries to the intake, while a pipeline runs."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Remember the span while it runs, so that calls below it know their caller."""
        if intake.accepting:
            guard.call("processor.on_start", foreign_calls.started, span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Hand a sampled span over; our own calls arrive as records and are not taken twice."""
        if intake.accepting:
            guard.call("processor.on_end", self._read, span)

    def _read(self, span: ReadableSpan) -> None:
        begun = foreign_calls.ended(span)
        if (context := span.context) is None or not context.trace_flags & 1:
            return
        scope = span.instrumentation_scope
        if scope is not None and scope.name == SCOPE_NAME:
            return
        intake.foreign.append((span, begun, intake.now_ns()))
        if len(intake.foreign) > intake.high_water:
            intake.relieve()

    def shutdown(self) -> None:
        """Flush what has been read; the pipeline itself ends with the handle or the process."""
        self.force_flush()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Deliver what has been read; True when it was delivered in time."""
        seconds = guard.call("processor.force_flush", lambda: timeout_millis / 1000)
        return active.flush(seconds)


class PerfSpanProcessor(ForeignSpanReader):
    """A plain OpenTelemetry span processor for a provider of your own.

    It is one line, and starts what it needs: ``provider.add_span_processor(otel_perf.PerfSpanProcessor())``.
    Spans that look like tool, agent or model calls (GenAI conventions, OpenLLMetry, OpenInference, MCP) become
    records; every sampled span is delivered to the configured destinations, if there are any. ``instrument()`` needs
    none: it reads the spans of its provider by itself.
    """

    def __init__(self) -> None:
        """Start the pipeline, unless it runs; nothing is sent without an endpoint."""
        active.start_alone()
