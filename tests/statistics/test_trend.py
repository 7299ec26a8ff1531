"""The median slope."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.statistics.trend import median_slope


@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.integers(2, 20))
def test_a_line_has_its_slope(slope: int, start: int, count: int) -> None:
    """Exactly."""
    assert median_slope([(x, start + slope * x) for x in range(count)]) == slope


def test_a_quarter_of_wild_points_does_not_move_it() -> None:
    """Outliers and steps are no trend."""
    points = [(x, 2.0 * x) for x in range(20)]
    for place in (0, 5, 11, 19):
        points[place] = (place, 1e6)
    assert median_slope(points) == pytest.approx(2.0, rel=0.01)
    assert median_slope([(x, 0.0 if x < 3 else 40.0) for x in range(20)]) == 0


@pytest.mark.parametrize("points", [[], [(1, 1)], [(1, 1), (1, 5)]])
def test_without_two_places_there_is_no_slope(points: list[tuple[float, float]]) -> None:
    """``None``, not zero."""
    assert median_slope(points) is None
