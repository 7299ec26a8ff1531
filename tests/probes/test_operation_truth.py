"""What ``measure()`` says against what is known, and against the kernel's own numbers."""

import os
import statistics
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from otel_perf.probes.operation import measure
from otel_perf.probes.operation_result import OperationResult
from otel_perf.probes.resident_memory import read_resident, read_rss
from otel_perf.testing.recording import recording

MEBIBYTE = 1024 * 1024
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def spin(seconds: float) -> None:
    """Keep the processor busy."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


@pytest.mark.serial
@pytest.mark.feature("S0-09")
def test_short_operations_are_timed_to_the_microsecond() -> None:
    """1,000 timings of a 500 us spin: steps of at most 1 us, and the median within 5 %."""
    results: list[OperationResult] = []
    timed = measure("spin", memory=False, on_result=results.append)
    for _ in range(1000):
        with timed:
            spin(0.0005)

    durations = sorted(result.duration_seconds for result in results)
    steps = [b - a for a, b in pairwise(durations) if b > a]
    assert len(durations) == 1000
    assert min(steps) <= 1e-6
    assert statistics.median(durations) == pytest.approx(0.0005, rel=0.05)


@pytest.mark.serial
@pytest.mark.feature("S0-12")
def test_a_busy_second_is_one_core() -> None:
    """A busy loop of 1 s uses 90 to 110 % of a core, on the result, the span and the metric."""
    with recording(deterministic=False) as capture:
        with measure("busy") as run:
            # The kernel's share for this thread, not the wall clock's: another program may have the core meanwhile.
            start, end = time.thread_time(), time.perf_counter() + 1.0
            while time.perf_counter() < end:
                pass
            used = time.thread_time() - start
        result = run.result
        assert result is not None
        assert result.cpu_seconds == pytest.approx(used, abs=0.02)
        assert result.cpu_utilization is not None
        if used > 0.95:
            assert 0.9 <= result.cpu_utilization <= 1.1
        assert (capture.span("busy").attributes or {})["otel_perf.cpu.utilization"] == result.cpu_utilization
        (point,) = capture.metrics()["otel_perf.operation.cpu.utilization"]
        assert point.sum == pytest.approx(result.cpu_utilization)


@pytest.mark.feature("S0-12")
def test_cpu_time_of_less_than_a_clock_tick_is_absent() -> None:
    """Absent is not 0.0: neither the result nor the span nor a metric has a number, and the result says why."""
    with recording(deterministic=False) as capture:
        with measure("short", memory=False) as run:
            spin(0.001)
        result = run.result
        assert result is not None
        assert result.cpu_seconds is None
        assert result.cpu_utilization is None
        assert "tick" in result.absent["cpu_seconds"]
        assert "otel_perf.cpu.time" not in (capture.span("short").attributes or {})
        assert "otel_perf.operation.cpu.utilization" not in capture.metrics()


@linux
@pytest.mark.serial
@pytest.mark.feature("S0-11")
@pytest.mark.parametrize("below_an_earlier_peak", [False, True])
def test_200_megabytes_for_50_milliseconds_are_seen_as_the_peak(below_an_earlier_peak: bool) -> None:
    """The peak is at least the base and 190 MB, by the high-water mark where it rose and by the sampler elsewhere."""
    resident = read_resident()
    assert resident.rss_bytes is not None
    assert resident.high_water_bytes is not None
    size = 200_000_000
    if below_an_earlier_peak:
        del (earlier := {"bytes": bytearray(2 * size + resident.high_water_bytes - resident.rss_bytes)})["bytes"]
        assert not earlier
    else:
        # Above whatever this process held before.
        size += resident.high_water_bytes - resident.rss_bytes
    with recording(deterministic=False) as capture:
        with measure("allocate") as run:
            held = bytearray(b"x" * 4096) * (size // 4096)
            time.sleep(0.05)
            del held
        result = run.result
        assert result is not None
        assert result.rss_before_bytes is not None
        assert result.rss_peak_bytes is not None
        assert result.rss_peak_bytes >= result.rss_before_bytes + size - 10_000_000
        assert result.rss_peak_bytes < result.rss_before_bytes + size + 50_000_000
        assert result.peak_method == ("sampler" if below_an_earlier_peak else "VmHWM")
        attributes = capture.span("allocate").attributes or {}
        assert attributes["otel_perf.memory.peak"] == result.rss_peak_bytes
        assert attributes["otel_perf.memory.peak.method"] == result.peak_method
        (point,) = capture.metrics()["otel_perf.operation.memory.peak"]
        assert point.sum == result.rss_peak_bytes


@linux
@pytest.mark.feature("S0-10")
def test_resident_memory_is_the_kernels_own_number() -> None:
    """Within one page of ``/proc/self/statm``, and shown in MiB."""
    page = os.sysconf("SC_PAGE_SIZE")
    differences = []
    for _ in range(20):
        with measure("read") as run:
            told = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * page
        assert run.result is not None
        assert run.result.rss_after_bytes is not None
        differences.append(abs(run.result.rss_after_bytes - told))
        assert f"{run.result.rss_after_bytes / MEBIBYTE:.1f} MiB" in str(run.result)
    read = read_rss()
    assert read is not None
    # Another thread may take a page between two readings; most pairs are equal.
    assert statistics.median(differences) <= page
    assert abs(read - int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * page) <= 16 * page
