"""What each variable means, as the OTel specification has it."""

import subprocess
import sys
import textwrap

import pytest

from otel_perf.config import environment
from otel_perf.config.environment import VARIABLES
from otel_perf.config.load import load
from otel_perf.config.rules import SIGNALS, TYPES
from otel_perf.config.settings import Settings

READ_RIGHT = [
    ("OTEL_SDK_DISABLED", "TRUE", "sdk_disabled", True),
    ("OTEL_SERVICE_NAME", " cart ", "service_name", "cart"),
    ("OTEL_TRACES_EXPORTER", "otlp, Console", "traces_exporters", ("otlp", "console")),
    ("OTEL_TRACES_EXPORTER", "none", "traces_exporters", ()),
    ("OTEL_METRICS_EXPORTER", "none", "metrics_exporters", ()),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "protocol", "grpc"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "Api-Key=a%20b,x = y ,", "headers", {"api-key": "a b", "x": "y"}),
    ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer abc=", "headers", {"authorization": "Bearer abc="}),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "2.5", "timeout_seconds", 2.5),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "none", "compression", "none"),
    ("OTEL_EXPORTER_OTLP_INSECURE", "True", "insecure", True),
    ("OTEL_TRACES_SAMPLER", "Always_Off", "sampler", "always_off"),
    ("OTEL_BSP_SCHEDULE_DELAY", "250", "export_interval_seconds", 0.25),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "4096", "export_queue_max", 4096),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "64", "export_batch_size", 64),
    ("OTEL_METRIC_EXPORT_INTERVAL", "1", "metric_interval_seconds", 0.001),
    ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "DELTA", "metric_temporality", "delta"),
    ("OTEL_METRICS_EXEMPLAR_FILTER", "always_on", "exemplar_filter", "always_on"),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", "0", "attribute_count_limit", 0),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "64", "attribute_value_length_limit", 64),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", "7", "event_count_limit", 7),
    ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "span_and_event", "capture", "full"),
    ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "NO_CONTENT", "capture", "off"),
    ("OTEL_PERF_PROMETHEUS", "9999", "prometheus", ("127.0.0.1", 9999)),
    ("OTEL_PERF_PROMETHEUS", "0.0.0.0:0", "prometheus", ("0.0.0.0", 0)),
    ("OTEL_PERF_PROMETHEUS", "[::1]:9464", "prometheus", ("::1", 9464)),
    ("OTEL_PERF_SPOOL", "false", "spool", False),
    ("OTEL_PERF_TAIL_RATIO", "1e-3", "tail_ratio", 0.001),
]


@pytest.mark.parametrize(("name", "text", "field", "value"), READ_RIGHT)
def test_variable_sets_its_field(name: str, text: str, field: str, value: object) -> None:
    """Good text becomes the value that the specification means, without a line."""
    loaded = load({}, environ={name: text})
    assert loaded.problems == []
    assert getattr(loaded.settings, field) == value
    assert loaded.sources[field].detail == name


@pytest.mark.parametrize("name", ["OTEL_PROPAGATORS", "OTEL_PYTHON_ID_GENERATOR", "OTEL_PYTHON_CONTEXT"])
def test_variables_of_the_api_pass_when_the_api_can_use_them(name: str) -> None:
    """Values that the OTel API will find are no problem."""
    good = {"OTEL_PROPAGATORS": "tracecontext,baggage,none", "OTEL_PYTHON_CONTEXT": "contextvars_context"}
    assert load({}, environ={name: good.get(name, "random")}).problems == []


@pytest.mark.parametrize("row", VARIABLES, ids=lambda row: row.name)
def test_an_empty_variable_is_not_set(row: environment.Variable) -> None:
    """By the specification an empty or blank value means the same as none."""
    loaded = load({}, environ={row.name: " "})
    assert loaded.problems == []
    assert loaded.settings == load({}, environ={}).settings


def test_table_and_settings_know_each_other() -> None:
    """Each variable stands once and sets an existing field; each field has a variable."""
    names = [row.name for row in VARIABLES]
    assert len(names) == len(set(names))
    fields = {row.field for row in VARIABLES if row.field}
    assert fields == set(TYPES)
    assert set(Settings.__struct_fields__) - set(SIGNALS) <= fields


def test_span_limit_is_stronger_than_the_general_one() -> None:
    """The limit of spans decides; the general one fills in."""
    environ = {"OTEL_ATTRIBUTE_COUNT_LIMIT": "5", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "9"}
    assert load({}, environ=environ).settings.attribute_count_limit == 9
    environ["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"] = "x"
    assert load({}, environ=environ).settings.attribute_count_limit == 5


