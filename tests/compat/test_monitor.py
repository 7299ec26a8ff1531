"""The monitor: commands, caches, compressions, the machine, the page, and its one thread."""

import asyncio
import inspect
import json
import logging
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import otel_perf
from otel_perf.compat import monitor as monitor_module
from otel_perf.compat.benchmarker import PerformanceBenchmarker
from otel_perf.compat.monitor import (
    MetricsCollector,
    PrometheusPerformanceMonitor,
    SystemMetrics,
    start_performance_monitoring,
    stop_performance_monitoring,
)
from otel_perf.runtime import active
from otel_perf.testing.capture import Capture
from otel_perf.testing.recording import recording


@pytest.fixture
def monitor() -> Iterator[PrometheusPerformanceMonitor]:
    """A monitor of this test's own, stopped at its end."""
    monitor = PrometheusPerformanceMonitor()
    yield monitor
    monitor.stop_monitoring()


def our_threads() -> list[str]:
    """Names of the threads of ours that run, sorted."""
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("otel_perf-"))


def spin(seconds: float) -> float:
    """Work for so long; how long it was."""
    begun = time.perf_counter()
    while (taken := time.perf_counter() - begun) < seconds:
        pass
    return taken


# -- commands ----------------------------------------------------------------------------------------------------------


@pytest.mark.feature("S0-25")
def test_commands_are_counted_and_timed(monitor: PrometheusPerformanceMonitor) -> None:
    """100 commands: counter 100, histogram count 100, and a sum within 5 % of the wall time."""
    with recording(deterministic=False) as capture:
        wall = 0.0
        for _ in range(100):
            with monitor.measure_command("work"):
                wall += spin(0.002)
        metrics = capture.metrics()

    (counted,) = metrics["otel_perf.command.executions"]
    (timed,) = metrics["otel_perf.command.duration"]
    labels = {"otel_perf.command.name": "work", "otel_perf.outcome": "ok"}
    assert (counted.value, timed.count) == (100, 100)
    assert (dict(counted.attributes), dict(timed.attributes)) == (labels, labels)
    assert abs(timed.sum - wall) <= 0.05 * wall
    found = monitor.get_metrics_summary()["commands"]["by_name"]["work"]
    assert (found["count"]["value"], found["failed"]["value"]) == (100, 0)
    assert abs(found["duration_total"]["value"] - wall) <= 0.05 * wall


@pytest.mark.feature("S0-25", "S0-35")
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_failing_command_raises_its_own_exception(
    monitor: PrometheusPerformanceMonitor, otel_perf_capture: Capture, *, asynchronous: bool
) -> None:
    """``with`` and ``async with``: the same object passes, the run counts as failed, and its span says so."""
    thrown = RuntimeError("no")

    async def main() -> None:
        async with monitor.measure_command("fail"):
            raise thrown

    with pytest.raises(RuntimeError) as caught:
        if asynchronous:
            asyncio.run(main())
        else:
            with monitor.measure_command("fail"):
                raise thrown

    assert caught.value is thrown
    assert otel_perf_capture.tree() == "command fail !RuntimeError"
    found = monitor.get_metrics_summary()["commands"]
    assert (found["count"]["value"], found["failed"]["value"]) == (1, 1)


def test_a_command_can_be_a_decorator(monitor: PrometheusPerformanceMonitor) -> None:
    """Each call is one run; without a pipeline it is kept all the same."""

    @monitor.measure_command("add")
    def add(one: int, other: int) -> int:
        return one + other

    assert [add(number, 1) for number in range(5)] == [1, 2, 3, 4, 5]
    assert monitor.get_metrics_summary()["commands"]["by_name"]["add"]["count"]["value"] == 5


@pytest.mark.feature("S0-35")
def test_a_command_in_an_operation_is_its_child(
    monitor: PrometheusPerformanceMonitor, otel_perf_capture: Capture
) -> None:
    """Nested in ``measure_operation`` it gives a parent and a child span of one trace."""
    with PerformanceBenchmarker().measure_operation("user_command"), monitor.measure_command("my_command"):
        pass

    parent, child = otel_perf_capture.span("user_command"), otel_perf_capture.span("command my_command")
    assert parent.context is not None
    assert child.context is not None
    assert child.parent is not None
    assert (child.parent.span_id, child.context.trace_id) == (parent.context.span_id, parent.context.trace_id)
    assert parent.parent is None


def test_threads_lose_no_command(monitor: PrometheusPerformanceMonitor) -> None:
    """Eight threads at once, through one object."""
    gate, shared = threading.Barrier(8), monitor.measure_command("shared")

    def work(_number: int) -> None:
        gate.wait()
        for _ in range(100):
            with shared:
                pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    assert monitor.get_metrics_summary()["commands"]["by_name"]["shared"]["count"]["value"] == 800


