"""What a forked child does with a monitor and locks that its parent's threads held."""

import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from otel_perf.compat.benchmarker import CachePerformanceTracker, PerformanceBenchmarker
from otel_perf.compat.forks import ForkSafeLock
from otel_perf.compat.monitor import MetricsCollector, PrometheusPerformanceMonitor
from otel_perf.testing.capture import Capture

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork"),
    # Later Pythons warn of threads: that there are some is what is tested.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def in_child(check: Callable[[], bool]) -> bool:
    """Whether ``check`` is true in a forked child that ends at once, or within 30 s."""
    child = os.fork()
    if child == 0:
        answered = threading.Event()
        guard = threading.Thread(target=lambda: answered.wait(30) or os._exit(3), daemon=True)
        guard.start()
        code = 2
        try:
            code = 0 if check() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_lock_that_was_held_is_free_in_the_child() -> None:
    """A thread of the parent holds it while another one forks."""
    lock = ForkSafeLock()
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            release.wait(60)

    def taken_in_child() -> bool:
        with lock:
            return True

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(60)
    try:
        assert in_child(taken_in_child)
    finally:
        release.set()
        holder.join()
    with lock:
        pass


def test_a_child_of_a_busy_parent_measures_on() -> None:
    """Whatever the parent's other thread was doing: the child has its numbers, and adds its own."""
    bench, tracker, stop = PerformanceBenchmarker(), CachePerformanceTracker(), threading.Event()

    def work() -> None:
        while not stop.is_set():
            tracker.record_hit(0.001)
            with bench.measure_operation("in the parent", memory=False):
                pass

    def child() -> bool:
        before = tracker.misses, len(bench.get_results("in the child"))
        tracker.record_miss()
        with bench.measure_operation("in the child"):
            pass
        return before == (0, 0) and tracker.misses == 1 and len(bench.get_results("in the child")) == 1

    worker = threading.Thread(target=work)
    worker.start()
    try:
        assert all(in_child(child) for _ in range(10))
    finally:
        stop.set()
        worker.join()
    assert tracker.misses == 0
    assert bench.get_results("in the child") == []


def test_a_monitor_goes_on_in_the_child() -> None:
    """It has a thread of its own there, which can be ended; the parent's goes on."""
    collector = MetricsCollector()
    collector.collect_system_metrics()
    collector.start_monitoring(interval_seconds=60)
    try:
        assert in_child(lambda: collector.monitoring and collector.wait_until_ready(30) and collector.stop_monitoring())
        assert collector.monitoring
    finally:
        collector.stop_monitoring()
    assert in_child(lambda: not collector.monitoring)


@pytest.mark.skipif(sys.platform != "linux", reason="counts in /proc")
def test_the_childs_own_process_is_looked_at() -> None:
    """Its open file descriptors are counted, not those of the parent, which has more."""
    collector = MetricsCollector()
    descriptors = [os.dup(0) for _ in range(20)]
    assert collector.collect_system_metrics().process is not None

    def child() -> bool:
        for descriptor in descriptors:
            os.close(descriptor)
        seen = collector.collect_system_metrics().process
        return seen is not None and seen.file_descriptors == len(list(Path("/proc/self/fd").iterdir())) - 1

    try:
        assert in_child(child)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def test_the_parents_page_stays_the_parents(otel_perf_capture: Capture) -> None:
    """The child has no page and no socket of it; the parent's answers on."""
    monitor = PrometheusPerformanceMonitor()
    assert otel_perf_capture.spans == []
    url = monitor.start_metrics_server(0)
    assert url is not None
    try:
        assert in_child(lambda: monitor.metrics_url is None)
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - the loopback
            assert answer.status == 200
    finally:
        monitor.stop_monitoring()


def test_a_fork_waits_for_imports_of_the_monitors_thread() -> None:
    """A child that is forked while the pipeline is being imported in the background can import it too."""
    program = """
import os, sys
from otel_perf.compat.monitor import monitor, start_performance_monitoring, stop_performance_monitoring

def child():
    import faulthandler
    faulthandler.dump_traceback_later(20, exit=True)
    import opentelemetry.sdk.trace, otel_perf.runtime.engine
    with monitor.measure_command("in the child"):
        pass
    os._exit(0 if monitor.monitoring and stop_performance_monitoring() else 1)

start_performance_monitoring()
children = []
while not monitor.wait_until_ready(0.01):
    children.append(os.fork() or child())
assert children, "the import was to be under way"
codes = [os.waitstatus_to_exitcode(os.waitpid(each, 0)[1]) for each in children]
stop_performance_monitoring()
assert set(codes) == {0}, codes
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=environment | {"CI": "true"}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
