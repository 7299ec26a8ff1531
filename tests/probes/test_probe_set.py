"""Probes at their own pace, and what every reader is told."""

import threading
from collections.abc import Callable

import pytest

from otel_perf.core import clock
from otel_perf.core.guard import guard
from otel_perf.probes.collected import Collected
from otel_perf.probes.probe_set import ProbeSet
from tests.probes.looking import SECOND


class Counted:
    """A probe that tells how often it was read."""

    def __init__(self, name: str = "counted", *, costly: bool = False, then: Callable[[int], object] = bool) -> None:
        self.name = name
        self.costly = costly
        self.reads = 0
        self._then = then

    def read(self, found: Collected) -> None:
        self.reads += 1
        self._then(self.reads)
        found.put("system.uptime", self.reads)


class Clock:
    """Monotonic time, set by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> int:
        return int(self.seconds * SECOND)


def values(probes: ProbeSet) -> dict[tuple[str, tuple[str | None, ...]], float]:
    """What a reader is told."""
    return {(each.metric.name, each.labels): each.value for each in probes.observed()}


def test_readers_get_what_was_read_and_read_nothing() -> None:
    """However many ask: the same number, its age beside it, and nothing before the first look."""
    probe, now = Counted(), Clock()
    probes = ProbeSet([probe], 5, now)
    assert probes.observed() == []
    probes.read()
    now.seconds += 2
    for _ in range(100):
        assert values(probes)["system.uptime", ()] == 1
        assert values(probes)["otel_perf.self.probe.age", ("counted",)] == 2
    assert probe.reads == 1


def test_what_is_older_than_three_periods_is_absent() -> None:
    """A ticker that is held up: the values go, their age stays and says why."""
    probes = ProbeSet([Counted()], 5, now := Clock())
    probes.read()
    now.seconds += 15
    assert ("system.uptime", ()) in values(probes)
    now.seconds += 0.1
    assert ("system.uptime", ()) not in values(probes)
    assert values(probes)["otel_perf.self.probe.age", ("counted",)] == pytest.approx(15.1)
    probes.read()
    assert values(probes)["system.uptime", ()] == 2


def test_a_probe_that_fails_grows_old_alone() -> None:
    """It is counted as an internal error; its last values stay until they are too old; others go on."""
    broken = Counted("broken", then=lambda reads: 1 // (2 - reads) if reads > 1 else None)
    other = Counted("other")
    probes = ProbeSet([broken, other], 5, now := Clock())
    probes.read()
    before = guard.counts["probe broken"]
    now.seconds += 5
    probes.read()
    assert guard.counts["probe broken"] == before + 1
    assert values(probes)["otel_perf.self.probe.age", ("broken",)] == 5
    assert values(probes)["otel_perf.self.probe.age", ("other",)] == 0


def spend(milliseconds: float) -> None:
    """Use the CPU of this thread."""
    end = clock.thread_cpu_ns() + int(milliseconds * 1e6)
    while clock.thread_cpu_ns() < end:
        pass


def test_a_costly_probe_is_read_once_a_minute() -> None:
    """Above 1 ms of CPU; what is cheap is read each time, and each thousandth part of a CPU is the most."""
    dear = Counted("dear", costly=True, then=lambda _: spend(3))
    cheap, dearest = Counted("cheap", costly=True), Counted("dearest", costly=True, then=lambda _: spend(150))
    probes = ProbeSet([dear, cheap, dearest], 5, now := Clock())
    for _ in range(25):  # two minutes
        probes.read()
        now.seconds += 5
    assert (dear.reads, cheap.reads, dearest.reads) == (3, 25, 1)
    assert ("system.uptime", ()) in values(probes)
    assert values(probes)["otel_perf.self.probe.cpu_time", ("dear",)] >= 0.009


def test_a_look_that_hangs_holds_up_nobody_else() -> None:
    """A flush that comes meanwhile goes on without; readers are told the last values."""
    entered, leave = threading.Event(), threading.Event()

    def hang(reads: int) -> None:
        if reads == 2:
            entered.set()
            leave.wait(20)

    probe = Counted(then=hang)
    probes = ProbeSet([probe], 5)
    probes.read()
    reading = threading.Thread(target=probes.read)
    reading.start()
    assert entered.wait(20)
    probes.read()
    assert values(probes)["system.uptime", ()] == 1
    leave.set()
    reading.join()
    assert values(probes)["system.uptime", ()] == 2
    assert probe.reads == 2