def test_too_many_commands_share_a_name(monitor: PrometheusPerformanceMonitor) -> None:
    """200 are told apart; the count is exact."""
    for number in range(203):
        with monitor.measure_command(f"command {number}"):
            pass

    found = monitor.get_metrics_summary()["commands"]
    assert (len(found["by_name"]), found["by_name"]["_OTHER"]["count"]["value"]) == (201, 3)
    assert found["count"]["value"] == 203


# -- caches and compressions -------------------------------------------------------------------------------------------


@pytest.mark.feature("S0-26")
def test_caches_have_series_of_hits_misses_evictions_and_latency(
    monitor: PrometheusPerformanceMonitor, otel_perf_capture: Capture
) -> None:
    """Each cache has its own, and the summary says the same."""
    for name in ("prompts", "pages"):
        monitor.track_cache_access(name, True, seconds=0.001)
        monitor.track_cache_access(name, True, seconds=0.003)
        monitor.track_cache_access(name, False, seconds=0.5)
        monitor.track_cache_eviction(name, "ttl", 4)

    metrics = otel_perf_capture.metrics()
    for name in ("prompts", "pages"):
        series = {
            (metric, point.attributes.get("otel_perf.cache.result")): getattr(point, "count", None) or point.value
            for metric in ("otel_perf.cache.requests", "otel_perf.cache.lookup.duration", "otel_perf.cache.evictions")
            for point in metrics[metric]
            if point.attributes["otel_perf.cache.name"] == name
        }
        assert series == {
            ("otel_perf.cache.requests", "hit"): 2,
            ("otel_perf.cache.requests", "miss"): 1,
            ("otel_perf.cache.lookup.duration", "hit"): 2,
            ("otel_perf.cache.lookup.duration", "miss"): 1,
            ("otel_perf.cache.evictions", None): 4,
        }
        found = monitor.get_metrics_summary()["caches"]["by_name"][name]
        assert {key: value["value"] for key, value in found.items()} == {
            "hits": 2, "misses": 1, "evictions": 4, "hit_ratio": 2 / 3,
            "hit_duration_avg": pytest.approx(0.002), "miss_duration_avg": 0.5,
        }  # fmt: skip


@pytest.mark.parametrize("count", [0, -1, 1.5, None])
def test_an_eviction_of_no_entries_is_none(monitor: PrometheusPerformanceMonitor, count: Any) -> None:
    """Nothing is counted, nothing is raised."""
    monitor.track_cache_eviction("c", count=count)

    assert monitor.get_metrics_summary()["caches"]["by_name"] == {}


