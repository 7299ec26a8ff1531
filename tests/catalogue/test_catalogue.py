"""The catalogue of signals: well-formed, consistent, published."""

import re
from collections import Counter, defaultdict

import pytest

from otel_perf.core.signal_spec import MetricSpec
from otel_perf.core.signals import EVENTS, METRICS, SPANS, metric
from otel_perf.delivery.prometheus_names import FamilyNames
from tests.catalogue.page import PAGE, page, prometheus_name

NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9][a-z0-9_]*)+")
CONVENTIONS = ("gen_ai.", "system.", "process.", "container.", "hw.", "cpython.")
IDENTIFIERS = ("user.id", "session.id", "gen_ai.conversation.id", "gen_ai.tool.call.id", "gen_ai.response.id")


def test_the_page_is_up_to_date() -> None:
    """``python -m tests.catalogue.page`` would change nothing."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_each_name_stands_for_one_metric() -> None:
    """No two specifications share a name, and each is found by its own."""
    assert not [name for name, count in Counter(spec.name for spec in METRICS).items() if count > 1]
    assert all(metric(spec.name) is spec for spec in METRICS)


def test_each_metric_has_a_prometheus_name_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    """No two metrics meet in Prometheus."""
    names = FamilyNames()
    assert len({prometheus_name(names, spec) for spec in METRICS}) == len(METRICS)
    assert not caplog.records


@pytest.mark.parametrize("spec", METRICS, ids=lambda spec: spec.name)
def test_a_metric_keeps_the_rules_of_naming(spec: MetricSpec) -> None:
    """OpenTelemetry's general naming rules, and ours: own names under one prefix, the rest says whose they are."""
    assert NAME.fullmatch(spec.name), spec.name
    assert "total" not in spec.name.split(".")
    assert spec.name.startswith(("otel_perf.", *CONVENTIONS))
    assert (spec.source == "otel_perf") == spec.name.startswith("otel_perf.")
    assert spec.meaning[0].isupper()
    assert spec.meaning.endswith(".")
    assert spec.unit
    if spec.name.endswith(".utilization"):
        assert spec.unit == "1"


@pytest.mark.parametrize("spec", METRICS, ids=lambda spec: spec.name)
def test_a_metric_fits_its_instrument(spec: MetricSpec) -> None:
    """Histograms have rising bounds, nothing else has any; what is observed is no histogram."""
    assert bool(spec.bounds) == (spec.instrument == "histogram")
    assert list(spec.bounds) == sorted(set(spec.bounds))
    assert spec.synchronous or spec.instrument != "histogram"


@pytest.mark.parametrize("spec", METRICS, ids=lambda spec: spec.name)
def test_labels_are_bounded_and_no_identifiers(spec: MetricSpec) -> None:
    """Each label says what bounds its values, is there once, and is no id of a user, session or call."""
    names = [attribute.name for attribute in spec.attributes]
    assert len(set(names)) == len(names)
    assert not set(names) & set(IDENTIFIERS)
    assert all(attribute.bounded_by for attribute in spec.attributes)


def test_an_attribute_means_the_same_everywhere() -> None:
    """One name has one type."""
    types = defaultdict(set)
    for owner in (*METRICS, *SPANS, *EVENTS):
        for attribute in owner.attributes:
            types[attribute.name].add(attribute.type)
            assert attribute.meaning.endswith("."), attribute
    assert not {name: found for name, found in types.items() if len(found) > 1}
