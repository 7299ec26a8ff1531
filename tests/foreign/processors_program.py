# ruff: noqa: D103 - the functions are the program under test
"""The span processors of two other SDKs on our provider, with our span current; prints what they received as JSON.

Langfuse and Sentry get an in-memory exporter and transport: nothing leaves the process.
"""

import json
import sys
from typing import Any, ClassVar

import sentry_sdk
from langfuse import Langfuse
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from sentry_sdk.integrations.opentelemetry import SentrySpanProcessor
from sentry_sdk.transport import Transport

import otel_perf


class Kept(SpanExporter):
    """Keeps what is exported."""

    def __init__(self) -> None:
        self.spans: list[Any] = []

    def export(self, spans: Any) -> SpanExportResult:
        self.spans.extend(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing to give up."""


class Envelopes(Transport):
    """Keeps the transactions that Sentry would send."""

    transactions: ClassVar[list[Any]] = []

    def capture_envelope(self, envelope: Any) -> None:
        Envelopes.transactions += [item.payload.json for item in envelope.items if item.type == "transaction"]


ours, theirs = Kept(), Kept()
order = sys.argv[1]
if order == "before":
    langfuse = Langfuse(public_key="pk", secret_key="sk", base_url="http://127.0.0.1:9", span_exporter=theirs)
handle = otel_perf.instrument(service_name="processors", exporters=[ours])
if order == "after":
    langfuse = Langfuse(public_key="pk", secret_key="sk", base_url="http://127.0.0.1:9", span_exporter=theirs)
sentry_sdk.init(
    dsn="http://key@127.0.0.1:9/1",
    traces_sample_rate=1.0,
    instrumenter="otel",
    transport=Envelopes,
    default_integrations=False,
)
provider: Any = trace.get_tracer_provider()
provider.add_span_processor(SentrySpanProcessor())


@otel_perf.tool
def inner(number: int) -> int:
    trace.get_current_span().set_attribute("number", number)
    return number


@otel_perf.tool
def outer() -> int:
    with langfuse.start_as_current_observation(name="generation", as_type="generation"):
        return inner(1) + inner(2)


with otel_perf.agent("turn"):
    outer()
handle.flush(10)
langfuse.flush()
status = handle.status()
print(
    json.dumps(
        {
            "provider": status.provider,
            "spans": status.spans,
            "balanced": status.balanced,
            "internal_errors": dict(status.internal_errors),
            "calls": status.calls.calls,
            "ours": [span.name for span in ours.spans],
            "langfuse": [span.name for span in theirs.spans],
            "sentry": [
                {"transaction": each["transaction"], "spans": [span["description"] for span in each["spans"]]}
                for each in Envelopes.transactions
            ],
        }
    )
)
handle.shutdown(5)
langfuse.shutdown()