def test_compressions_of_other_code_are_counted(
    monitor: PrometheusPerformanceMonitor, otel_perf_capture: Capture
) -> None:
    """Tokens and bytes before and after, the ratio and the time, by technique; what is not known is left out."""
    monitor.track_compression("mine", 100, 40, bytes_before=400, bytes_after=100, seconds=0.5, estimated=False)
    monitor.track_compression("mine", 100, 60)

    metrics = otel_perf_capture.metrics()
    assert [(point.count, point.sum) for point in metrics["otel_perf.compression.ratio"]] == [(1, 0.25)]
    found = monitor.get_metrics_summary()["compression"]["by_technique"]["mine"]
    assert {key: value["value"] for key, value in found.items()} == {
        "count": 2, "tokens_before": 200, "tokens_after": 100, "bytes_before": 400, "bytes_after": 100,
        "ratio": 0.25, "duration_total": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize("odd", [-1, float("nan"), float("inf"), "many"])
def test_a_compression_with_odd_numbers_is_counted_without_them(
    monitor: PrometheusPerformanceMonitor, odd: Any
) -> None:
    """Nothing is raised, and no sum is spoilt."""
    monitor.track_compression("mine", odd, 10, bytes_before=odd, bytes_after=3, seconds=odd)

    found = monitor.get_metrics_summary()["compression"]["by_technique"]["mine"]
    assert {key: value["value"] for key, value in found.items()} == {
        "count": 1, "tokens_before": 0, "tokens_after": 0, "bytes_before": 0, "bytes_after": 0,
        "ratio": None, "duration_total": 0.0,
    }  # fmt: skip


# -- classes -----------------------------------------------------------------------------------------------------------


@pytest.mark.feature("S0-31")
def test_there_is_a_global_monitor() -> None:
    """``monitor`` is an instance of the class; making or importing one starts nothing."""
    assert isinstance(monitor_module.monitor, PrometheusPerformanceMonitor)
    assert not monitor_module.monitor.monitoring
    assert PrometheusPerformanceMonitor() is not monitor_module.monitor


@pytest.mark.feature("S0-32")
def test_system_metrics_say_what_is_there_and_none_for_the_rest(monitor: PrometheusPerformanceMonitor) -> None:
    """A dataclass of the named fields; a real look knows memory and the process, an empty one nothing."""
    names = {entry.name for entry in fields(SystemMetrics)}
    assert is_dataclass(SystemMetrics)
    assert names >= {"timestamp", "cpu", "memory", "disk", "network", "process"}

    found = monitor.collect_system_metrics()
    assert abs(found.timestamp - time.time()) < 60
    assert found.memory is not None
    assert found.memory.used_bytes
    assert found.process is not None
    assert found.process.resident_bytes
    assert found.cpu is None or found.cpu.utilization is None, "one look cannot know how busy the CPUs are"
    empty = SystemMetrics(1.0)
    assert [getattr(empty, name) for name in sorted(names - {"timestamp"})] == [None] * (len(names) - 1)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["process"]["resident_bytes"]


def public_methods(cls: type) -> dict[str, list[str] | None]:
    """Public names of a class, with the parameters of methods (``None`` for properties)."""
    return {
        name: None if isinstance(member, property) else list(inspect.signature(member).parameters)
        for name, member in inspect.getmembers(cls)
        if not name.startswith("_")
    }


@pytest.mark.feature("S0-33")
def test_the_fallback_collector_has_the_same_methods() -> None:
    """Names and parameters are those of the monitor."""
    assert public_methods(MetricsCollector) == public_methods(PrometheusPerformanceMonitor)
    assert {"measure_command", "get_metrics_summary", "start_monitoring"} <= public_methods(MetricsCollector).keys()


@pytest.mark.feature("S0-30", "S0-33")
def test_the_fallback_collector_needs_no_pipeline() -> None:
    """It counts, looks and judges on one thread, starts nothing else, and its summary has the monitor's keys."""
    collector = MetricsCollector()
    before = our_threads()
    collector.start_monitoring(interval_seconds=0.05, port=0)
    try:
        assert collector.wait_until_ready()
        assert our_threads() == sorted([*before, "otel_perf-monitor"])
        with collector.measure_command("c"):
            pass
        summary = collector.get_metrics_summary()
        assert (collector.metrics_url, collector.start_metrics_server(0)) == (None, None)
        assert summary["commands"]["count"]["value"] == 1
        assert summary["system"]["memory_used"]["value"]
        assert summary.keys() == PrometheusPerformanceMonitor().get_metrics_summary().keys()
        assert active.current() is None
    finally:
        assert collector.stop_monitoring()
    assert our_threads() == before


@pytest.mark.parametrize("wrong", [{"max_samples": 0}, {"max_alerts": 0}])
def test_a_collector_that_keeps_nothing_is_refused(wrong: dict[str, Any]) -> None:
    """A mistake of the program is told where it is made."""
    with pytest.raises(ValueError, match="positive"):
        MetricsCollector(**wrong)


# -- the summary -------------------------------------------------------------------------------------------------------


def numbers_without_unit_and_time(node: Any, path: str = "") -> Iterator[str]:
    """Paths of numbers in a summary that stand alone."""
    if isinstance(node, dict):
        if "value" in node:
            if not (isinstance(node.get("unit"), str) and node["unit"] and isinstance(node.get("timestamp"), float)):
                yield path
            return
        for key, below in node.items():
            yield from numbers_without_unit_and_time(below, f"{path}/{key}")
    elif isinstance(node, list):
        for number, below in enumerate(node):
            yield from numbers_without_unit_and_time(below, f"{path}/{number}")
    elif not isinstance(node, str):
        yield path


@pytest.mark.feature("S0-36")
def test_the_summary_is_json_and_each_value_has_unit_and_timestamp(
    monitor: PrometheusPerformanceMonitor, otel_perf_capture: Capture
) -> None:
    """Every number in it, at any depth: own counts, the machine, and the pipeline's metrics."""
    with monitor.measure_command("x"):
        pass
    monitor.track_cache_access("c", False)
    monitor.track_compression("t", 2, 1)
    monitor.check_thresholds()
    assert otel_perf_capture.spans

    summary = monitor.get_metrics_summary()

    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert list(numbers_without_unit_and_time(summary)) == []
    assert list(numbers_without_unit_and_time({"a": {"value": 1, "unit": "s"}, "b": [2]})) == ["/a", "/b/0"]
    assert {"otel_perf.command.executions", "otel_perf.cache.requests", "system.memory.usage"} <= summary[
        "metrics"
    ].keys()
    assert summary["system"]["cpu_utilization"]["value"] is None


BLOCKED = """
import json, sys
for name in sys.argv[1:]:
    sys.modules[name] = None
from otel_perf.compat.monitor import monitor, start_performance_monitoring, stop_performance_monitoring
import otel_perf

def keys(node):
    return {key: keys(below) for key, below in node.items()} if isinstance(node, dict) else None

assert monitor.collect_system_metrics() is not None
start_performance_monitoring(port=0)
assert monitor.wait_until_ready(60)
with monitor.measure_command("x"):
    pass
summary = monitor.get_metrics_summary()
metrics = summary.pop("metrics")
with otel_perf.instrument() as handle:
    notes = handle.status().notes
stop_performance_monitoring()
print(json.dumps({"keys": keys(summary), "commands": metrics["otel_perf.command.executions"][0]["value"],
                  "system": summary["system"]["memory_used"]["value"], "notes": notes}))
"""


def run_blocked(*modules: str) -> Any:
    """What the program above says in a process in which these modules cannot be imported."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, *modules],
        env=environment | {"CI": "true"}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.feature("S0-30")
def test_the_summary_has_the_same_keys_without_prometheus_client() -> None:
    """T-93: with its import blocked nothing is missing."""
    with_all, without = run_blocked(), run_blocked("prometheus_client", "opentelemetry.exporter.prometheus")

    assert without["keys"] == with_all["keys"]
    assert (with_all["commands"], without["commands"]) == (1, 1)
    assert without["system"]


@pytest.mark.feature("S0-32")
def test_without_psutil_the_machine_is_unknown_and_the_rest_works() -> None:
    """T-93: same keys, ``None`` for what nobody can look at, commands counted; the status says so."""
    found = run_blocked("psutil")

    assert (found["commands"], found["system"]) == (1, None)
    assert "no system metrics: psutil cannot be imported" in found["notes"]
    assert "cpu_utilization" in found["keys"]["system"]


# -- the background ----------------------------------------------------------------------------------------------------


@pytest.fixture
def _own_pipeline() -> Iterator[None]:
    """The global monitor is stopped, and what it started has ended."""
    yield
    assert stop_performance_monitoring()
    assert active.current() is None


@pytest.mark.feature("S0-34")
@pytest.mark.usefixtures("_own_pipeline")
def test_starting_ten_times_starts_one_set_of_threads() -> None:
    """One thread of the monitor's and one pipeline, whoever calls; it can be stopped, and started again."""
    for _ in range(2):
        with ThreadPoolExecutor(10) as pool:
            started = list(pool.map(lambda _number: start_performance_monitoring(), range(10)))
        assert {id(each) for each in started} == {id(monitor_module.monitor)}
        assert monitor_module.monitor.wait_until_ready(60)
        handle = active.current()
        start_performance_monitoring()
        assert active.current() is handle
        assert our_threads().count("otel_perf-monitor") == 1
        assert our_threads().count("otel_perf-worker") == 1
        assert our_threads().count("otel_perf-ticker") == 1
        assert stop_performance_monitoring()
        assert active.current() is None
        assert not monitor_module.monitor.monitoring


COLD = """
import threading, time
from otel_perf.compat.monitor import monitor, start_performance_monitoring, stop_performance_monitoring
begun = time.perf_counter()
for _ in range(10):
    start_performance_monitoring()
print(time.perf_counter() - begun)
assert monitor.wait_until_ready(60)
names = [thread.name for thread in threading.enumerate()]
assert names.count("otel_perf-monitor") == names.count("otel_perf-worker") == 1, names
stop_performance_monitoring()
assert threading.enumerate() == [threading.main_thread()], threading.enumerate()
"""


@pytest.mark.feature("S0-34")
def test_a_cold_start_returns_at_once() -> None:
    """Ten calls in a process that has loaded nothing of the pipeline take less than 50 ms together, at best of five."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    taken = []
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", COLD],
            env=environment | {"CI": "true"}, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        taken.append(float(done.stdout))
        if taken[-1] < 0.05:
            break

    assert min(taken) < 0.05, taken


def test_a_running_pipeline_is_used_and_left_running(
    monitor: PrometheusPerformanceMonitor, otel_perf_capture: Capture
) -> None:
    """A command right after the start has its span; the end of the monitor is not the end of the pipeline."""
    handle = active.current()
    monitor.start_monitoring()
    with monitor.measure_command("x"):
        pass

    assert monitor.stop_monitoring()
    assert active.current() is handle
    assert otel_perf_capture.tree() == "command x"


def test_the_thread_judges_the_machine() -> None:
    """Within a few intervals a threshold that is crossed already is an alert, without a call of the application's."""
    thresholds = monitor_module.AlertThresholds(memory_utilization=0.0, memory_utilization_critical=None)
    collector = MetricsCollector(thresholds=thresholds)
    collector.start_monitoring(interval_seconds=0.01)
    try:
        deadline = time.monotonic() + 60
        while not collector.get_alerts():
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)
    finally:
        collector.stop_monitoring()

    assert [record.metric for record in collector.get_alerts()] == ["system.memory.utilization"]


