"""Counters that never fall, names that are bounded, shares of time."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.probes.collected import Collected
from otel_perf.probes.shares import Shares
from otel_perf.probes.totals import OTHER, Names, Totals
from tests.probes.looking import SECOND

COUNTS = st.integers(0, 2**64)


@given(st.lists(COUNTS, min_size=1, max_size=30))
def test_t66_a_total_never_falls_and_is_never_negative(raw: list[int]) -> None:
    """For any sequence of readings, resets and overflows included: growth is the sum of the rises."""
    totals = Totals()
    seen = [totals.since_first("bytes", value) for value in raw]
    assert seen[0] == 0
    assert seen == sorted(seen)  # type: ignore[type-var]
    assert seen[-1] == sum(max(0, b - a) for a, b in pairwise(raw))


@given(st.lists(COUNTS, min_size=1, max_size=30))
def test_a_counter_of_the_process_starts_with_what_it_shows(raw: list[int]) -> None:
    """The total of a counter that began with the process is its reading, until it falls."""
    totals = Totals()
    seen = [totals.since_start("seconds", value) for value in raw]
    assert seen[0] == raw[0]
    assert seen == sorted(seen)  # type: ignore[type-var]


def test_t66_a_wrapped_counter_goes_on_from_where_it_was() -> None:
    """A 32-bit counter that ran over adds what it counted after, not 4 GiB and not less than nothing."""
    totals = Totals()
    assert [totals.since_first("b", value) for value in (2**32 - 10, 2**32 - 1, 5, 25)] == [0, 9, 9, 29]


def test_devices_beyond_the_bound_share_a_total_that_survives_them() -> None:
    """A device that goes away takes nothing out of the common total, and one that comes back starts anew."""
    totals, names = Totals(), Names(1)
    assert [names.admit(name) for name in ("a", "b", "a", "c")] == ["a", OTHER, "a", OTHER]
    totals.since_first("b", 100, total=OTHER)
    totals.since_first("c", 50, total=OTHER)
    assert totals.since_first("b", 110, total=OTHER) == 10
    totals.keep_only({"c"})
    assert totals.since_first("c", 55, total=OTHER) == 15
    assert totals.since_first("b", 900, total=OTHER) == 15


def test_what_is_not_known_is_not_put_in() -> None:
    """None, what is not finite and what is below zero are absent; a temperature may be below zero."""
    found = Collected(1)
    for value in (None, float("nan"), float("inf"), -1.0):
        found.put("system.uptime", value)
    assert not found.measurements
    found.put("hw.temperature", -5, "id", "gpu")
    assert [each.value for each in found.measurements] == [-5]


@pytest.mark.feature("S0-21")
def test_the_first_look_gives_no_share() -> None:
    """There is no time before it; psutil's own first 0.0 has no way in."""
    shares = Shares()
    assert shares.of_sum({"user": 10.0, "idle": 90.0}, 0) == {}
    assert shares.of_sum({"user": 11.0, "idle": 93.0}, 2 * SECOND) == {"user": 0.25, "idle": 0.75}


def test_a_look_too_soon_repeats_the_shares_before() -> None:
    """Within half a second the kernel's steps of 10 ms would be a guess; a long enough look then covers both."""
    shares = Shares()
    shares.of_elapsed({"user": 0.0}, 0, cpus=2)
    assert shares.of_elapsed({"user": 1.0}, SECOND, cpus=2) == {"user": 0.5}
    assert shares.of_elapsed({"user": 1.4}, SECOND + 10_000_000, cpus=2) == {"user": 0.5}
    assert shares.of_elapsed({"user": 2.0}, 2 * SECOND, cpus=2) == {"user": 0.5}


@pytest.mark.parametrize("fallen", [{"user": 1.0, "iowait": 4.0}, {"user": 1.0, "iowait": 5.0}])
def test_t66_time_that_fell_is_no_negative_share(fallen: dict[str, float]) -> None:
    """Linux lets ``iowait`` fall; the others' shares stay what they are."""
    shares = Shares()
    shares.of_sum({"user": 0.0, "iowait": 5.0}, 0)
    assert shares.of_sum(fallen, SECOND) == {"user": 1.0, "iowait": 0.0}


def test_no_time_that_passed_is_no_share() -> None:
    """Two equal readings say nothing about where time went."""
    shares = Shares()
    shares.of_sum({"user": 1.0}, 0)
    assert shares.of_sum({"user": 1.0}, SECOND) == {}
