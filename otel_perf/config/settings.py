"""Every setting: its type, its range and its default. Nothing else in the package repeats one of them."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from otel_perf.config.headers import Headers

__all__ = ["OtlpSettings", "Settings"]

MIB = 1024 * 1024

Text = Annotated[str, Meta(min_length=1, max_length=255)]
Attributes = dict[Text, Annotated[str, Meta(max_length=4096)]]
Ratio = Annotated[float, Meta(ge=0, le=1)]
Timeout = Annotated[float, Meta(gt=0, le=600)]
Wait = Annotated[float, Meta(ge=0, le=600)]
Interval = Annotated[float, Meta(ge=0.001, le=86_400)]
Items = Annotated[int, Meta(ge=1, le=10_000_000)]
Limit = Annotated[int, Meta(ge=0, le=1_000_000)]
Bytes = Annotated[int, Meta(ge=65_536, le=64 * 1024 * MIB)]


class OtlpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one signal leaves the process over OTLP."""

    endpoint: tuple[str, ...] = ()
    """Where to send: one URL or several, ``http://`` or ``https://``; with gRPC also ``host:port``. Default: none,
    so that nothing leaves the process unasked. Each address gets a copy of everything, with the same headers."""

    protocol: Literal["http/protobuf", "grpc"] = "http/protobuf"
    """How requests travel. Default: what the OTLP exporter specification recommends."""

    headers: Headers = msgspec.field(default_factory=Headers)
    """Sent with every request, usually the API key. Names are lower-cased. Values are never shown anywhere."""

    timeout_seconds: Timeout = 10.0
    """The longest one request may take. Default: the OTLP exporter specification."""

    compression: Literal["gzip", "none"] = "gzip"
    """Of every request. Default ours (the specification has none): the sender's thread pays, not the caller."""

    certificate: Path | None = None
    """PEM file of the authorities that may sign the server's certificate. Default: those of the system."""

    client_key: Path | None = None
    """PEM file with the client's private key, for mutual TLS; needs ``client_certificate``."""

    client_certificate: Path | None = None
    """PEM file with the client's certificate, for mutual TLS; needs ``client_key``."""

    insecure: bool | None = None
    """gRPC to an address without a scheme: true is plain text. Default: TLS, by the OTLP exporter specification."""


