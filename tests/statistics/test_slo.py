"""Targets: met, missed, unknown, and what is left of the error budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.statistics.slo import DEFAULT_TARGETS, Comparison, SloTarget, Tally, judge

SUCCESS = SloTarget("success_rate", 0.95, ">")
FAST = SloTarget("response_time", 3.0, "<", share=0.99)


def tally(target: SloTarget, *values: float) -> Tally:
    """The tally of some values."""
    return sum((Tally(1, value, int(target.meets(value))) for value in values), Tally())


def test_without_a_value_nothing_is_known() -> None:
    """Neither met nor missed, nothing measured, no budget."""
    for target in DEFAULT_TARGETS:
        status = judge(target, Tally())
        assert (status.state, status.measured, status.values, status.error_budget_left) == ("unknown", None, 0, None)


@pytest.mark.parametrize(
    ("comparison", "value", "met"),
    [("<", 3.0, False), ("<=", 3.0, True), (">", 3.0, False), (">=", 3.0, True), ("<", 2.9, True), (">", 3.1, True)],
)
def test_the_mean_is_compared(comparison: Comparison, value: float, met: bool) -> None:
    """As the comparison says, the objective itself included or not."""
    target = SloTarget("response_time", 3.0, comparison)
    status = judge(target, tally(target, value, value))
    assert (status.state, status.measured) == ("met" if met else "missed", value)


@pytest.mark.feature("S1-18")
def test_a_success_rate_of_99_1_percent_meets_95_percent() -> None:
    """991 of 1,000: the target is met, and 0.82 of the 5 % that may fail are left."""
    status = judge(SUCCESS, Tally(1000, 991.0, 0))
    assert (status.state, status.measured) == ("met", 0.991)
    assert status.error_budget_left == pytest.approx(1 - 0.009 / 0.05)


def test_an_overspent_budget_is_negative() -> None:
    """10 % failed where 5 % may: everything is spent twice."""
    status = judge(SUCCESS, Tally(100, 90.0, 0))
    assert status.state == "missed"
    assert status.error_budget_left == pytest.approx(-1.0)


def test_a_share_of_single_values() -> None:
    """99 of 100 answers below 3 s: 1 slow one spends the whole budget, 2 overspend it."""
    one_slow = judge(FAST, tally(FAST, *[1.0] * 99, 9.0))
    assert (one_slow.state, one_slow.measured) == ("met", 0.99)
    assert one_slow.error_budget_left == pytest.approx(0.0)
    two_slow = judge(FAST, tally(FAST, *[1.0] * 98, 9.0, 9.0))
    assert two_slow.state == "missed"
    assert two_slow.error_budget_left == pytest.approx(-1.0)


def test_only_a_rate_or_a_share_has_a_budget() -> None:
    """A mean time allows no failures to be counted; a target of all allows none."""
    mean_time = SloTarget("response_time", 3.0, "<")
    assert judge(mean_time, tally(mean_time, 1.0)).error_budget_left is None
    every = SloTarget("response_time", 3.0, "<", share=1.0)
    assert judge(every, tally(every, 1.0)).error_budget_left is None
    errors = SloTarget("error_rate", 0.05, "<")
    assert judge(errors, tally(errors, 0.01)).error_budget_left == pytest.approx(0.8)


@pytest.mark.parametrize(
    "wrong",
    [{"objective": float("nan")}, {"comparison": "=="}, {"share": 0}, {"share": 1.5}, {"window_seconds": 0}],
)
def test_a_wrong_target_is_refused(wrong: dict[str, object]) -> None:
    """When it is made."""
    with pytest.raises(ValueError, match="must be"):
        SloTarget(**({"kpi": "response_time", "objective": 3.0} | wrong))  # type: ignore[arg-type]


@given(st.lists(st.floats(0, 10), min_size=1, max_size=30), st.floats(0.1, 0.9))
def test_a_share_is_met_exactly_when_enough_values_are(values: list[float], share: float) -> None:
    """The budget is not overspent then, and only then."""
    target = SloTarget("response_time", 3.0, "<", share=share)
    status = judge(target, tally(target, *values))
    good = sum(value < 3.0 for value in values) / len(values)
    assert (status.state == "met") is (good >= share)
    assert status.error_budget_left is not None
    assert (status.state == "met") is (status.error_budget_left >= -1e-9)
