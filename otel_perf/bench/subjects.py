"""What is compared: nothing, the SDK in three set-ups, and this package in each of its modes.

Each subject lives in a process of its own, since a process has one global tracer provider.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

from opentelemetry import metrics, trace
from opentelemetry.context import Context, attach, detach, get_current

import otel_perf
from otel_perf.bench.workloads import ATTRIBUTES, NESTED, ask, hold, leaf, make_nested, with_attributes

__all__ = ["LEGEND", "SUBJECTS", "Subject", "build"]

ATTRIBUTES_OF_A_TOOL: Final = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "leaf"}
"""What every span of the package carries; the SDK's spans get the same two."""
SPAN_NAME: Final = "execute_tool leaf"
FLUSH_SECONDS: Final = 20.0

SUBJECTS: Final[Mapping[str, str]] = {
    "bare": "not traced",
    "disabled": "decorated, not instrumented",
    "context": "OTel context alone",
    "sdk": "SDK span",
    "sdk_tuned": "SDK span, tuned",
    "sdk_metrics": "SDK span + metrics",
    "adopted": "otel_perf, adopted",
    "local": "otel_perf, no endpoint",
    "otlp": "otel_perf",
    "full": "otel_perf, full queue",
    "probes": "otel_perf, all probes",
}
"""Key and short name; ``full`` is for the load test only, ``context`` for cold calls, ``probes`` for doing nothing."""

LEGEND: Final = (
    "SDK span: the SDK's span with the same name and attributes, batch processor with its defaults, OTLP over HTTP. "
    "Tuned: a queue of 65,536 and batches of 2,048. Metrics: a histogram and a counter beside the span. "
    "otel_perf: everything on, OTLP/HTTP. Adopted: on the application's own SDK provider. "
    "Full queue: a queue of 1,024 calls that is always full. "
    "OTel context alone: the three public context functions without which no child span finds its parent, and nothing "
    "else."
)

OURS: Final[Mapping[str, Mapping[str, Any]]] = {
    "local": {"endpoint": None},
    "otlp": {},
    "full": {"queue_max_calls": 1024},
    "probes": {"top_processes": 10, "connection_metrics": True},
}
"""Settings that make the difference."""
TUNED: Final = {"max_queue_size": 65_536, "max_export_batch_size": 2_048}

Function = Callable[[int], Any]
Record = Callable[[float], None]


@dataclass(slots=True)
class Subject:
    """One way to trace.

    Attributes:
        calls: The traced form of each plain workload.
        coroutine: The traced form of a coroutine function.
        hold: A traced call whose identifiers are read.
        flush: Deliver what was recorded, and wait for it.
        account: Spans recorded and what became of them, as far as the subject knows.
        handle: The package's handle, where there is one.
    """

    calls: dict[str, Function]
    coroutine: Callable[[int], Awaitable[int]]
    hold: Function = hold
    flush: Callable[[], object] = field(default=lambda: None)
    account: Callable[[], dict[str, int]] = field(default=dict)
    handle: "otel_perf.Handle | None" = None


def build(name: str, endpoint: str) -> Subject:
    """Set a subject up in this process.

    Args:
        name: A key of ``SUBJECTS``.
        endpoint: Base address for OTLP/HTTP; used by the subjects that send.

    Raises:
        KeyError: There is no such subject.
    """
    if name not in SUBJECTS:
        raise KeyError(name)
    if name in SETTING_NOTHING_UP:
        return SETTING_NOTHING_UP[name]()
    if name in OURS:
        return _instrumented(**{"endpoint": endpoint, **OURS[name]})
    flush = _set_up_sdk(endpoint, TUNED if name == "sdk_tuned" else {})
    if name == "adopted":
        return _on_adopted(flush)
    if name == "sdk_metrics":
        return _sdk(_with_metrics(endpoint, flush), _recording())
    return _sdk(flush, None)


def _in_context(function: Function) -> Function:
    """What every way to trace must do: read the context, and make another one current while the call runs."""

    def traced(number: int) -> Any:
        token = attach(Context({**get_current(), "span": number, "call": number}))
        result = function(number)
        detach(token)
        return result

    return traced


# -- this package ---------------------------------------------------------------------------------------------------


