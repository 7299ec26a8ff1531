"""Prometheus pages, held against Prometheus' own parsers and OpenTelemetry's own exporter."""

import math
import shutil
import subprocess
import time
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import Exemplar, MeterProvider
from opentelemetry.sdk.metrics import Histogram as SdkHistogram
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from otel_perf.delivery.prometheus_names import FamilyNames, label_name, unit_suffix
from otel_perf.delivery.prometheus_text import OPENMETRICS, TEXT, gather, render
from tests.delivery.metric_data import counter, data_of, gauge, histogram, merged, number


def page(data: MetricsData, content_type: str = TEXT) -> str:
    """The page of metric data."""
    return render(gather(data, FamilyNames()), content_type).decode()


def series(families: Iterable[Any]) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Samples by name and labels; an empty label is none."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, frozenset((k, v) for k, v in sample.labels.items() if v))
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value
    return found


def checked(data: MetricsData) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The series of a page that both parsers accept, and agree about."""
    from_text = series(parse_text(page(data)))
    from_openmetrics = series(parse_openmetrics(page(data, OPENMETRICS)))
    assert from_text == pytest.approx(from_openmetrics, nan_ok=True)
    return from_text


def named(found: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str) -> list[Any]:
    """Values of all series of a name."""
    return [value for (sample, _), value in found.items() if sample == name]


def application(*views: View) -> tuple[MeterProvider, InMemoryMetricReader, CollectorRegistry]:
    """A provider read by us and by the official exporter."""
    registry, reader = CollectorRegistry(), InMemoryMetricReader()
    official = PrometheusMetricReader(registry=registry)
    resource = Resource({"service.name": "tested", "a.number": 5})
    provider = MeterProvider([reader, official], resource=resource, views=views, shutdown_on_exit=False)
    return provider, reader, registry


def test_names_labels_and_values_are_those_of_the_official_exporter() -> None:
    """Every kind of instrument, the units of the table, scope labels, target_info: the same series."""
    provider, reader, registry = application()
    meter = provider.get_meter("app", "1.0", "https://schema", {"team": "a"})
    units = ["s", "ms", "By", "1", "{token}", "m/s", "By/s", "USD", "%", "Cel", "{call}/min", "", "odd unit!", "/s"]
    for position, unit in enumerate(units):
        meter.create_counter(f"c{position}.used", unit).add(
            position + 0.5, {"k.a": "v", "n": 5, "b": True, "l": ("x", 1)}
        )
        meter.create_up_down_counter(f"u{position}", unit).add(-position)
        meter.create_gauge(f"g{position}", unit).set(position)
        histogram_of_unit = meter.create_histogram(f"h{position}", unit)
        for value in (0.1, 7, 80, 1e6):
            histogram_of_unit.record(value, {"naïve-ключ": 'quote" back\\slash\nline'})
    meter.create_observable_counter("seconds.total", [lambda options: [Observation(3)]], "s")
    meter.create_counter("already_seconds", "s").add(1)
    meter.create_counter("requests_total").add(1)
    assert checked(reader.get_metrics_data() or data_of()) == pytest.approx(
        series(parse_text(generate_latest(registry).decode()))
    )


def test_help_and_type_are_written_as_both_formats_want_them() -> None:
    """``_total`` belongs to the family in the text format and not in OpenMetrics; texts are escaped."""
    data = data_of(counter("c", number(1), unit="s", description='a "b"\nc\\d'))
    assert '# HELP c_seconds_total a "b"\\nc\\\\d\n# TYPE c_seconds_total counter\n' in page(data)
    openmetrics = page(data, OPENMETRICS)
    assert '# HELP c_seconds a \\"b\\"\\nc\\\\d\n# TYPE c_seconds counter\n# UNIT c_seconds seconds\n' in openmetrics
    assert openmetrics.endswith("# EOF\n")
    assert checked(data)


def test_exemplars_are_on_their_buckets_in_openmetrics_only() -> None:
    """Trace and span as hexadecimal labels, value and time; both parsers accept the page."""
    low = Exemplar({}, 0.5, 1_700_000_000_500_000_000, 0xAB, 0xCD)
    high = Exemplar({}, 99.0, 1_700_000_001_000_000_000, 0xEF, 0x12)
    data = data_of(
        histogram("h", [1, 0, 1], [1.0, 2.0], exemplars=[low, high]),
        counter("c", number(1, exemplars=[low])),
        gauge("g", number(1, exemplars=[low])),
    )
    checked(data)
    assert "trace_id" not in page(data)
    found = {
        (sample.name, sample.labels.get("le")): sample.exemplar
        for family in parse_openmetrics(page(data, OPENMETRICS))
        for sample in family.samples
        if sample.exemplar
    }
    assert set(found) == {("h_bucket", "1.0"), ("h_bucket", "+Inf"), ("c_total", None)}
    exemplar = found["h_bucket", "1.0"]
    assert exemplar.labels == {"trace_id": f"{0xCD:032x}", "span_id": f"{0xAB:016x}"}
    assert (exemplar.value, float(exemplar.timestamp)) == (0.5, 1_700_000_000.5)


def test_t63_an_exponential_histogram_is_shown_exactly_on_powers_of_two() -> None:
    """T-63: where the official exporter fails every scrape, counts below each power of two are exact."""
    view = View(instrument_type=SdkHistogram, aggregation=ExponentialBucketHistogramAggregation())
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], views=[view], shutdown_on_exit=False)
    values = [0.0, 0.3, 1.0, 1.5, 2.0, 3.7, 100.0, 1e5]
    instrument = provider.get_meter("app").create_histogram("e")
    for value in values:
        instrument.record(value)
    found = checked(reader.get_metrics_data() or data_of())
    assert named(found, "e_count") == [len(values)]
    assert named(found, "e_sum") == [pytest.approx(sum(values))]
    buckets = {dict(labels)["le"]: value for (name, labels), value in found.items() if name == "e_bucket"}
    for bound, count in buckets.items():
        assert count == sum(value <= float(bound) for value in values)
    assert buckets["0.0"] == 1
    assert buckets["4.0"] == 6


def test_negative_values_leave_the_sum_out() -> None:
    """A sum that may fall is no counter; the buckets are there."""
    found = checked(data_of(histogram("h", [1, 1, 0], [-1.0, 5.0], total=-3)))
    assert len(named(found, "h_bucket")) == 3
    assert named(found, "h_sum") == []


def test_t63_metrics_whose_names_meet_are_kept_apart(caplog: pytest.LogCaptureFixture) -> None:
    """T-63: counter ``a.b``, gauge ``a_b``, counter ``a_b`` and a gauge named like a histogram's sample."""
    data = data_of(
        counter("a.b", number(1)),
        gauge("a_b", number(2)),
        counter("a_b", number(3)),
        histogram("h", [1, 1], [1.0]),
        gauge("h_count", number(9)),
        gauge("target_info", number(7)),
    )
    found = checked(data)
    assert named(found, "a_b_total") == [1]
    assert named(found, "a_b_gauge") == [2]
    assert named(found, "a_b_counter_total") == [3]
    assert named(found, "h_count") == [2]
    assert named(found, "h_count_gauge") == [9]
    assert named(found, "target_info_gauge") == [7]
    caplog.clear()
    names = FamilyNames()
    gather(data, names)
    gather(data, names)
    assert len(caplog.records) == 4


