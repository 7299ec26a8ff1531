"""Whose provider it is: ours, the application's, or somebody's that is not the SDK's (T-29)."""

from tests.behaviour.processes import seen_by

APPLICATION = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

class Watched(SimpleSpanProcessor):
    shutdowns = 0
    def shutdown(self):
        Watched.shutdowns += 1
        super().shutdown()

exporter = InMemorySpanExporter()
def names():
    return sorted(span.name for span in exporter.get_finished_spans())
def application_provider():
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Watched(exporter))
    return provider
"""
WORK = """
import otel_perf
@otel_perf.tool
def search():
    with trace.get_tracer("library").start_as_current_span("query"):
        pass
"""


def test_an_applications_provider_is_adopted() -> None:
    """Its exporter gets every span once, ours gets them too, it stays the global one, and is never shut down."""
    seen = seen_by(
        APPLICATION
        + WORK
        + """
provider = application_provider()
trace.set_tracer_provider(provider)
class Ours(InMemorySpanExporter):
    pass
ours = Ours()
handle = otel_perf.instrument(exporters=[ours])
search()
flushed = handle.flush()
status = handle.status()
handle.shutdown()
with trace.get_tracer("library").start_as_current_span("afterwards"):
    search()
print(json.dumps({
    "theirs": names(), "ours": sorted(s.name for s in ours.get_finished_spans()), "flushed": flushed,
    "is global": trace.get_tracer_provider() is provider, "shutdowns": Watched.shutdowns,
    "provider": status.provider, "spans": status.spans, "balanced": status.balanced,
    "calls": status.calls.calls, "foreign": status.calls.foreign_spans, "lines": lines,
}))
"""
    )

    assert seen["theirs"] == ["afterwards", "execute_tool search", "query", "query"]
    assert seen["ours"] == ["execute_tool search", "query"]
    assert seen["flushed"]
    assert seen["is global"]
    assert seen["shutdowns"] == 0
    assert (seen["provider"], seen["spans"], seen["balanced"]) == ("adopted", "sdk", True)
    assert (seen["calls"], seen["foreign"]) == (1, 1)


def test_instrumenting_again_does_not_double_an_adopted_providers_spans() -> None:
    """After ``shutdown()`` and another ``instrument()`` every span still arrives once on either side."""
    seen = seen_by(
        APPLICATION
        + WORK
        + """
trace.set_tracer_provider(application_provider())
counts = []
for _ in range(3):
    ours = InMemorySpanExporter()
    with otel_perf.instrument(exporters=[ours]) as handle:
        search()
    counts.append(len(ours.get_finished_spans()))
print(json.dumps({"theirs": names(), "ours": counts, "shutdowns": Watched.shutdowns}))
"""
    )

    assert seen == {"theirs": ["execute_tool search"] * 3 + ["query"] * 3, "ours": [2, 2, 2], "shutdowns": 0}


def test_a_provider_given_as_argument_is_adopted() -> None:
    """``tracer_provider=`` wins, and the global one is left alone."""
    seen = seen_by(
        APPLICATION
        + """
import otel_perf
provider = application_provider()
with otel_perf.instrument(tracer_provider=provider) as handle:
    with otel_perf.tool_call("search"):
        pass
    handle.flush()
    status = handle.status()
print(json.dumps({
    "theirs": names(), "provider": status.provider,
    "global": type(trace.get_tracer_provider()).__name__, "shutdowns": Watched.shutdowns,
}))
"""
    )

    assert seen == {
        "theirs": ["execute_tool search"],
        "provider": "adopted",
        "global": "ProxyTracerProvider",
        "shutdowns": 0,
    }


def test_a_foreign_provider_gets_one_clear_line() -> None:
    """A provider that is not the SDK's stays; ours is private, works, and one line says what cannot be had."""
    seen = seen_by(
        """
from opentelemetry import trace
class Foreign(trace.NoOpTracerProvider):
    pass
foreign = Foreign()
trace.set_tracer_provider(foreign)
import otel_perf
with otel_perf.instrument() as handle:
    with otel_perf.tool_call("search"):
        pass
    handle.flush()
    status = handle.status()
print(json.dumps({
    "is global": trace.get_tracer_provider() is foreign, "provider": status.provider, "calls": status.calls.calls,
    "notes": [note for note in status.notes if "Foreign" in note],
    "lines": [line for line in lines if "Foreign" in line],
}))
"""
    )

    note = "the tracer provider __main__.Foreign is not the OpenTelemetry SDK's; its spans cannot be read"
    assert seen == {
        "is global": True,
        "provider": "private",
        "calls": 1,
        "notes": [note],
        "lines": [f"otel_perf: {note}"],
    }


