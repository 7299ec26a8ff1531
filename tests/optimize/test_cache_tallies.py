"""From a tally to the pipeline: when counts are handed in, how exactly, and to whom they belong."""

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Sequence

import pytest

from otel_perf.core.cache_signals import CACHE_REQUESTS
from otel_perf.core.guard import guard
from otel_perf.core.intake import Intake
from otel_perf.core.measurements import Measurement
from otel_perf.core.tallies import Tallies
from otel_perf.pipeline import measurement_flow
from otel_perf.pipeline.measurement_flow import MeasurementFlow


class Counting:
    """A tally of something that never stops; not for two threads at once."""

    def __init__(self) -> None:
        self.asked = self.restarted = 0
        self._inside = False

    def take(self, time_ns: int) -> Sequence[Measurement]:
        """One more."""
        assert not self._inside
        self._inside = True
        self.asked += 1
        self._inside = False
        return [Measurement(CACHE_REQUESTS, 1, ("counting", "hit"), time_ns)]

    def restart(self) -> None:
        """Begin again."""
        self.restarted += 1


class Kept:
    """A reader that adds up."""

    total = 0.0

    def on_measurements(self, measurements: Sequence[Measurement]) -> None:
        """Add."""
        self.total += sum(entry.value for entry in measurements)


@pytest.fixture
def tally(monkeypatch: pytest.MonkeyPatch) -> Counting:
    """The only tally there is."""
    made, registry = Counting(), Tallies()
    registry.join(made)
    monkeypatch.setattr(measurement_flow, "tallies", registry)
    return made


def test_tallies_are_asked_once_a_second_and_whenever_somebody_waits(
    tally: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for every slice that the worker handles; a new flow begins anew."""
    now = [0]
    monkeypatch.setattr(measurement_flow.clock, "monotonic_ns", lambda: now[0])
    flow = MeasurementFlow(Intake(), 100)
    assert tally.restarted == 1
    flow.readers = [kept := Kept()]
    flow.open(lambda: None, threading.RLock())
    for step in range(101):
        now[0] = step * 50_000_000
        flow.handle()
    assert tally.asked == kept.total == 4
    flow.gather()
    flow.handle()
    assert kept.total == 5
    assert flow.balance(0).recorded == 5
    flow.reset()
    assert tally.restarted == 2


def test_those_who_gather_at_the_same_time_take_turns(tally: Counting) -> None:
    """Each returns when everything that was counted before it came is in the queue."""
    intake = Intake()
    flow = MeasurementFlow(intake, 100)
    threads = [threading.Thread(target=lambda: [flow.gather() for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(intake.measurements) == tally.asked == 800


def test_a_tally_that_raises_costs_only_its_own_counts() -> None:
    """The others are asked; the error is counted."""

    class Broken(Counting):
        def take(self, time_ns: int) -> Sequence[Measurement]:
            raise RuntimeError("broken")

    registry = Tallies()
    for each in (Broken(), working := Counting()):
        registry.join(each)
    before = guard.counts["tallies"]
    assert len(registry.take()) == working.asked == 1
    assert guard.counts["tallies"] == before + 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_parent_and_child_each_count_their_own_look_ups() -> None:
    """With a real pipeline in both: what was counted in the parent before the fork is the parent's."""
    program = textwrap.dedent(
        """
        import os
        import otel_perf
        from otel_perf.optimize.cache import ResultCache
        from otel_perf.runtime import active

        handle = otel_perf.instrument(service_name="forking", metrics_exporters=())
        cache = ResultCache("forked")
        for _ in range(3):
            cache.get_or_compute(1, int)

        def requests():
            handle.flush()
            data = active.current().engine.metrics_out.collect()
            return {
                point.attributes.get("otel_perf.cache.result"): point.value
                for resource in data.resource_metrics for scope in resource.scope_metrics
                for metric in scope.metrics if metric.name in ("otel_perf.cache.requests", "otel_perf.cache.entries")
                for point in metric.data.data_points
            }

        child = os.fork()
        if child == 0:
            cache.get(1)
            cache.get(2)
            found = requests()
            print(found, flush=True)
            os._exit(0 if found == {"hit": 1, "miss": 1, None: 1} else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        found = requests()
        print(found, flush=True)
        assert found == {"hit": 2, "miss": 1, None: 1}
        handle.shutdown()
        """
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program],
        capture_output=True, text=True, timeout=60, check=False, env={"CI": "true", "PATH": os.environ.get("PATH", "")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