def test_a_name_once_given_stays_whatever_comes_first_next_time() -> None:
    """Series do not change their names between scrapes."""
    names = FamilyNames()
    first = names.of("a.b", "", "counter"), names.of("a_b", "", "gauge")
    assert (names.of("a_b", "", "gauge"), names.of("a.b", "", "counter")) == (first[1], first[0])


def test_t63_the_same_metric_in_two_scopes_is_one_family() -> None:
    """T-63: one HELP and one TYPE, two series that the scope's name tells apart."""
    data = merged(
        data_of(counter("x.y", number(1), description="one")),
        data_of(counter("x.y", number(2), description="two"), scope=InstrumentationScope("other")),
    )
    assert named(checked(data), "x_y_total") == [1, 2]
    assert page(data).count("# TYPE x_y_total") == 1


def test_t63_reserved_labels_are_moved_out_of_the_way() -> None:
    """T-63: ``le``, ``job`` and ``instance`` are Prometheus' own, on any metric; ``__name__`` cannot be written."""
    attributes = {"le": "1", "job": "2", "instance": "3", "__name__": "4", "quantile": "5", "otel_scope_name": "6"}
    found = checked(data_of(counter("c", number(1, attributes)), histogram("h", [1, 0], [1.0], attributes)))
    labels = next(dict(labels) for (name, labels) in found if name == "c_total")
    assert labels == {
        "exported_le": "1",
        "exported_job": "2",
        "exported_instance": "3",
        "_name_": "4",
        "exported_quantile": "5",
        "exported_otel_scope_name": "6",
        "otel_scope_name": "app",
    }
    assert {dict(labels)["le"] for (name, labels) in found if name == "h_bucket"} == {"1.0", "+Inf"}