def test_a_provider_set_after_ours_is_told_once() -> None:
    """The API refuses it; one line of ours says where it is set and what to do, and so does ``status()``."""
    seen = seen_by(
        APPLICATION
        + WORK
        + """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
handle = otel_perf.instrument()
lines.clear()
trace.set_tracer_provider(application_provider())
trace.set_tracer_provider(application_provider())
metrics.set_meter_provider(MeterProvider(shutdown_on_exit=False))
search()
handle.flush()
status = handle.status()
handle.shutdown()
print(json.dumps({
    "theirs": names(), "lines": lines, "calls": status.calls.calls, "spans": status.spans,
    "notes": [note for note in status.notes if "in use" in note],
}))
"""
    )

    assert [line.split(" is not in use")[0].partition(" that ")[0] for line in seen["lines"]] == [
        "otel_perf: the tracer provider",
        "otel_perf: the meter provider",
    ]
    assert "<string>:" in seen["lines"][0]
    assert all("set_global=False" in line for line in seen["lines"])
    assert [f"otel_perf: {note}" for note in seen["notes"]] == seen["lines"]
    assert (seen["calls"], seen["spans"], seen["theirs"]) == (1, "deferred", [])


def test_a_processor_added_to_our_provider_sees_tool_spans_once() -> None:
    """Added after ``instrument()``: from then on tool spans are SDK spans, each seen once there and once by us."""
    seen = seen_by(
        APPLICATION
        + WORK
        + """
ours = InMemorySpanExporter()
handle = otel_perf.instrument(exporters=[ours])
search()
before = handle.status().spans
trace.get_tracer_provider().add_span_processor(Watched(exporter))
with otel_perf.tool_call("outer"):
    search()
handle.flush()
status = handle.status()
handle.shutdown()
parents = {span.name: span.parent and span.parent.span_id for span in exporter.get_finished_spans()}
ids = {span.name: span.context.span_id for span in exporter.get_finished_spans()}
print(json.dumps({
    "theirs": names(), "ours": sorted(s.name for s in ours.get_finished_spans()), "spans": [before, status.spans],
    "nested": parents["query"] == ids["execute_tool search"]
    and parents["execute_tool search"] == ids["execute_tool outer"],
    "balanced": status.balanced, "calls": status.calls.calls,
}))
"""
    )

    assert seen["theirs"] == ["execute_tool outer", "execute_tool search", "query"]
    assert seen["ours"] == ["execute_tool outer", "execute_tool search", "execute_tool search", "query", "query"]
    assert seen["nested"]
    assert seen["spans"] == ["deferred", "sdk"]
    assert (seen["balanced"], seen["calls"]) == (True, 3)


def test_the_processor_alone_reads_tool_like_spans() -> None:
    """``PerfSpanProcessor()`` on a user's provider: spans that look like tool calls become statistics, others none."""
    seen = seen_by(
        APPLICATION
        + """
import otel_perf
provider = application_provider()
provider.add_span_processor(otel_perf.PerfSpanProcessor())
tracer = provider.get_tracer("framework")
def span(operation, key, name):
    attributes = {"gen_ai.operation.name": operation, f"gen_ai.{key}.name": name}
    return tracer.start_as_current_span(f"{operation} {name}", attributes=attributes)
with span("invoke_agent", "agent", "a"):
    for name in ("search", "search", "read"):
        with span("execute_tool", "tool", name):
            pass
    with tracer.start_as_current_span("SELECT"):
        pass
handle = otel_perf.instrument()
handle.flush()
tools = {tool.name: tool.count for tool in handle.summary().tools}
status = handle.status()
handle.shutdown()
print(json.dumps({
    "theirs": len(names()), "tools": tools, "provider": status.provider, "foreign": status.calls.foreign_spans,
    "global": type(trace.get_tracer_provider()).__name__, "shutdowns": Watched.shutdowns,
}))
"""
    )

    assert seen["tools"] == {"a": 1, "search": 2, "read": 1}
    assert (seen["theirs"], seen["foreign"], seen["shutdowns"]) == (5, 5, 0)
    assert (seen["provider"], seen["global"]) == (None, "ProxyTracerProvider")


def test_set_global_false_leaves_the_global_provider_alone() -> None:
    """Ours is private; the application may set its own afterwards, and no line is told."""
    seen = seen_by(
        APPLICATION
        + WORK
        + """
handle = otel_perf.instrument(set_global=False)
untouched = type(trace.get_tracer_provider()).__name__
lines.clear()
provider = application_provider()
trace.set_tracer_provider(provider)
search()
handle.flush()
status = handle.status()
handle.shutdown()
print(json.dumps({
    "untouched": untouched, "is global": trace.get_tracer_provider() is provider, "theirs": names(),
    "calls": status.calls.calls, "provider": status.provider, "lines": lines,
}))
"""
    )

    assert seen["untouched"] == "ProxyTracerProvider"
    assert seen["is global"]
    assert (seen["theirs"], seen["calls"], seen["provider"]) == (["query"], 1, "private")
    assert seen["lines"] == []
