"""Metrics that the application makes up."""

import threading
from typing import Any

import pytest

import otel_perf
from otel_perf.core import clock
from otel_perf.core.custom_metrics import CustomMetrics, counter, custom_metrics, gauge, histogram
from otel_perf.testing.capture import Capture


@pytest.fixture(autouse=True)
def _afresh() -> None:
    """No test knows the metrics of another."""
    custom_metrics.forget()


@pytest.mark.feature("S1-88")
def test_three_lines_make_a_metric(otel_perf_capture: Capture) -> None:
    """Made, recorded, seen: a counter adds, a gauge keeps the last, a histogram distributes."""
    docs_indexed = counter("docs_indexed", unit="{document}")
    docs_indexed(3, {"source": "wiki"})
    docs_indexed(tags={"source": "wiki"})
    gauge("queue.depth")(7)
    gauge("queue.depth")(4)
    histogram("answer.length")(120)
    metrics = otel_perf_capture.metrics()
    assert [(p.value, p.attributes) for p in metrics["docs_indexed"]] == [(4, {"source": "wiki"})]
    assert metrics["queue.depth"][0].value == 4
    (lengths,) = metrics["answer.length"]
    assert (lengths.count, lengths.sum, lengths.min, lengths.max) == (1, 120, 120, 120)
    assert repr(docs_indexed) == "counter('docs_indexed')"


@pytest.mark.feature("S1-89")
def test_value_tags_and_time_are_kept(otel_perf_capture: Capture) -> None:
    """The newest value of each metric can be asked for; what was never recorded is not there."""
    before = clock.wall_ns()
    otel_perf.record_custom_metric("score", 3, {"team": "search"})
    otel_perf.record_custom_metric("score", 5, {"team": "chat", "shift": 2})
    last = custom_metrics.last("score")
    assert last is not None
    assert (last.value, last.tags) == (5, {"team": "chat", "shift": "2"})
    assert before <= last.time_unix_ns <= clock.wall_ns()
    assert custom_metrics.last("other") is None
    points = otel_perf_capture.metrics()["score"]
    assert {tuple(p.attributes.items()): p.value for p in points} == {
        (("team", "search"),): 3,
        (("team", "chat"), ("shift", "2")): 5,
    }


@pytest.mark.feature("S1-89")
@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("p99 latency!", "p99_latency_"),
        ("9lives", "m_9lives"),
        ("größe", "gr__e"),
        ("{oops}", "m__oops_"),
        ("x" * 300, "x" * 255),
        ("\ud800", "m__"),
        (42, "m_42"),
    ],
)
def test_a_bad_name_is_made_safe_with_one_warning(
    otel_perf_capture: Capture, caplog: pytest.LogCaptureFixture, given: Any, name: str
) -> None:
    """Never an exception; the value is recorded, and can be found by the name that was given."""
    for _ in range(3):
        otel_perf.record_custom_metric(given, 1)
    assert otel_perf_capture.metrics()[name][0].value == 1
    assert custom_metrics.last(str(given)) == custom_metrics.last(name)
    assert [record.levelname for record in caplog.records] == (["WARNING"] if str(given) != name else [])


