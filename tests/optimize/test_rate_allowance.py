"""Booking ahead: many turns at once, some of them given back, and no limit is broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.optimize.rate_allowance import Allowance, BucketAllowance, WindowAllowance

SECOND = 1_000_000_000
STEPS = st.lists(
    st.tuples(st.integers(0, 2 * SECOND), st.integers(1, 3), st.none() | st.integers(0, 5)), min_size=1, max_size=60
)


def granted(allowance: Allowance, steps: list[tuple[int, int, int | None]]) -> list[tuple[int, int]]:
    """Book every step; ``None`` or the how manieth of those that wait gives its turn back. What is spent, and when."""
    now = SECOND
    bookings: list[tuple[int, int, object]] = []
    for pause_ns, cost, cancelled in steps:
        now += pause_ns
        turn = allowance.turn_ns(now, cost)
        assert turn >= max([now, *(booked for booked, _, _ in bookings)])
        bookings.append((turn, cost, allowance.book(turn, cost)))
        waiting = [booking for booking in bookings if booking[0] > now]
        if cancelled is not None and cancelled < len(waiting):
            allowance.give_back(waiting[-1 - cancelled][2])
            bookings.remove(waiting[-1 - cancelled])
    return [(turn, cost) for turn, cost, _ in bookings]


@given(STEPS, st.integers(3, 5), st.integers(1, 3 * SECOND))
def test_a_window_keeps_its_limit_whatever_is_booked_and_given_back(
    steps: list[tuple[int, int, int | None]], limit: int, window_ns: int
) -> None:
    """Wherever the window begins."""
    spent = granted(WindowAllowance(limit, window_ns), steps)
    for begin, _ in spent:
        assert sum(cost for time, cost in spent if begin <= time < begin + window_ns) <= limit


@given(STEPS, st.integers(3, 5), st.sampled_from([0.4, 1, 3.3]))
def test_a_bucket_keeps_its_limit_whatever_is_booked_and_given_back(
    steps: list[tuple[int, int, int | None]], capacity: int, rate: float
) -> None:
    """Between any two turns."""
    spent = granted(BucketAllowance(rate, capacity), steps)
    for index, (begin, _) in enumerate(spent):
        total = 0
        for time, cost in spent[index:]:
            total += cost
            assert total <= capacity + rate * (time - begin) / SECOND + 1e-9


@pytest.mark.parametrize("allowance", [BucketAllowance(1, 1), WindowAllowance(1, SECOND)], ids=["bucket", "window"])
def test_the_last_turn_given_back_is_free_for_the_next(allowance: Allowance) -> None:
    """Again and again; one before it goes unused."""
    bookings = []
    for expected in (1, 2, 3):
        turn = allowance.turn_ns(SECOND, 1)
        assert turn == expected * SECOND
        bookings.append(allowance.book(turn, 1))
    allowance.give_back(bookings[1])
    assert allowance.turn_ns(SECOND, 1) == 4 * SECOND
    allowance.give_back(bookings[2])
    assert allowance.turn_ns(SECOND, 1) == 3 * SECOND
    assert (allowance.remaining(SECOND), allowance.is_whole(SECOND), allowance.is_whole(9 * SECOND)) == (0, False, True)
    assert allowance.remaining(9 * SECOND) == 1


def test_the_price_of_a_turn_does_not_grow_with_the_row() -> None:
    """A window looks at no more than it has to make room for, however many are booked before."""
    seen = 0

    class Watched(tuple[int, float]):
        __slots__ = ()

        def __iter__(self):  # type: ignore[no-untyped-def]
            nonlocal seen
            seen += 1
            return super().__iter__()

    allowance = WindowAllowance(10, SECOND)
    for _ in range(2000):
        turn = allowance.turn_ns(SECOND, 1)
        allowance.book(turn, 1)
        allowance._spent[-1] = Watched(allowance._spent[-1])  # type: ignore[assignment] # noqa: SLF001 - counts looks
    assert turn == 200 * SECOND
    assert 0 < seen <= 2 * 2000
