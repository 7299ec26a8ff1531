"""The probes in a running pipeline."""

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
from typing import Any

import pytest

import otel_perf
from otel_perf.config.load import load
from otel_perf.core.guard import guard
from otel_perf.runtime import active
from otel_perf.runtime.engine import Engine
from otel_perf.runtime.probing import Probing

SHORT = 0.1


def wait_for_values(engine: Engine, name: str) -> float:
    """The value of the first series of a metric, once there is one."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for each in engine.probing.observed():
            if each.metric.name == name:
                return each.value
        threading.Event().wait(0.02)
    raise AssertionError(f"{name} was not measured")


def engine_of(handle: Any) -> Engine:
    """The running whole."""
    assert handle.engine is not None
    engine: Engine = handle.engine
    return engine


@pytest.fixture
def running() -> Iterator[Engine]:
    """A pipeline that looks every 0.1 s and shows a page."""
    with otel_perf.instrument(
        service_name="probed", set_global=False, home=None, prometheus=0, system_interval_seconds=SHORT
    ) as handle:
        yield engine_of(handle)


def points_of(engine: Engine, name: str) -> dict[tuple[str, ...], float]:
    """Values of one metric by labels, as a reader of its own gets them."""
    data = engine.metrics_out.collect()
    return {
        tuple(str(value) for value in point.attributes.values()): point.value
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
    }


def scraped(url: str, name: str) -> list[str]:
    """The samples of one metric on the page."""
    with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - our own page
        lines = answer.read().decode().splitlines()
    return sorted(line for line in lines if line.startswith(name + "{"))


def test_every_group_is_measured_without_a_thread_more(running: Engine) -> None:
    """System, process and interpreter have values; the ticker reads them, and nothing failed."""
    errors = guard.total()
    wait_for_values(running, "system.cpu.utilization")
    names = {each.metric.name for each in running.probing.observed()}
    assert {
        "system.memory.usage", "system.memory.limit", "process.memory.usage", "process.cpu.time",
        "process.thread.count", "cpython.gc.collections", "otel_perf.uptime.ratio", "otel_perf.self.probe.age",
    } <= names  # fmt: skip
    assert not {name for name in names if name.startswith("otel_perf.top_process")}
    assert "system.network.connection.count" not in names
    ours = {thread.name for thread in threading.enumerate() if thread.name.startswith("otel_perf")}
    assert not {name for name in ours if "probe" in name or "system" in name}
    assert guard.total() == errors


@pytest.mark.feature("S0-21")
def test_two_readers_and_five_scrapers_see_the_same_cpu_number(running: Engine) -> None:
    """Asking changes nothing: one look serves everybody, as often as they ask."""
    wait_for_values(running, "system.cpu.utilization")
    running._ticker.stop(time.perf_counter_ns() + 10_000_000_000)  # noqa: SLF001 - no further look from here on
    page = running.metrics_out.page
    assert page is not None
    assert page.url is not None
    url = page.url
    truth = {each.labels: each.value for each in running.probing.observed()
             if each.metric.name == "system.cpu.utilization"}  # fmt: skip
    with ThreadPoolExecutor(7) as pool:
        readers = [pool.submit(points_of, running, "system.cpu.utilization") for _ in range(2)]
        scrapers = [pool.submit(scraped, url, "system_cpu_utilization") for _ in range(5)]
        assert [reader.result() for reader in readers] == [truth, truth]
        pages = [scraper.result() for scraper in scrapers]
    assert pages[0]
    assert len({tuple(page) for page in pages}) == 1
    assert sorted(float(line.split()[-1]) for line in pages[0]) == pytest.approx(sorted(truth.values()))


def test_a_snapshot_is_there_after_the_first_look(running: Engine) -> None:
    """None before, an object after."""
    wait_for_values(running, "process.memory.usage")
    snapshot = running.probing.snapshot()
    assert snapshot is not None
    assert snapshot.process is not None
    assert snapshot.timestamp == pytest.approx(time.time(), abs=60)


def test_a_hung_tool_is_time_that_was_not_healthy() -> None:
    """A call that runs longer than the warning's limit: observed, and not healthy."""
    with (
        otel_perf.instrument(
            set_global=False, home=None, system_interval_seconds=SHORT, open_call_warning_seconds=0.05
        ) as handle,
        otel_perf.tool_call("stuck"),
    ):
        engine = engine_of(handle)
        deadline = time.monotonic() + 30
        while wait_for_values(engine, "otel_perf.uptime.ratio") > 0.7 and time.monotonic() < deadline:
            threading.Event().wait(0.02)
        assert wait_for_values(engine, "otel_perf.uptime.ratio") <= 0.7


def test_switched_off_there_is_nothing() -> None:
    """No job, no look, no metric."""
    with otel_perf.instrument(set_global=False, home=None, system_metrics=False) as handle:
        probing = engine_of(handle).probing
        assert probing.jobs == []
        probing.refresh()
        assert probing.observed() == ()
        assert probing.snapshot() is None


