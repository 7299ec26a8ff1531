"""How much of the watched time the process was well, and how many projects it works on."""

import pytest

from otel_perf.probes.active_projects import record_active_projects
from otel_perf.probes.uptime import UptimeProbe
from otel_perf.testing.recording import recording
from tests.probes.looking import SECOND, Look


@pytest.mark.feature("S1-15")
def test_uptime_is_healthy_time_of_observed_time() -> None:
    """991 healthy seconds of 1000 are 0.991."""
    answers = iter([True] * 992 + [False] * 9)
    probe = UptimeProbe(lambda: next(answers), 1)
    assert not Look(probe, 0).values
    for second in range(1, 1001):
        look = Look(probe, second * SECOND)
    assert look["otel_perf.uptime.ratio"] == pytest.approx(0.991)
    assert look["otel_perf.uptime.observed_time"] == 1000
    assert look["otel_perf.uptime.healthy_time"] == 991


@pytest.mark.feature("S1-15")
def test_a_gap_and_an_unknown_are_neither_well_nor_ill() -> None:
    """Two hours without a look, and a look that could not tell, belong to no account."""
    answers = iter([True, True, True, None, False])
    probe = UptimeProbe(lambda: next(answers), 5)
    for second in (0, 5, 7205, 7210):
        Look(probe, second * SECOND)
    look = Look(probe, 7215 * SECOND)
    assert look["otel_perf.uptime.observed_time"] == 10
    assert look["otel_perf.uptime.ratio"] == 0.5


@pytest.mark.feature("S1-15")
def test_active_projects_are_the_last_number_said() -> None:
    """The application's own number, as a gauge."""
    with recording() as capture:
        record_active_projects(5)
        record_active_projects(3)
        (point,) = capture.metrics()["otel_perf.projects.active"]
    assert point.value == 3
