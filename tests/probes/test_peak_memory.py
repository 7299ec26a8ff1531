"""How memory is watched: the sampler's thread, the high-water mark and its reset, Python objects."""

import os
import subprocess
import sys
import threading
import tracemalloc

import pytest

from otel_perf.probes import peak_memory, resident_memory
from otel_perf.probes.memory_sampler import MemorySampler, sampler
from otel_perf.probes.operation import measure
from otel_perf.probes.peak_memory import OpenMemory
from otel_perf.probes.python_memory import PythonMemory
from otel_perf.probes.resident_memory import Resident

MEBIBYTE = 1024 * 1024
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


class Readings:
    """Resident memory as the test wants it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = Resident(100, 300)
        monkeypatch.setattr(peak_memory, "read_resident", lambda: self.now)


class StillSampler(MemorySampler):
    """Watches without a thread."""

    def _start(self) -> None:
        return


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Readings:
    """Readings of the operating system, made up."""
    return Readings(monkeypatch)


@pytest.fixture
def still() -> StillSampler:
    """A sampler that looks when the test says so."""
    return StillSampler()


def test_a_mark_that_rose_is_the_peak(readings: Readings, still: StillSampler) -> None:
    """The high-water mark moved during the operation, so it was reached in it."""
    memory = OpenMemory(watcher=still)
    readings.now = Resident(120, 500)
    use = memory.close()
    assert (use.before_bytes, use.after_bytes, use.peak_bytes, use.method) == (
        100, 120, 500, resident_memory.HIGH_WATER_NAME,
    )  # fmt: skip


def test_below_the_mark_the_sampler_tells_the_peak(readings: Readings, still: StillSampler) -> None:
    """The highest of all looks and both ends."""
    memory = OpenMemory(watcher=still)
    still.look()
    readings.now = Resident(10**12, 300)
    use = memory.close()
    assert (use.peak_bytes, use.method) == (10**12, "sampler")


def test_without_a_look_the_peak_is_absent(readings: Readings, still: StillSampler) -> None:
    """The two ends say nothing about what was between them."""
    use = OpenMemory(watcher=still).close()
    assert (use.before_bytes, use.after_bytes, use.peak_bytes, use.method) == (100, 100, None, None)
    assert use.note is not None
    assert "sampler" in use.note


@pytest.mark.parametrize("unreadable", [Resident(None, None), Resident(None, 300)])
def test_memory_that_cannot_be_read_is_absent(readings: Readings, still: StillSampler, unreadable: Resident) -> None:
    """No number of ours takes the place of one that the system does not give."""
    readings.now = unreadable
    use = OpenMemory(watcher=still).close()
    assert (use.before_bytes, use.after_bytes, use.peak_bytes, use.method) == (None, None, None, None)
    assert use.note is not None


@linux
def test_a_reset_peak_is_exact_and_refused_while_another_measure_is_open() -> None:
    """In a process of its own, since the reset moves ``ru_maxrss`` too: a small peak below an old one is found."""
    program = """
from otel_perf.probes.operation import measure
big = bytearray(b"x" * 4096) * 25600
del big
with measure("plain") as plain:
    small = bytearray(b"x" * 4096) * 2560
    del small
with measure("outer") as outer, measure("inner", reset_peak=True) as inner:
    pass
with measure("reset", reset_peak=True) as reset:
    small = bytearray(b"x" * 4096) * 2560
    del small
print(plain.result.peak_method)
print(inner.result.peak_method, inner.result.absent.get("rss_peak_bytes"))
print(reset.result.peak_method, reset.result.rss_peak_bytes - reset.result.rss_before_bytes)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    plain, inner, reset = ran.stdout.splitlines()
    assert plain in {"None", "sampler"}
    assert not inner.startswith("VmHWM reset")
    method, grown = reset.rsplit(" ", 1)
    assert method == "VmHWM reset"
    assert 9 * MEBIBYTE < int(grown) < 14 * MEBIBYTE


def test_one_thread_serves_all_open_measures_and_ends_with_the_last() -> None:
    """However many are open, there is one; afterwards there is none."""

    def samplers() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "otel_perf-memory"]

    for left in samplers():
        left.join(10)
    with measure("a"), measure("b"), measure("c"):
        (thread,) = samplers()
        assert sampler.open_watches >= 3
    thread.join(10)
    assert not thread.is_alive()
    with measure("again"):
        assert len(samplers()) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_measures_with_a_thread_of_its_own() -> None:
    """A measure that is open across a fork ends in the parent; the child begins anew."""
    program = """
import os, time
from otel_perf.probes.memory_sampler import sampler
from otel_perf.probes.operation import measure
with measure("parent"):
    child = os.fork()
    if child == 0:
        assert sampler.open_watches == 0 and not sampler.running
        with measure("child") as run:
            time.sleep(0.1)
        os._exit(0 if run.result.peak_method in ("sampler", "VmHWM") else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.feature("S0-11")
def test_python_objects_are_traced_when_asked_for() -> None:
    """The peak of Python objects, nested measures each their own; tracing that was off is off again."""
    tracing = tracemalloc.is_tracing()
    with measure("outer", tracemalloc=True) as outer:
        first = bytearray(20 * MEBIBYTE)
        del first
        with measure("inner", tracemalloc=True) as inner:
            second = bytearray(5 * MEBIBYTE)
            del second
    assert outer.result is not None
    assert inner.result is not None
    assert outer.result.python_peak_bytes == pytest.approx(20 * MEBIBYTE, rel=0.02)
    assert inner.result.python_peak_bytes == pytest.approx(5 * MEBIBYTE, rel=0.05)
    assert tracemalloc.is_tracing() == tracing


def test_tracing_that_somebody_stopped_gives_no_number() -> None:
    """``None`` and the reason, not what was seen until then."""
    memory = PythonMemory()
    tracemalloc.stop()
    assert memory.close() is None


def test_other_systems_are_asked_through_psutil(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows and macOS have no /proc: resident memory comes from psutil, or is absent without it."""
    monkeypatch.setattr(resident_memory, "ON_LINUX", False)
    assert resident_memory.read_resident().rss_bytes
    assert resident_memory.read_rss()
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert resident_memory.read_resident() == Resident(None, None)


@linux
def test_a_kernel_that_says_nothing_gives_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No /proc, or one without these lines."""
    for path in ("/proc/self/nothing", "/proc/self/limits"):
        monkeypatch.setattr(resident_memory, "STATUS", path)
        monkeypatch.setattr(resident_memory, "STATM", path)
        assert resident_memory.read_resident() == Resident(None, None)
        assert resident_memory.read_rss() is None
    monkeypatch.setattr(resident_memory, "CLEAR_REFS", "/proc/self/nothing")
    assert not resident_memory.reset_high_water()