@pytest.mark.feature("S0-07")
@pytest.mark.parametrize("error", [ImportError("no psutil"), OSError("no library")])
def test_t66_without_psutil_there_is_one_warning_and_the_rest_goes_on(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No system metrics, one line in the log, one in the status; nothing raises, nothing is tried again."""

    class Refused:
        def find_spec(self, name: str, *rest: object) -> None:
            if name == "psutil":
                raise error

    for name in [name for name in sys.modules if name.startswith(("psutil", "otel_perf.probes"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Refused(), *sys.meta_path])
    errors = guard.total()
    with caplog.at_level(logging.WARNING, "otel_perf"):
        probing = Probing(load({}, environ={}).settings, lambda: True)
    assert probing.jobs == []
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "psutil" in caplog.text
    assert probing.note == "no system metrics: psutil cannot be imported"
    assert probing.observed() == ()
    probing.after_fork_in_child()
    probing.refresh()
    probing.close()
    assert guard.total() == errors


FIRST_LOOKS = """
import json, sys
from otel_perf.config.load import load
from otel_perf.runtime.probing import Probing

settings = {"top_processes": 3, "connection_metrics": True, "system_interval_seconds": 0.1}
probing = Probing(load(settings, environ={}).settings, lambda: True)
before = set(sys.modules)
probing.read()
probing.read()
assert len(probing.observed()) > 50
print(json.dumps(sorted(set(sys.modules) - before)))
"""

CHILD = """
import gc, json, os, sys, time, otel_perf
handle = otel_perf.instrument(set_global=False, home=None, system_interval_seconds=0.1)

def threads():
    while True:
        seen = {each.metric.name: each.value for each in handle.engine.probing.observed()}
        if "process.thread.count" in seen:
            return seen["process.thread.count"], seen["process.memory.usage"], seen["process.uptime"]
        time.sleep(0.02)

def collections():
    while True:
        seen = [each for each in handle.engine.probing.observed() if each.metric.name == "cpython.gc.collections"]
        if seen:
            return seen[2].value
        time.sleep(0.02)

for _ in range(20):
    gc.collect()
ballast = bytearray(64 << 20)
parent = threads()
time.sleep(1.5)
read, write = os.pipe()
pid = os.fork()
if pid == 0:
    del ballast
    gc.collect()
    found = [*threads(), collections()]
    import psutil
    statm = psutil.Process(os.getpid()).memory_info().rss
    os.write(write, json.dumps({"found": found, "rss": statm}).encode())
    handle.shutdown()
    os._exit(0)
os.waitpid(pid, 0)
print(os.read(read, 10000).decode())
handle.shutdown()
"""


def printed_by(script: str) -> Any:
    """What a program prints, as JSON."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_no_look_imports_anything() -> None:
    """A fork while a thread of ours is in the middle of an import would leave the child with half a module."""
    assert printed_by(FIRST_LOOKS) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_looks_at_itself() -> None:
    """Its age begins with the fork, its memory is its own, and so are its collections."""
    child = printed_by(CHILD)
    _, resident, uptime, collections = child["found"]
    assert 1 <= collections < 15
    assert uptime < 1.4
    assert resident == pytest.approx(child["rss"], rel=0.3)


AGAIN = """
import gc, json, time, otel_perf
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))

def total(handle):
    while not any(each.metric.name == "process.cpu.time" for each in handle.engine.probing.observed()):
        time.sleep(0.02)
    handle.engine.metrics_out.collect()
    found = reader.get_metrics_data().resource_metrics[0].scope_metrics
    return sum(point.value for scope in found for metric in scope.metrics if metric.name == "process.cpu.time"
               for point in metric.data.data_points)

totals = []
for _ in range(3):
    handle = otel_perf.instrument(home=None, system_interval_seconds=0.1)
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    totals.append([total(handle), time.process_time()])
    handle.shutdown()
print(json.dumps(totals))
"""


def test_on_a_provider_that_lives_on_nothing_is_counted_twice() -> None:
    """A second and a third ``instrument()`` go on with the CPU time of the process, and never exceed it."""
    for told, truth in printed_by(AGAIN):
        assert truth - 0.5 <= told <= truth  # told at the last look, some time before the truth was asked for


def test_after_the_end_nothing_is_read() -> None:
    """What was found grows old, and then is absent."""
    with otel_perf.instrument(set_global=False, home=None, system_interval_seconds=SHORT) as handle:
        engine = engine_of(handle)
        wait_for_values(engine, "process.memory.usage")
    assert active.current() is None
    ended = time.monotonic()
    while "process.memory.usage" in {each.metric.name for each in engine.probing.observed()}:
        assert time.monotonic() - ended < 30
        threading.Event().wait(0.02)
    ages = {each.labels: each.value for each in engine.probing.observed() if each.metric.name.endswith("probe.age")}
    assert ages["process",] >= 3 * SHORT
