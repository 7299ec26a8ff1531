"""``instrument()``: one call at start-up, safe to repeat, from any thread."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from opentelemetry.trace import TracerProvider

from otel_perf.config.environment import hidden
from otel_perf.config.load import load
from otel_perf.config.loaded import Loaded
from otel_perf.core.errors import OtelPerfError
from otel_perf.core.guard import guard, logger
from otel_perf.runtime import active
from otel_perf.runtime.handle import Handle
from otel_perf.runtime.process_life import watch_process
from otel_perf.tracing.capture import capture_setting

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from otel_perf.delivery.sender_hooks import ExportFailure
    from otel_perf.runtime.engine import Engine

__all__ = ["instrument", "instrument_alone"]

MAX_EXPORTERS = 32
"""Each has a thread and a queue of its own."""


def instrument(  # noqa: PLR0913 - each is a setting of its own, keyword only
    *,
    service_name: str | None = None,
    service_version: str | None = None,
    environment: str | None = None,
    endpoint: str | Sequence[str] | None = None,
    protocol: Literal["http/protobuf", "grpc"] | None = None,
    headers: Mapping[str, str] | None = None,
    capture: Literal["off", "shape", "summary", "full"] | None = None,
    sampling_ratio: float | None = None,
    preset: Literal["development", "production", "high_throughput"] | None = None,
    config_file: str | Path | None = None,
    set_global: bool | None = None,
    handle_sigterm: bool | None = None,
    strict: bool | None = None,
    tracer_provider: TracerProvider | None = None,
    exporters: "Sequence[SpanExporter]" = (),
    on_export_error: "Callable[[ExportFailure], None] | None" = None,
    redactor: Callable[[str], str] | None = None,
    **settings: Any,
) -> Handle:
    """Record every tool call from here on.

    Repeating the call gives the same handle; the first call's settings hold until ``shutdown()``. A bad value falls
    back to the next source and is told in one line. Nothing leaves the process without an endpoint.

    Args:
        service_name: ``service.name`` of the resource.
        service_version: ``service.version`` of the resource.
        environment: ``deployment.environment.name`` of the resource.
        endpoint: Where to send: one URL or several. ``OTEL_EXPORTER_OTLP_ENDPOINT`` otherwise.
        protocol: OTLP over HTTP (default) or gRPC.
        headers: Sent with every request; never shown or logged.
        capture: What to keep of arguments and results; nothing by default.
        sampling_ratio: Share of traces to send. Statistics and metrics see every call all the same.
        preset: A named set of values, weaker than every explicit one.
        config_file: YAML file with settings.
        set_global: Make our tracer provider the global one when there is none (default true).
        handle_sigterm: Turn SIGTERM into ``SystemExit``, so that what is buffered leaves first.
        strict: Raise one error that names every bad value, instead of falling back.
        tracer_provider: Use this provider instead of the global one.
        exporters: Span exporters of your own; each gets every sampled span, on a thread of ours.
        on_export_error: Told of every failed attempt to deliver, on a thread of ours.
        redactor: Called with each captured text after our own rules; what it returns is kept. Runs in the call's
            thread. Where it raises or returns no text, the value is dropped.
        **settings: Any other setting by its name, see ``docs/configuration.md``.

    Returns:
        The handle: ``flush()``, ``shutdown()``, ``status()``; also a context manager that shuts down at its end.

    Raises:
        ConfigurationError: Only with ``strict``.
    """
    given: dict[str, object] = {
        "service_name": service_name,
        "service_version": service_version,
        "environment": environment,
        "endpoint": endpoint,
        "protocol": protocol,
        "headers": headers,
        "capture": capture,
        "sampling_ratio": sampling_ratio,
        "preset": preset,
        "config_file": config_file,
        "set_global": set_global,
        "handle_sigterm": handle_sigterm,
        "strict": strict,
        **settings,
    }
    arguments = {name: value for name, value in given.items() if value is not None}
    with active.lock():
        handle = active.current()
        if handle is not None:
            if arguments:
                logger.info("otel_perf: already instrumented; the settings of the first call hold")
            return handle
        return _start(
            arguments, tracer_provider, redactor, exporters=_listed(exporters), on_export_error=on_export_error
        )


def _listed(exporters: object) -> "tuple[SpanExporter, ...]":
    """The exporters among what was given; what is none is told in one line, and left out."""
    given: Any = exporters if isinstance(exporters, list | tuple) else [] if exporters is None else [exporters]
    usable = tuple(each for each in given[:MAX_EXPORTERS] if guard.call("exporters", _exports, each))
    if len(usable) < len(given):
        logger.warning(
            "otel_perf: argument exporters: must be a list of at most %d span exporters; %d ignored",
            MAX_EXPORTERS,
            len(given) - len(usable),
        )
    return usable


def _exports(exporter: Any) -> bool:
    return not isinstance(exporter, type) and callable(getattr(exporter, "export", None))


def instrument_alone() -> None:
    """Start a pipeline without a provider: a processor on somebody's provider feeds it."""
    with active.lock():
        if active.current() is None:
            _start({"set_global": False}, None, without_provider=True)


def _start(
    arguments: Mapping[str, object],
    provider: TracerProvider | None,
    redactor: Callable[[str], str] | None = None,
    **parts: Any,
) -> Handle:
    capture_setting.hook = redactor
    try:
        loaded = load(arguments)
    except OtelPerfError:
        raise
    except Exception as error:  # noqa: BLE001 - nothing in the host's settings may stop the host
        guard.report("configuration", error)
        loaded = load({}, environ={})
    for problem in loaded.problems:
        logger.warning("otel_perf: %s", problem)
    handle = Handle(loaded, None if loaded.settings.sdk_disabled else _build(loaded, provider, **parts))
    active.take_over(handle)
    watch_process(handle)
    return handle


def _build(
    loaded: Loaded, provider: TracerProvider | None, *, without_provider: bool = False, **extras: Any
) -> "Engine | None":
    """Make and start the parts. What the OpenTelemetry SDK would raise about in the environment is hidden from it."""
    with hidden(loaded.refused_variables), guard.block("set-up"):
        import_module("opentelemetry.propagate")
        from otel_perf.runtime.engine import Engine
        from otel_perf.runtime.outlets import Extras

        engine = Engine(loaded, provider, without_provider=without_provider, extras=Extras(**extras))
        guard.call("start", engine.start)
        return engine
    return None