class Settings(OtlpSettings, frozen=True, kw_only=True):
    """Plain checked values. ``otel_perf.config.load.load`` makes them and knows where each one came from."""

    traces: OtlpSettings = msgspec.field(default_factory=OtlpSettings)
    """What holds for spans after their own variables were applied; its endpoints are complete addresses."""

    metrics: OtlpSettings = msgspec.field(default_factory=OtlpSettings)
    """What holds for metrics after their own variables were applied; its endpoints are complete addresses."""

    logs: OtlpSettings = msgspec.field(default_factory=OtlpSettings)
    """What holds for events (log records) after their own variables were applied; its endpoints are complete."""

    traces_exporters: tuple[Literal["otlp", "console"], ...] = ("otlp",)
    """Ways out for spans; ``console`` is standard error; empty (``none``) is none. Default: the OTel specification."""

    metrics_exporters: tuple[Literal["otlp", "prometheus", "console"], ...] = ("otlp",)
    """Ways out for metrics, as for spans; ``prometheus`` opens the page. Default: the OTel specification."""

    logs_exporters: tuple[Literal["otlp", "console"], ...] = ("otlp",)
    """Ways out for events such as late scores, as for spans; the application's own logs are never sent.
    Default: the OTel specification."""

    service_name: Text | None = None
    """``service.name`` of the resource. Default: left to the resource (``unknown_service:python``)."""

    service_version: Text | None = None
    """``service.version`` of the resource. Default: absent."""

    environment: Text | None = None
    """``deployment.environment.name`` of the resource, for example ``staging``. Default: absent."""

    resource_attributes: Attributes = msgspec.field(default_factory=dict)
    """Further attributes of the resource; all sources are merged key by key, the stronger one wins."""

    preset: Literal["development", "production", "high_throughput"] | None = None
    """A named set of values, weaker than every explicit one. Default: none."""

    config_file: Path | None = None
    """YAML file with settings. Default: none; no place is searched."""

    home: Path | None = Path(".otel_perf")
    """The state folder (history, spool, reports). Absent under pytest and ``CI=true``, unless it is set: no folder."""

    strict: bool = False
    """Raise one error that names all refused values, instead of falling back and going on."""

    sdk_disabled: bool = False
    """Record and send nothing; decorated functions just run. Default: the OTel specification."""

    set_global: bool = True
    """Make the providers the global ones, so that other libraries' spans join in."""

    handle_sigterm: bool = False
    """Turn SIGTERM into ``SystemExit``, so that buffered spans leave first. Off: signals belong to the application."""

    capture: Literal["off", "shape", "summary", "full"] = "off"
    """Arguments and results on spans: nothing, types and sizes, 200 characters, everything; the last two redacted.
    Default: the GenAI conventions, which make content opt-in."""

    redact_keys: tuple[Annotated[str, Meta(min_length=2, max_length=128)], ...] = ()
    """More names whose values are secrets, for capture: found anywhere in a name, case and separators aside."""

    redact_emails: bool = False
    """Take e-mail addresses out of what is captured, too. Default ours: tools work with them."""

    sampler: Literal[
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
    ] = "parentbased_always_on"
    """Which traces are sent. Statistics, metrics and alerts see every call all the same. Default: the OTel SDK."""

    sampling_ratio: Ratio | None = None
    """Share of the traces to send, 0 to 1, for the two ratio samplers; set alone it selects the parent-based one.
    Absent is all."""

    tail_sampling: bool = False
    """Decide when a trace has ended: errors and slow ones are sent whole, the rest by ``tail_ratio``."""

    tail_slow_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 5.0
    """A trace that took at least this long is kept. Default ours: above it a user calls an operation slow."""

    tail_ratio: Ratio = 0.1
    """Share of the other traces to keep. Default ours: a tenth is enough for a picture of the normal case."""

    tail_max_bytes: Bytes = 32 * MIB
    """Spans that wait for their trace's end; above it the oldest traces are decided early. Default ours."""

    tail_grace_seconds: Wait = 2.0
    """Wait after a trace's local root has ended, for spans that end later. Default ours."""

    queue_max_calls: Items = 65_536
    """Ended calls that wait for the worker. Default ours: 6.5 s at 10,000 calls/s, about 16 MiB of plain calls."""

    queue_max_bytes: Bytes = 64 * MIB
    """The same bound by size, so that big arguments cannot fill the memory. Default ours."""

    overflow: Literal["assist", "drop"] = "assist"
    """When the queue is full: the caller helps with at most 32 records, or the call is dropped and counted."""

    export_interval_seconds: Interval = 1.0
    """Longest wait of an ended span before it is sent. Default ours (the SDK waits 5 s): a crash loses less."""

    export_batch_size: Items = 512
    """Spans in one request. Default: the OTel SDK's batch processor."""

    export_queue_max: Items | None = None
    """Spans that wait for one destination, by count. Absent: bounded by ``export_queue_max_bytes`` alone, since
    a count of 2,048 (the SDK's default) is lost in ten seconds of outage at 200 calls/s and bounds no memory."""

    export_queue_max_bytes: Bytes = 16 * MIB
    """Encoded spans that wait in memory for one destination. Default ours: about 40,000 spans of 400 bytes."""

    metric_interval_seconds: Interval = 60.0
    """Time between two metric exports. Default: the OTel specification."""

    metric_temporality: Literal["cumulative", "delta", "lowmemory"] = "cumulative"
    """Whether sums and histograms count from the start or from the last export. Default: the OTel specification."""

    exemplar_filter: Literal["always_on", "always_off", "trace_based"] = "trace_based"
    """Which measurements may carry a link to their trace. Default: the OTel specification."""

    prometheus: tuple[str, Annotated[int, Meta(ge=0, le=65_535)]] | None = None
    """Address (host, port) of the ``/metrics`` page; port 0 takes a free one. Default: no page, nothing listens."""

    prometheus_host: Text = "127.0.0.1"
    """Host of that page when ``metrics_exporters`` asks for it. Default ours: nothing is open to the network."""

    prometheus_port: Annotated[int, Meta(ge=0, le=65_535)] = 9464
    """Port of that page when ``metrics_exporters`` asks for it. Default: the OTel specification."""

    prometheus_token: Headers = msgspec.field(default_factory=Headers)
    """What a scrape has to bring as ``Authorization: Bearer``; never shown. Without one the page is loopback only."""

    prometheus_allowed_hosts: tuple[Text, ...] = ()
    """More names under which the page may be asked for, against DNS rebinding. Default: localhost and the address."""

    attribute_count_limit: Limit = 128
    """Attributes of one span. Default: the OTel specification."""

    attribute_value_length_limit: Limit = 4096
    """Characters of one attribute value. Default ours: the SDK keeps any length, and a 50 MB string with it."""

    event_count_limit: Limit = 128
    """Events of one span. Default: the OTel specification."""

    link_count_limit: Limit = 128
    """Links of one span. Default: the OTel specification."""

    event_attribute_count_limit: Limit = 128
    """Attributes of one event. Default: the OTel specification."""

    link_attribute_count_limit: Limit = 128
    """Attributes of one link. Default: the OTel specification."""

    shutdown_timeout_seconds: Wait = 5.0
    """Longest wait at the end of the process, for all parts together. Default ours: the SDK waited up to 40 s."""

    flush_timeout_seconds: Wait = 5.0
    """Longest wait of ``flush()`` when it is called without a number. Default: as at the end of the process."""

    propagate_threads: Literal["executors", "all", "off"] = "executors"
    """Carry the current span into thread pools, into every thread, or nowhere. Default ours: pools run calls of the
    caller; a bare thread often outlives it."""

    spool: bool = True
    """Keep on disk what a backend did not take; needs ``home``."""

    spool_max_bytes: Bytes = 64 * MIB
    """Size of all that waits on disk; above it the oldest goes, counted. Default ours."""

    plugins: bool = True
    """Load the plugins of installed packages (entry points of the group ``otel_perf.plugins``), beside the start."""

    open_call_warning_seconds: Interval = 60.0
    """A call that runs longer than this is reported while it runs. Default ours."""

    system_metrics: bool = True
    """Measure the machine, the container and the process: 1 to 4 ms of CPU per look."""

    system_interval_seconds: Annotated[float, Meta(ge=0.1, le=3600)] = 5.0
    """Time between two looks at them; the first is 1 s after the start. Default ours: a panel of 15 s sees three."""

    top_processes: Annotated[int, Meta(ge=0, le=10)] = 0
    """Name and use of so many processes of the host, those that use most; never their arguments. Default: none."""

    connection_metrics: bool = False
    """Count the TCP connections of the host by state. Off: the table of a busy host is long."""

    gpu_metrics: bool = True
    """Measure GPUs, where the extra ``gpu`` and NVIDIA's driver are there."""