@pytest.mark.parametrize("name", ["gen_ai.execute_tool.duration", "otel_perf.mine", "OTEL_PERF.x", "", "  "])
def test_names_that_mean_something_else_are_refused(
    otel_perf_capture: Capture, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """A metric of the catalogue cannot be overwritten: refused, counted, told once."""
    before = set(otel_perf_capture.metrics())
    otel_perf.record_custom_metric(name, 1)
    otel_perf.record_custom_metric(name, 1)
    assert set(otel_perf_capture.metrics()) == before
    assert custom_metrics.refused.total() == 2
    assert len(caplog.records) == 1


def test_the_first_kind_of_a_name_stays(otel_perf_capture: Capture, caplog: pytest.LogCaptureFixture) -> None:
    """Values of another kind are not recorded: counted, one warning; case makes no other name."""
    counter("jobs")(2)
    gauge("jobs")(100)
    gauge("JOBS")(100)
    counter("Jobs")(1)
    assert otel_perf_capture.metrics()["jobs"][0].value == 3
    assert custom_metrics.refused["kind"] == 2
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    otel_perf.record_custom_metric("summed", 1, kind="summary")  # type: ignore[arg-type]
    assert custom_metrics.refused["kind"] == 3
    assert "summed" not in otel_perf_capture.metrics()


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (float("nan"), "gauge"),
        (float("inf"), "gauge"),
        ("3", "gauge"),
        (None, "histogram"),
        (-1, "counter"),
        (10**400, "counter"),
    ],
)
def test_values_that_are_none_are_counted(otel_perf_capture: Capture, value: Any, kind: Any) -> None:
    """And not recorded."""
    otel_perf.record_custom_metric("thing", value, None, kind)
    assert "thing" not in otel_perf_capture.metrics()
    assert custom_metrics.refused == {"value": 1}


@pytest.mark.feature("S1-89")
def test_number_of_metrics_tags_and_series_is_bounded(otel_perf_capture: Capture) -> None:
    """200 metrics, 8 tags each, 200 sets of values each; what is beyond is counted."""
    for number in range(300):
        otel_perf.record_custom_metric(f"metric_{number}", 1)
    assert (len(custom_metrics.names()), custom_metrics.refused["limit"]) == (200, 100)
    otel_perf.record_custom_metric("metric_0", 1, {f"tag{number}": 1 for number in range(10)})
    assert custom_metrics.refused["tag"] == 2
    for number in range(1000):
        otel_perf.record_custom_metric("metric_1", 1, {"user": number})
    points = {tuple(p.attributes.values()) for p in otel_perf_capture.metrics()["metric_1"]}
    assert len(points) == 201
    assert ("_OTHER",) in points


def test_tags_that_come_later_find_their_place(otel_perf_capture: Capture) -> None:
    """A metric without tags may get some, in any order; ``None`` is no tag."""
    hits = counter("hits")
    hits(1)
    hits(1, {"a": "x"})
    hits(1, {"b": "y", "a": "x"})
    hits(1, {"b": "y", "a": None})
    found = {frozenset(p.attributes.items()): p.value for p in otel_perf_capture.metrics()["hits"]}
    assert found == {
        frozenset(): 1,
        frozenset({("a", "x")}): 1,
        frozenset({("a", "x"), ("b", "y")}): 1,
        frozenset({("b", "y")}): 1,
    }


def test_many_threads_make_one_metric(otel_perf_capture: Capture) -> None:
    """No value is lost, and no second metric of a name appears."""
    ready = threading.Barrier(8)

    def work(number: int) -> None:
        ready.wait()
        for step in range(200):
            otel_perf.record_custom_metric("shared", 1, {f"t{(number + step) % 4}": "x"}, "counter")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    points = otel_perf_capture.metrics()["shared"]
    assert sum(point.value for point in points) == 1600
    assert len(points) == 4


def test_a_hostile_object_harms_nobody(otel_perf_capture: Capture) -> None:
    """One that cannot be printed or turned into a number is an internal error at most."""

    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError("no")

        def __float__(self) -> float:
            raise RuntimeError("no")

    otel_perf.record_custom_metric("thing", Hostile())  # type: ignore[arg-type]
    otel_perf.record_custom_metric("thing", 1, {"tag": Hostile()})
    otel_perf.record_custom_metric("thing", 1, 5)  # type: ignore[arg-type]
    otel_perf.record_custom_metric("thing", 1)
    assert otel_perf_capture.metrics()["thing"][0].value == 1


def test_a_registry_of_ones_own_is_bounded_too() -> None:
    """The bound is an argument."""
    registry = CustomMetrics(most=1)
    registry.record("one", 1, None, "gauge")
    registry.record("two", 1, None, "gauge")
    assert registry.names() == ("one",)