@pytest.mark.parametrize("interval", [0, -1.0, float("nan"), float("inf")])
def test_an_interval_that_is_none_is_refused(monitor: PrometheusPerformanceMonitor, interval: float) -> None:
    """A mistake of the program is told where it is made, and nothing starts."""
    with pytest.raises(ValueError, match="interval_seconds"):
        monitor.start_monitoring(interval_seconds=interval)

    assert not monitor.monitoring
    assert not monitor.wait_until_ready(0)


# -- the page ----------------------------------------------------------------------------------------------------------


def scrape(url: str | None) -> dict[str, Any]:
    """Families of the page by name, as the official parser reads them."""
    assert url is not None
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - the loopback
        text = answer.read().decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


@pytest.mark.feature("S0-29")
@pytest.mark.usefixtures("_own_pipeline")
def test_the_page_is_what_prometheus_reads() -> None:
    """``GET /metrics`` on 127.0.0.1 gives text that ``prometheus_client.parser`` accepts, with the commands in it."""
    monitor = start_performance_monitoring(port=0)
    assert monitor.wait_until_ready(60)
    with monitor.measure_command("x"):
        pass
    handle = active.current()
    assert handle is not None
    handle.flush()

    families = scrape(monitor.metrics_url)

    (sample,) = [each for each in families["otel_perf_command_executions"].samples if each.name.endswith("_total")]
    assert (sample.labels["otel_perf_command_name"], sample.value) == ("x", 1)
    assert str(monitor.metrics_url).startswith("http://127.0.0.1:")