def _decorated() -> Subject:
    named = otel_perf.tool("leaf")
    nested = make_nested(trace.get_tracer("library"))
    return Subject(
        {"leaf": named(leaf), ATTRIBUTES: named(with_attributes), NESTED: named(nested)}, named(ask), named(hold)
    )


def _instrumented(**settings: Any) -> Subject:
    handle = otel_perf.instrument(service_name="overhead", **settings)
    subject = _decorated()
    subject.handle = handle
    subject.flush = lambda: handle.flush(FLUSH_SECONDS)
    subject.account = lambda: _account(handle)
    return subject


def _on_adopted(flush: Callable[[], object]) -> Subject:
    subject = _instrumented()
    ours = subject.flush
    subject.flush = lambda: (ours(), flush())
    return subject


def _account(handle: "otel_perf.Handle") -> dict[str, int]:
    status = handle.status()
    found = {"recorded": status.calls.span_recorded}
    for balance in status.destinations[:1]:
        found["exported"] = balance.exported
        found["dropped"] = sum(balance.dropped.values())
        found["rejected"] = sum(balance.rejected.values())
    return found


SETTING_NOTHING_UP: Final[Mapping[str, Callable[[], Subject]]] = {
    "bare": lambda: Subject({"leaf": leaf, ATTRIBUTES: with_attributes, NESTED: leaf}, ask),
    "disabled": _decorated,
    "context": lambda: Subject({"leaf": _in_context(leaf)}, ask),
}


# -- the SDK --------------------------------------------------------------------------------------------------------


def _set_up_sdk(endpoint: str, options: Mapping[str, int]) -> Callable[[], object]:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": "overhead"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces"), **options))  # type: ignore[arg-type]
    trace.set_tracer_provider(provider)
    return provider.force_flush


def _with_metrics(endpoint: str, flush: Callable[[], object]) -> Callable[[], object]:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{endpoint}/v1/metrics"))
    provider = MeterProvider([reader])
    metrics.set_meter_provider(provider)
    return lambda: (flush(), provider.force_flush())


def _recording() -> Record:
    meter = metrics.get_meter("overhead")
    duration = meter.create_histogram("gen_ai.execute_tool.duration", "s")
    calls = meter.create_counter("otel_perf.tool.calls", "{call}")

    def record(seconds: float) -> None:
        duration.record(seconds, {"gen_ai.tool.name": "leaf"})
        calls.add(1, {"gen_ai.tool.name": "leaf", "otel_perf.outcome": "ok"})

    return record


def _sdk(flush: Callable[[], object], record: Record | None) -> Subject:
    tracer = trace.get_tracer("overhead")
    traced = _tracing(tracer, record)
    nested = make_nested(trace.get_tracer("library"))
    calls = {"leaf": traced(leaf), ATTRIBUTES: traced(with_attributes), NESTED: traced(nested)}
    return Subject(calls, _traced_coroutine(tracer, record), traced(hold), flush)


def _traced_coroutine(tracer: trace.Tracer, record: Record | None) -> Callable[[int], Awaitable[int]]:
    async def with_span(number: int) -> int:
        with tracer.start_as_current_span(SPAN_NAME, attributes=ATTRIBUTES_OF_A_TOOL):
            return await ask(number)

    async def with_span_and_metrics(number: int) -> int:
        start = perf_counter()
        with tracer.start_as_current_span(SPAN_NAME, attributes=ATTRIBUTES_OF_A_TOOL):
            result = await ask(number)
            record(perf_counter() - start)  # type: ignore[misc]
        return result

    return with_span if record is None else with_span_and_metrics


def _tracing(tracer: trace.Tracer, record: Record | None) -> Callable[[Function], Function]:
    def with_span(function: Function) -> Function:
        def traced(number: int) -> Any:
            with tracer.start_as_current_span(SPAN_NAME, attributes=ATTRIBUTES_OF_A_TOOL):
                return function(number)

        return traced

    def with_span_and_metrics(function: Function) -> Function:
        def traced(number: int) -> Any:
            start = perf_counter()
            with tracer.start_as_current_span(SPAN_NAME, attributes=ATTRIBUTES_OF_A_TOOL):
                result = function(number)
                record(perf_counter() - start)  # type: ignore[misc]
            return result

        return traced

    return with_span if record is None else with_span_and_metrics