@pytest.mark.parametrize(
    ("arguments", "environ", "sampler", "ratio", "problems"),
    [
        ({"sampling_ratio": 0.1}, {}, "parentbased_traceidratio", 0.1, 0),
        ({"sampling_ratio": 0.1}, {"OTEL_TRACES_SAMPLER": "always_on"}, "parentbased_traceidratio", 0.1, 0),
        ({"sampling_ratio": 0.1, "sampler": "traceidratio"}, {}, "traceidratio", 0.1, 0),
        ({"sampling_ratio": 0.1, "sampler": "always_on"}, {}, "always_on", None, 1),
        ({}, {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.2"}, "traceidratio", 0.2, 0),
        ({}, {"OTEL_TRACES_SAMPLER": "always_off", "OTEL_TRACES_SAMPLER_ARG": "0.2"}, "always_off", None, 0),
        ({}, {"OTEL_TRACES_SAMPLER_ARG": "0.2"}, "parentbased_always_on", None, 1),
        ({"sampler": "traceidratio"}, {"OTEL_TRACES_SAMPLER_ARG": "0.2"}, "traceidratio", 0.2, 0),
        ({}, {"OTEL_TRACES_SAMPLER": "traceidratio"}, "traceidratio", None, 0),
    ],
)
def test_ratio_and_sampler_agree(
    arguments: dict[str, object], environ: dict[str, str], sampler: str, ratio: float | None, problems: int
) -> None:
    """A ratio brings its sampler when it is the stronger word; one that cannot count is told."""
    loaded = load(arguments, environ=environ)
    assert (loaded.settings.sampler, loaded.settings.sampling_ratio) == (sampler, ratio)
    assert len(loaded.problems) == problems


def test_prometheus_exporter_opens_the_page_of_its_variables() -> None:
    """OTEL_METRICS_EXPORTER=prometheus means the page, at the standard host and port, and no OTLP metrics."""
    environ = {"OTEL_METRICS_EXPORTER": "prometheus", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:4318"}
    loaded = load({}, environ=environ)
    assert loaded.settings.prometheus == ("127.0.0.1", 9464)
    assert loaded.destinations.metrics == ()
    assert len(loaded.destinations.traces) == 1
    environ |= {"OTEL_EXPORTER_PROMETHEUS_HOST": "10.0.0.1", "OTEL_EXPORTER_PROMETHEUS_PORT": "1"}
    assert load({}, environ=environ).settings.prometheus == ("10.0.0.1", 1)
    assert load({"prometheus": 5}, environ=environ).settings.prometheus == ("127.0.0.1", 5)


def test_resource_attributes_merge_and_name_the_service() -> None:
    """Attributes of all sources join; service.name among them names the service, weaker than its own variable."""
    environ = {"OTEL_RESOURCE_ATTRIBUTES": "service.name=a,team=x,zone=1,deployment.environment=prod"}
    loaded = load({"resource_attributes": {"team": "y", "service.version": "2"}}, environ=environ)
    settings = loaded.settings
    assert (settings.service_name, settings.service_version, settings.environment) == ("a", "2", "prod")
    assert settings.resource_attributes == {"team": "y", "zone": "1"}
    assert str(loaded.sources["resource_attributes"]) == "argument, OTEL_RESOURCE_ATTRIBUTES"
    assert load({}, environ=environ | {"OTEL_SERVICE_NAME": "b"}).settings.service_name == "b"
    strongest = load({"resource_attributes": {"service.name": "c"}}, environ=environ | {"OTEL_SERVICE_NAME": "b"})
    assert strongest.settings.service_name == "c"


def test_hidden_takes_out_and_puts_back() -> None:
    """Inside the block the names are gone; afterwards they are back, also after an error, but never over a new one."""
    environ = {"A": "1", "B": "2", "C": "3"}
    with pytest.raises(ZeroDivisionError), environment.hidden(("A", "B", "missing"), environ):
        assert environ == {"C": "3"}
        environ["B"] = "new"
        _ = 1 / 0
    assert environ == {"A": "1", "B": "new", "C": "3"}


SDK_START = """
    import logging, sys
    from otel_perf.config import environment
    from otel_perf.config.load import load
    loaded = load({})
    with environment.hidden(loaded.refused_variables):
        import opentelemetry.propagate
        import opentelemetry.trace
        import opentelemetry.metrics
        from opentelemetry.sdk.trace import SpanLimits, TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        provider, exporter = TracerProvider(), InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        BatchSpanProcessor(InMemorySpanExporter()).shutdown()
        MeterProvider([InMemoryMetricReader()])
        opentelemetry.trace.get_tracer_provider()
        opentelemetry.metrics.get_meter_provider()
        provider.get_tracer("t").start_span("s").end()
    print(len(loaded.problems), len(exporter.get_finished_spans()))
"""


@pytest.mark.parametrize(
    "assignment",
    [
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=x",
        "OTEL_ATTRIBUTE_COUNT_LIMIT=-1",
        "OTEL_PROPAGATORS=zz",
        "OTEL_PYTHON_TRACER_PROVIDER=zz",
        "OTEL_PYTHON_METER_PROVIDER=zz",
        "OTEL_METRICS_EXEMPLAR_FILTER=zz",
        "OTEL_BSP_MAX_QUEUE_SIZE=-1",
        "OTEL_BSP_MAX_QUEUE_SIZE=100",
        "OTEL_BSP_SCHEDULE_DELAY=0",
        "OTEL_METRICS_EXEMPLAR_FILTER=",
        "OTEL_PROPAGATORS= ",
        "OTEL_PYTHON_TRACER_PROVIDER=",
        "OTEL_PYTHON_METER_PROVIDER=",
    ],
)
def test_sdk_starts_although_it_would_raise_for_that_value(assignment: str) -> None:
    """Variables that make the API or SDK raise at import or construction are found first, and hidden from it."""
    name, _, text = assignment.partition("=")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SDK_START)],
        env={"PATH": "", "PYTHONPATH": ":".join(filter(None, sys.path)), name: text},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.split() == ["1" if text.strip() else "0", "1"]
