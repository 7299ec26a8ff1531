"""Every bad value costs one line and nothing else."""

import math
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_perf.config import rules
from otel_perf.config.environment import VARIABLES
from otel_perf.config.load import Loaded, load
from otel_perf.config.settings import Settings
from otel_perf.core.errors import ConfigurationError, OtelPerfError

BASE = load({}, environ={})

BAD_VARIABLES = [
    ("OTEL_BSP_MAX_QUEUE_SIZE", "-1"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "x"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1_000"),
    ("OTEL_BSP_SCHEDULE_DELAY", "0"),
    ("OTEL_BSP_SCHEDULE_DELAY", "1.5"),
    ("OTEL_METRIC_EXPORT_INTERVAL", "-5"),
    ("OTEL_METRIC_EXPORT_INTERVAL", "9" * 5000),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "x"),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", "-3"),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "١٢"),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", "many"),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", "1e3"),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "-1"),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "-1"),
    ("OTEL_METRICS_EXEMPLAR_FILTER", "zz"),
    ("OTEL_TRACES_SAMPLER", "zz"),
    ("OTEL_TRACES_SAMPLER_ARG", "zz"),
    ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
    ("OTEL_TRACES_SAMPLER_ARG", "nan"),
    ("OTEL_TRACES_SAMPLER_ARG", "0.5"),  # without a sampler that uses it
    ("OTEL_SDK_DISABLED", "maybe"),
    ("OTEL_SDK_DISABLED", "1"),
    ("OTEL_PROPAGATORS", "zz"),
    ("OTEL_PYTHON_TRACER_PROVIDER", "zz"),
    ("OTEL_PYTHON_METER_PROVIDER", "zz"),
    ("OTEL_PYTHON_CONTEXT", "zz"),
    ("OTEL_PYTHON_ID_GENERATOR", "x"),
    ("OTEL_CONFIG_FILE", "sdk.yaml"),
    ("OTEL_RESOURCE_ATTRIBUTES", "zz"),
    ("OTEL_RESOURCE_ATTRIBUTES", "a=%ff"),
    ("OTEL_TRACES_EXPORTER", "zipkin"),
    ("OTEL_METRICS_EXPORTER", "otlp,none"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "10000"),  # milliseconds, as other SDKs count them
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "inf"),
    ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "zz"),
    ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "a=b\x01"),
    ("OTEL_EXPORTER_OTLP_INSECURE", "yes"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "not_a_url"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://x"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:99999"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:port"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://[::1"),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://h ost"),
    ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "zz"),
    ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram"),
    ("OTEL_EXPORTER_PROMETHEUS_PORT", "65536"),
    ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true"),
    ("OTEL_SERVICE_NAME", "n" * 256),
    ("OTEL_SERVICE_NAME", "lone \udcff surrogate"),
    ("OTEL_PERF_CAPTURE", "everything"),
    ("OTEL_PERF_PRESET", "fast"),
    ("OTEL_PERF_OVERFLOW", "block"),
    ("OTEL_PERF_TAIL_RATIO", "2"),
    ("OTEL_PERF_SPOOL_MAX_BYTES", "64MiB"),
    ("OTEL_PERF_SHUTDOWN_TIMEOUT_SECONDS", "-0.1"),
    ("OTEL_PERF_PROMETHEUS", "localhost"),
    ("OTEL_PERF_PROMETHEUS", "localhost:70000"),
    ("OTEL_PERF_HOME", "a\0b"),
    ("OTEL_PERF_CONFIG_FILE", "a\0b"),
    ("OTEL_PERF_STRICT", "on"),
    ("OTEL_PERF_CAPTUER", "full"),
]

BAD_ARGUMENTS = [
    ("service_name", object()),
    ("service_name", ""),
    ("service_name", 5),
    ("endpoint", 123),
    ("endpoint", "not_a_url"),
    ("endpoint", ["ftp://x"]),
    ("endpoint", [5]),
    ("endpoint", SimpleNamespace()),
    ("sampling_ratio", "x"),
    ("sampling_ratio", 2.0),
    ("sampling_ratio", math.nan),
    ("sampling_ratio", True),
    ("headers", "a=b"),
    ("headers", {"a b": "c"}),
    ("headers", {"a": 1}),
    ("headers", {"a": "b\r\nc: d"}),
    ("protocol", "GRPC"),
    ("timeout_seconds", math.inf),
    ("timeout_seconds", 10**5000),
    ("timeout_seconds", "10"),
    ("queue_max_calls", 1.5),
    ("queue_max_calls", 0),
    ("set_global", "yes"),
    ("set_global", 1),
    ("strict", "yes"),
    ("preset", "fast"),
    ("resource_attributes", {"a": 1}),
    ("resource_attributes", ["a"]),
    ("resource_attributes", {"a": "\ud800"}),
    ("traces_exporters", ["zipkin"]),
    ("prometheus", True),
    ("prometheus", 70_000),
    ("prometheus", ("127.0.0.1", "9464")),
    ("home", 5),
    ("traces", "http://h"),
    ("traces", {"endpont": "http://h"}),
    ("servce_name", "x"),
    ("config_file", "/no/such/file.yaml"),
]