@pytest.mark.feature("S0-29")
def test_a_pipeline_without_a_page_gets_one(monitor: PrometheusPerformanceMonitor, otel_perf_capture: Capture) -> None:
    """Opened on demand, once; closed with the monitor."""
    with monitor.measure_command("x"):
        pass
    assert otel_perf_capture.spans
    url = monitor.start_metrics_server(0)

    assert "otel_perf_command_executions" in scrape(url)
    assert monitor.start_metrics_server(0) == url == monitor.metrics_url
    monitor.stop_monitoring()
    assert monitor.metrics_url is None


@pytest.mark.feature("S0-29")
@pytest.mark.parametrize("own", [True, False])
def test_a_port_in_use_is_one_warning(
    monitor: PrometheusPerformanceMonitor, caplog: pytest.LogCaptureFixture, *, own: bool
) -> None:
    """Nothing is raised, there is no page, and the rest works: for a pipeline of the monitor's and of another's."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken, caplog.at_level(logging.WARNING, "otel_perf"):
        port = taken.getsockname()[1]
        if own:
            monitor.start_monitoring(port=port)
            assert monitor.wait_until_ready(60)
        else:
            with otel_perf.instrument():
                assert monitor.start_metrics_server(port) is None
        assert monitor.metrics_url is None
        told = [each.getMessage() for each in caplog.records if "metrics page" in each.getMessage()]
        assert len(told) == 1
        assert f"127.0.0.1:{port}" in told[0]
    assert monitor.stop_monitoring()


def test_a_page_ends_with_its_pipeline(monitor: PrometheusPerformanceMonitor) -> None:
    """Its numbers are not kept up any more: no address at once, and no page after the next look."""
    with otel_perf.instrument():
        assert monitor.start_metrics_server(0)
    assert monitor.metrics_url is None
    monitor.check_thresholds()

    assert not [name for name in our_threads() if "prometheus" in name]


def test_looks_that_follow_at_once_see_the_same(monitor: PrometheusPerformanceMonitor) -> None:
    """How busy CPUs were in a few milliseconds says nothing, so the second look reads nothing."""
    first, second = monitor.collect_system_metrics(), monitor.collect_system_metrics()

    assert (first.cpu, first.memory, first.process) == (second.cpu, second.memory, second.process)
    assert first.timestamp <= second.timestamp
