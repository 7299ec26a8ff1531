"""The table of environment variables. Nothing else in the package reads the environment."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from otel_perf.config import texts

__all__ = [
    "NOT_READ",
    "OWN_PREFIX",
    "VARIABLES",
    "Variable",
    "hidden",
    "present",
    "unattended",
    "unknown",
    "without_telemetry",
]

OWN_PREFIX = "OTEL_PERF_"

SERVICE_LINK = re.compile(r"OTEL_PERF_(.*_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_[0-9]+_.*)?)")
"""What Kubernetes puts into every container of a namespace that has a service called ``otel-perf``."""

Parser = Callable[[str, str], object]
"""From a field's name and a text to a value; raises ``Refused`` with the rule that the text breaks."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable.

    Attributes:
        name: As it is spelled in the environment.
        field: The setting that it sets; empty when its value is checked only, because the OTel API reads it itself.
        meaning: For people, in a few words.
        parse: Its text to the value of the field.
    """

    name: str
    field: str
    meaning: str
    parse: Parser = texts.plain

    @property
    def own(self) -> bool:
        """Whether it is ours; for the same setting ours is stronger than a standard one."""
        return self.name.startswith(OWN_PREFIX)


def _otlp() -> Iterator[Variable]:
    """The OTLP variables, each for one signal and for all; the one for a signal is the stronger."""
    rows: tuple[tuple[str, str, str, Parser], ...] = (
        ("ENDPOINT", "endpoint", "where to send", texts.plain),
        ("PROTOCOL", "protocol", "http/protobuf or grpc", texts.plain),
        ("HEADERS", "headers", "sent with every request: key=value,key=value, percent-encoded", texts.pairs),
        ("TIMEOUT", "timeout_seconds", "longest request, in seconds (as in the Python SDK)", texts.plain),
        ("COMPRESSION", "compression", "gzip or none", texts.plain),
        ("CERTIFICATE", "certificate", "PEM file of the trusted authorities", texts.plain),
        ("CLIENT_KEY", "client_key", "PEM file for mutual TLS", texts.plain),
        ("CLIENT_CERTIFICATE", "client_certificate", "PEM file for mutual TLS", texts.plain),
        ("INSECURE", "insecure", "plain text for a gRPC address without a scheme", texts.plain),
    )
    for suffix, field, meaning, parse in rows:
        yield Variable(f"OTEL_EXPORTER_OTLP_{suffix}", field, meaning, parse)
        for signal in ("traces", "metrics", "logs"):
            name = f"OTEL_EXPORTER_OTLP_{signal.upper()}_{suffix}"
            yield Variable(name, f"{signal}.{field}", f"the same for {signal} alone", parse)


VARIABLES: tuple[Variable, ...] = (
    Variable("OTEL_SDK_DISABLED", "sdk_disabled", "record and send nothing"),
    Variable("OTEL_SERVICE_NAME", "service_name", "service.name; stronger than the same resource attribute"),
    Variable("OTEL_RESOURCE_ATTRIBUTES", "resource_attributes", "key=value,key=value, percent-encoded", texts.pairs),
    Variable("OTEL_TRACES_EXPORTER", "traces_exporters", "otlp, console, none", texts.names),
    Variable("OTEL_METRICS_EXPORTER", "metrics_exporters", "otlp, prometheus, console, none", texts.names),
    Variable("OTEL_LOGS_EXPORTER", "logs_exporters", "otlp, console, none; for events of otel_perf", texts.names),
    *_otlp(),
    Variable("OTEL_TRACES_SAMPLER", "sampler", "which traces are sent"),
    Variable("OTEL_TRACES_SAMPLER_ARG", "sampling_ratio", "share of the traces, for the two ratio samplers"),
    Variable("OTEL_BSP_SCHEDULE_DELAY", "export_interval_seconds", "milliseconds between exports", texts.milliseconds),
    Variable("OTEL_BSP_MAX_QUEUE_SIZE", "export_queue_max", "spans that wait for one destination"),
    Variable("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "export_batch_size", "spans in one request"),
    Variable(
        "OTEL_METRIC_EXPORT_INTERVAL", "metric_interval_seconds", "milliseconds between exports", texts.milliseconds
    ),
    Variable("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "metric_temporality", "how sums are counted"),
    Variable(
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        "",
        "only explicit_bucket_histogram",
        texts.only("explicit_bucket_histogram", "only explicit_bucket_histogram is made here"),
    ),
    Variable("OTEL_METRICS_EXEMPLAR_FILTER", "exemplar_filter", "which measurements link to their trace"),
    Variable("OTEL_EXPORTER_PROMETHEUS_HOST", "prometheus_host", "host of the page, with OTEL_METRICS_EXPORTER"),
    Variable("OTEL_EXPORTER_PROMETHEUS_PORT", "prometheus_port", "port of the page, with OTEL_METRICS_EXPORTER"),
    Variable("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "attribute_count_limit", "attributes of one span"),
    Variable("OTEL_ATTRIBUTE_COUNT_LIMIT", "attribute_count_limit", "the same for everything, weaker"),
    Variable("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "attribute_value_length_limit", "characters of one value"),
    Variable("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "attribute_value_length_limit", "the same for everything, weaker"),
    Variable("OTEL_SPAN_EVENT_COUNT_LIMIT", "event_count_limit", "events of one span"),
    Variable("OTEL_SPAN_LINK_COUNT_LIMIT", "link_count_limit", "links of one span"),
    Variable("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "event_attribute_count_limit", "attributes of one event"),
    Variable("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "link_attribute_count_limit", "attributes of one link"),
    Variable(
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
        "capture",
        "NO_CONTENT and EVENT_ONLY are off, SPAN_ONLY and SPAN_AND_EVENT are full",
        texts.message_content,
    ),
    Variable("OTEL_PROPAGATORS", "", "read by the OTel API; checked here", texts.propagators),
    Variable(
        "OTEL_PYTHON_TRACER_PROVIDER",
        "",
        "read by the OTel API; checked here",
        texts.entry_point("opentelemetry_tracer_provider"),
    ),
    Variable(
        "OTEL_PYTHON_METER_PROVIDER",
        "",
        "read by the OTel API; checked here",
        texts.entry_point("opentelemetry_meter_provider"),
    ),
    Variable(
        "OTEL_PYTHON_CONTEXT",
        "",
        "read by the OTel API; checked here",
        texts.entry_point("opentelemetry_context"),
    ),
    Variable(
        "OTEL_PYTHON_ID_GENERATOR",
        "",
        "only random",
        texts.only("random", "only random ids are made here"),
    ),
    Variable(
        "OTEL_CONFIG_FILE",
        "",
        "not read",
        texts.only("", "declarative SDK configuration is not read; see OTEL_PERF_CONFIG_FILE"),
    ),
    Variable("OTEL_PERF_PRESET", "preset", "development, production or high_throughput"),
    Variable("OTEL_PERF_CONFIG_FILE", "config_file", "YAML file with settings"),
    Variable("OTEL_PERF_HOME", "home", "the state folder"),
    Variable("OTEL_PERF_STRICT", "strict", "raise instead of falling back"),
    Variable("OTEL_PERF_SERVICE_VERSION", "service_version", "service.version"),
    Variable("OTEL_PERF_ENVIRONMENT", "environment", "deployment.environment.name"),
    Variable("OTEL_PERF_SET_GLOBAL", "set_global", "make the providers the global ones"),
    Variable("OTEL_PERF_HANDLE_SIGTERM", "handle_sigterm", "flush on SIGTERM"),
    Variable("OTEL_PERF_CAPTURE", "capture", "arguments and results on spans"),
    Variable("OTEL_PERF_REDACT_KEYS", "redact_keys", "more names of secrets, with commas"),
    Variable("OTEL_PERF_REDACT_EMAILS", "redact_emails", "take e-mail addresses out of what is captured"),
    Variable("OTEL_PERF_TAIL_SAMPLING", "tail_sampling", "decide when a trace has ended"),
    Variable("OTEL_PERF_TAIL_SLOW_SECONDS", "tail_slow_seconds", "a trace this long is kept"),
    Variable("OTEL_PERF_TAIL_RATIO", "tail_ratio", "share of the other traces to keep"),
    Variable("OTEL_PERF_TAIL_MAX_BYTES", "tail_max_bytes", "spans that wait for their trace's end"),
    Variable("OTEL_PERF_TAIL_GRACE_SECONDS", "tail_grace_seconds", "wait for late spans"),
    Variable("OTEL_PERF_QUEUE_MAX_CALLS", "queue_max_calls", "ended calls that wait for the worker"),
    Variable("OTEL_PERF_QUEUE_MAX_BYTES", "queue_max_bytes", "the same by size"),
    Variable("OTEL_PERF_OVERFLOW", "overflow", "assist or drop, when the queue is full"),
    Variable("OTEL_PERF_EXPORT_QUEUE_MAX_BYTES", "export_queue_max_bytes", "encoded spans that wait, by size"),
    Variable("OTEL_PERF_PROMETHEUS", "prometheus", "port, or host:port, of the /metrics page"),
    Variable("OTEL_PERF_PROMETHEUS_TOKEN", "prometheus_token", "what a scrape has to bring; never shown"),
    Variable("OTEL_PERF_PROMETHEUS_ALLOWED_HOSTS", "prometheus_allowed_hosts", "more names of the page, with commas"),
    Variable("OTEL_PERF_SHUTDOWN_TIMEOUT_SECONDS", "shutdown_timeout_seconds", "longest wait at the end"),
    Variable("OTEL_PERF_FLUSH_TIMEOUT_SECONDS", "flush_timeout_seconds", "longest wait of flush()"),
    Variable("OTEL_PERF_PROPAGATE_THREADS", "propagate_threads", "executors, all or off"),
    Variable("OTEL_PERF_SPOOL", "spool", "keep on disk what a backend did not take"),
    Variable("OTEL_PERF_SPOOL_MAX_BYTES", "spool_max_bytes", "size of all that waits on disk"),
    Variable("OTEL_PERF_PLUGINS", "plugins", "load the plugins of installed packages"),
    Variable("OTEL_PERF_OPEN_CALL_WARNING_SECONDS", "open_call_warning_seconds", "report a call that runs longer"),
    Variable("OTEL_PERF_SYSTEM_METRICS", "system_metrics", "measure machine, container and process"),
    Variable("OTEL_PERF_SYSTEM_INTERVAL_SECONDS", "system_interval_seconds", "time between two looks at them"),
    Variable("OTEL_PERF_TOP_PROCESSES", "top_processes", "how many of the busiest processes to name"),
    Variable("OTEL_PERF_CONNECTION_METRICS", "connection_metrics", "count the TCP connections of the host"),
    Variable("OTEL_PERF_GPU_METRICS", "gpu_metrics", "measure GPUs"),
)
"""Every variable that is read. For one setting ours come before standard ones, and earlier rows before later ones."""

NOT_READ: Mapping[str, str] = {
    "OTEL_BSP_EXPORT_TIMEOUT, OTEL_METRIC_EXPORT_TIMEOUT": "every request has OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "the SDK applies it where it builds a resource",
    "OTEL_BLRP_*, OTEL_LOGRECORD_*": "application logs are not sent; events of otel_perf wait as spans do",
    "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "the SDK reads it; losses are counted here in any case",
    "OTEL_PYTHON_DISTRO, OTEL_PYTHON_CONFIGURATOR": "they belong to opentelemetry-instrument",
}
"""Standard variables that have no effect here, and why; for the reference."""


def present(environ: Mapping[str, str] | None = None) -> list[tuple[Variable, str]]:
    """The variables that are set, strongest first; an empty one counts as not set, as the specification says."""
    source = os.environ if environ is None else environ
    found = [(variable, source.get(variable.name, "").strip()) for variable in VARIABLES]
    return sorted(((variable, text) for variable, text in found if text), key=lambda pair: not pair[0].own)


def unknown(environ: Mapping[str, str] | None = None) -> list[str]:
    """Names with our prefix that no row knows: misspelled, or of another version."""
    source = os.environ if environ is None else environ
    known = {variable.name for variable in VARIABLES}
    ours = (name for name in source if name.startswith(OWN_PREFIX) and not SERVICE_LINK.fullmatch(name))
    return sorted(name for name in ours if name not in known)


def unattended(environ: Mapping[str, str] | None = None) -> str | None:
    """The variable that says that this is a test run (``CI=true`` or pytest), where no folder is wanted, or None."""
    source = os.environ if environ is None else environ
    if source.get("CI", "").strip().lower() in ("true", "1"):
        return "CI"
    return next((name for name in ("PYTEST_VERSION", "PYTEST_CURRENT_TEST") if source.get(name)), None)


@contextmanager
def hidden(names: Sequence[str], environ: MutableMapping[str, str] | None = None) -> Iterator[None]:
    """Take variables out of the environment for the length of a block, and put them back.

    For those that were refused and that the OTel API or SDK reads by itself: it raises for some of them already when
    it is imported (``OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=x``, ``OTEL_PROPAGATORS=x``). Blank ones go too: they mean the
    same as none, but the API and SDK raise for several of them.
    """
    target = os.environ if environ is None else environ
    blank = [row.name for row in VARIABLES if not target.get(row.name, "set").strip()]
    taken = {name: target.pop(name) for name in (*names, *blank) if name in target}
    try:
        yield
    finally:
        for name, text in taken.items():
            target.setdefault(name, text)


def without_telemetry(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """A copy for a subprocess in which no variable speaks to OpenTelemetry or to us."""
    source = os.environ if environ is None else environ
    return {name: text for name, text in source.items() if not name.startswith("OTEL_")}