@pytest.mark.parametrize(
    ("name", "text"), BAD_VARIABLES, ids=lambda value: value[:40].encode("ascii", "replace").decode()
)
def test_t92_bad_variable_costs_one_line(name: str, text: str) -> None:
    """A bad variable gives exactly one line that names it, and every setting is as if it were not there."""
    loaded = load({}, environ={name: text})
    assert len(loaded.problems) == 1
    line = str(loaded.problems[0])
    assert name in line
    assert "\n" not in line
    assert line.isprintable()
    assert loaded.settings == BASE.settings
    assert loaded.refused_variables == (name,)


@pytest.mark.parametrize(("name", "value"), BAD_ARGUMENTS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(BAD_ARGUMENTS)])
def test_t92_bad_argument_costs_one_line(name: str, value: object) -> None:
    """A bad or unknown argument gives exactly one line that names it, and the default holds."""
    loaded = load({name: value}, environ={})
    assert len(loaded.problems) == 1
    line = str(loaded.problems[0])
    assert name in line
    assert line.isprintable()
    if name != "config_file":
        assert loaded.settings == BASE.settings
    assert loaded.refused_variables == ()


def test_t92_strict_names_all_in_one_error() -> None:
    """With strict=True one error holds every line, from arguments and variables alike."""
    environ = {name: text for name, text in BAD_VARIABLES if name != "OTEL_PERF_STRICT"}
    arguments = {"service_name": object(), "sampling_ratio": 2.0}
    expected = [str(problem) for problem in load(arguments, environ=environ).problems]
    assert len(expected) == len(environ) + len(arguments)
    with pytest.raises(ConfigurationError) as raised:
        load(arguments, environ=environ, strict=True)
    assert isinstance(raised.value, OtelPerfError)
    assert list(raised.value.problems) == expected
    for name in (*environ, *arguments):
        assert name in str(raised.value)


@pytest.mark.parametrize("said", [{"arguments": {"strict": True}}, {"environ": {"OTEL_PERF_STRICT": "true"}}])
def test_strict_is_a_setting_too(said: dict) -> None:
    """The argument and the variable of that name make a bad value raise."""
    environ = {"OTEL_SDK_DISABLED": "maybe"} | said.get("environ", {})
    with pytest.raises(ConfigurationError, match='OTEL_SDK_DISABLED="maybe"'):
        load(said.get("arguments", {}), environ=environ)


def test_strict_without_problems_does_not_raise() -> None:
    """Strictness costs nothing when there is nothing to refuse."""
    assert load({"service_name": "a"}, environ={}, strict=True).problems == []


@pytest.mark.parametrize(
    ("environ", "size", "named"),
    [
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "100"}, 100, "OTEL_BSP_MAX_QUEUE_SIZE"),
        (
            {"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "200"},
            100,
            "OTEL_BSP_MAX_QUEUE_SIZE",
        ),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "512"}, 512, None),
        ({"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4096"}, 4096, None),
    ],
)
def test_batch_never_exceeds_queue(environ: dict[str, str], size: int, named: str | None) -> None:
    """A queue smaller than a batch keeps its size; the batch shrinks, and one line says so."""
    loaded = load({}, environ=environ)
    assert loaded.settings.export_batch_size == size
    assert [problem.where.partition("=")[0] for problem in loaded.problems] == ([named] if named else [])


def test_batch_said_more_strongly_is_named() -> None:
    """When the argument asks for a batch that the variable's queue cannot hold, the line names the argument."""
    loaded = load({"export_batch_size": 1000}, environ={"OTEL_BSP_MAX_QUEUE_SIZE": "600"})
    assert loaded.settings.export_batch_size == 600
    assert len(loaded.problems) == 1
    assert str(loaded.problems[0]) == (
        "argument export_batch_size=1000: must not be larger than export_queue_max (600, OTEL_BSP_MAX_QUEUE_SIZE); "
        "using 600 (OTEL_BSP_MAX_QUEUE_SIZE)"
    )


