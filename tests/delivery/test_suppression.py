"""Our own requests are not traced, whoever instruments the HTTP client."""

from collections.abc import Sequence

from opentelemetry import context, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_perf.delivery.destination import SpanDestination
from otel_perf.delivery.suppression import suppressed_instrumentation
from otel_perf.delivery.transport import Delivered, Outcome, Signal
from tests.delivery.sending import quick, settled, spans, within
from tests.delivery.test_exporter_destination import exporting, readable


class TracedTransport:
    """A transport whose HTTP client is instrumented twice: by the rules of contrib, and by a sampler's decision."""

    def __init__(self) -> None:
        self.provider = TracerProvider()
        self.spans = InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self.spans))
        self.keys: list[object] = []

    def send(self, signal: Signal, body: bytes, timeout_seconds: float) -> Outcome:
        self.keys.append(context.get_value("suppress_instrumentation"))
        with self.provider.get_tracer("client").start_as_current_span("POST"):
            return Delivered()

    def on_wire(self) -> bool:
        return False

    def close(self) -> None:
        self.provider.shutdown()

    def after_fork_in_child(self) -> None:
        raise NotImplementedError


def test_requests_of_the_sender_make_no_spans() -> None:
    """The documented key is set, and a tracer with the default sampler records nothing."""
    transport = TracedTransport()
    destination = SpanDestination("traced", transport, quick())
    destination.offer(spans(3))
    assert destination.flush(within(10))
    destination.shutdown(within(5))
    assert settled(destination.account) == {"exported": 3}
    assert transport.keys == [True]
    assert transport.spans.get_finished_spans() == ()


def test_a_users_exporter_runs_suppressed_too() -> None:
    """Its client may be instrumented as well."""
    found: list[object] = []

    class Looking(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            found.append(context.get_value("suppress_instrumentation"))
            found.append(trace.get_current_span().get_span_context().trace_flags.sampled)
            return SpanExportResult.SUCCESS

    with exporting(Looking()) as destination:
        destination.offer(readable(1))
        assert destination.flush(within(10))
    assert found == [True, False]


def test_the_context_is_as_before_after_the_block() -> None:
    """Nothing of it leaks into the thread."""
    before = context.get_current()
    with suppressed_instrumentation():
        assert context.get_current() is not before
    assert context.get_current() == before