def test_t63_labels_whose_names_meet_are_joined() -> None:
    """T-63: ``k.a`` and ``k_a`` become one label with both values, as OpenTelemetry specifies."""
    found = checked(data_of(counter("c", number(1, {"k_a": "two", "k.a": "one"}))))
    assert next(dict(labels)["k_a"] for name, labels in found if name == "c_total") == "one;two"


def test_series_whose_labels_meet_are_added_not_doubled() -> None:
    """``1`` and ``"1"`` look the same: counters and histograms add up, of gauges the later stands."""
    one, two = histogram("h", [1, 2], [1.0], {"n": 1}), histogram("h", [3, 4], [1.0], {"n": "1"})
    found = checked(
        data_of(
            counter("c", number(1, {"n": 1}), number(2, {"n": "1"})),
            gauge("g", number(1, {"n": 1}), number(2, {"n": "1"})),
            one,
            two,
        )
    )
    assert (named(found, "c_total"), named(found, "g"), named(found, "h_count")) == ([3], [2], [10])


def test_values_that_no_page_can_carry_are_left_out() -> None:
    """The others are there."""
    found = checked(
        data_of(
            gauge("g", number(10**400, {"k": "huge"}), number("text", {"k": "text"}), number(math.inf, {"k": "inf"})),
            gauge("n", number(math.nan), number(-math.inf, {"k": "down"})),
        )
    )
    assert named(found, "g") == [math.inf]
    assert len(named(found, "n")) == 2


@pytest.mark.parametrize(
    ("unit", "suffix"),
    [("ms", "milliseconds"), ("By", "bytes"), ("1", ""), ("{token}", ""), ("USD", "USD"), ("m/s", "meters_per_second")],
)
def test_units_become_words(unit: str, suffix: str) -> None:
    """The table that dashboards rely on."""
    assert unit_suffix(unit) == suffix


@given(st.text())
def test_any_attribute_gives_a_label_that_prometheus_accepts(attribute: str) -> None:
    """Never empty, never starting with two underscores or a digit, only ASCII letters, digits and underscores."""
    name = label_name(attribute)
    assert name.isascii()
    assert name.replace("_", "a").isalnum()
    assert not name[0].isdigit()
    assert not name.startswith("__")


SCALARS = st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none())


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("counter", "gauge", "histogram")),
            st.from_regex(r"[a-z][a-z0-9_./-]{0,8}", fullmatch=True),
            st.sampled_from(("", "s", "By", "{x}", "1")),
            st.dictionaries(st.text(max_size=5), SCALARS, max_size=3),
            st.floats(0, 1e300),
            st.text(max_size=10),
        ),
        max_size=8,
    )
)
def test_any_application_gives_a_page_that_both_parsers_accept(metrics: list[Any]) -> None:
    """Names, units, labels and descriptions of any kind; no series is there twice."""
    made = []
    for kind, name, unit, attributes, value, description in metrics:
        if kind == "histogram":
            made.append(histogram(name, [1, 2], [0.5], attributes, unit=unit, total=value))
        else:
            make = counter if kind == "counter" else gauge
            made.append(make(name, number(value, attributes), unit=unit, description=description))
    checked(data_of(*made))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_t63_promtool_reads_the_page() -> None:
    """T-63: ``promtool check metrics`` finds no error of syntax."""
    data = data_of(counter("a.b", number(1), unit="s", description="d"), histogram("h", [1, 2], [1.0], unit="s"))
    answer = subprocess.run(
        ["promtool", "check", "metrics"], input=page(data), text=True, capture_output=True, check=False
    )
    assert "error while linting" not in answer.stderr


@pytest.mark.serial
def test_a_page_of_500_tools_takes_a_fraction_of_what_prometheus_client_takes() -> None:
    """The same page by both in one run: ours in less than half the processor time (measured: a tenth)."""
    bounds = [i / 10 for i in range(1, 23)]
    data = data_of(*(histogram("h", [1] * 23, bounds, {"tool": f"tool {i}"}) for i in range(500)))
    families = gather(data, FamilyNames())

    class Parsed:
        def collect(self) -> Iterable[Any]:
            return list(parse_text(page(data)))

    registry = CollectorRegistry()
    collected = Parsed().collect()
    registry.register(type("Fixed", (), {"collect": lambda self: collected})())

    def cost(function: Any, *arguments: Any) -> float:
        costs = []
        for _ in range(3):
            begun = time.process_time()
            function(*arguments)
            costs.append(time.process_time() - begun)
        return min(costs)

    assert cost(render, families, TEXT) < cost(generate_latest, registry) / 2