def test_line_says_what_where_and_what_to_do() -> None:
    """The line holds the variable, its text, the rule and the value that holds instead, with its origin."""
    loaded = load({}, environ={"OTEL_METRIC_EXPORT_INTERVAL": "-5"})
    assert str(loaded.problems[0]) == (
        'OTEL_METRIC_EXPORT_INTERVAL="-5": must be a whole number of milliseconds >= 1 and <= 86400000; '
        "using 60 seconds (default)"
    )


def test_a_slip_gets_a_suggestion() -> None:
    """Misspelled arguments and variables are answered with the name that was probably meant."""
    loaded = load({"servce_name": "x"}, environ={"OTEL_PERF_CAPTUER": "full"})
    lines = "\n".join(map(str, loaded.problems))
    assert "did you mean service_name?" in lines
    assert "did you mean OTEL_PERF_CAPTURE?" in lines


def test_service_links_are_no_slips() -> None:
    """Variables that Kubernetes makes for a service called otel-perf are none of ours and get no line."""
    environ = {
        "OTEL_PERF_SERVICE_HOST": "10.0.0.1",
        "OTEL_PERF_SERVICE_PORT": "4318",
        "OTEL_PERF_SERVICE_PORT_HTTP": "4318",
        "OTEL_PERF_PORT": "tcp://10.0.0.1:4318",
        "OTEL_PERF_PORT_4318_TCP_ADDR": "10.0.0.1",
        "OTEL_PERF_COLLECTOR_SERVICE_HOST": "10.0.0.2",
    }
    assert load({}, environ=environ).problems == []


def test_control_characters_do_not_reach_the_log() -> None:
    """A value with escape sequences and newlines is shown escaped and cut, on one line."""
    line = str(load({}, environ={"OTEL_TRACES_SAMPLER": '\x1b[31m"red"\n' + "x" * 500}).problems[0])
    assert r"\x1b[31m" in line
    assert line.isprintable()
    assert len(line) < 400


class _Hostile:
    """An argument whose every method raises."""

    def __repr__(self) -> str:
        raise RuntimeError

    __str__ = __eq__ = __bool__ = __iter__ = __len__ = __hash__ = __repr__  # type: ignore[assignment]


@pytest.mark.parametrize("field", sorted({*Settings.__struct_fields__}))
def test_a_hostile_object_is_refused_like_any_other(field: str) -> None:
    """An object whose methods all raise costs one line, bare or inside a list, and none of its code's errors."""
    assert len(load({field: _Hostile()}, environ={}).problems) == 1
    assert len(load({field: [_Hostile()]}, environ={}).problems) == 1
    assert len(load({field: {"a": _Hostile()}}, environ={}).problems) == 1


NAMES = st.sampled_from([variable.name for variable in VARIABLES] + ["OTEL_PERF_NEW", "CI"])
TEXTS = st.one_of(
    st.text(st.characters(codec=None), max_size=40),
    st.sampled_from(["true", "0", "-1", "1e400", "none", "a=b,c=%zz", "http://h:1/?key=x", "grpc", "h:4317", ",", "="]),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)) | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=5,
)


def assert_sound(loaded: Loaded) -> None:
    """Whatever was said, each setting obeys its own rule and the lines can go into a log."""
    for field in Settings.__struct_fields__:
        value = getattr(loaded.settings, field)
        if value is not None and field not in rules.SIGNALS:
            assert rules.check(field, value) == value
    assert all(str(problem).isprintable() for problem in loaded.problems)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(NAMES, TEXTS, max_size=8))
def test_no_environment_makes_it_raise(environ: dict[str, str]) -> None:
    """Arbitrary text in any variable never raises, and what results is a valid set of settings."""
    assert_sound(load({}, environ={**environ, "OTEL_PERF_STRICT": ""}))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(Settings.__struct_fields__) | st.text(max_size=5), VALUES, max_size=5))
def test_no_argument_makes_it_raise(arguments: dict[str, object]) -> None:
    """Arbitrary values for any argument never raise, and what results is a valid set of settings."""
    arguments.pop("strict", None)
    assert_sound(load(arguments, environ={}))
