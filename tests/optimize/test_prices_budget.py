from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import otel_perf
from otel_perf.core import clock
from otel_perf.core.guard import guard
from otel_perf.optimize.budget import BudgetState, CostBudget, TokenBudget
from otel_perf.optimize.model_cost import use_prices
from otel_perf.optimize.prices import Price
from otel_perf.testing.capture import Capture


def values(capture: Capture, name: str) -> dict[tuple[str, ...], float]:
    """Values of a metric by its labels' values."""
    return {
        tuple(str(value) for value in point.attributes.values()): point.value
        for point in capture.metrics().get(name, [])
    }


def test_a_budget_tells_what_is_left(otel_perf_capture: Capture) -> None:
    """Used, remaining and the used share follow what is added, above the limit too, and are metrics."""
    budget = TokenBudget(1000, name="daily")
    assert budget.add(250).used_ratio == 0.25
    assert (budget.used, budget.remaining, budget.exhausted) == (250, 750, False)
    budget.add(1000)
    assert (budget.used_ratio, budget.remaining, budget.exhausted) == (1.25, -250, True)
    assert values(otel_perf_capture, "otel_perf.budget.utilization") == {("daily", "tokens"): 1.25}
    assert values(otel_perf_capture, "otel_perf.budget.tokens.remaining") == {("daily",): -250}
    assert repr(budget) == "TokenBudget('daily', used=1250 of 1000, 125%)"


def test_each_threshold_is_told_once(otel_perf_capture: Capture) -> None:
    """Callback and counter tell of each share once, several at a time in their order, and again after a reset."""
    told: list[tuple[float | None, float]] = []

    def tell(state: BudgetState) -> None:
        told.append((state.threshold, state.used))

    budget = TokenBudget(100, thresholds=(1.0, 0.5, 0.8), on_threshold=tell)
    for amount in (49, 1, 1, 60, 5):
        budget.add(amount)
    assert told == [(0.5, 50), (0.8, 111), (1.0, 111)]
    budget.reset()
    budget.add(50)
    assert told[3:] == [(0.5, 50)]
    assert values(otel_perf_capture, "otel_perf.budget.crossings") == {
        ("default", "tokens", "0.5"): 2,
        ("default", "tokens", "0.8"): 1,
        ("default", "tokens", "1"): 1,
    }


def test_a_window_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its window a budget is unused and tells of thresholds again; windows follow each other without a gap."""
    now = [0]
    monkeypatch.setattr(clock, "monotonic_ns", lambda: now[0])
    told: list[BudgetState] = []
    budget = TokenBudget(10, window_seconds=60, thresholds=(1.0,), on_threshold=told.append)
    budget.add(10)
    now[0] = 59_999_999_999
    assert budget.state().exhausted
    now[0] = 60_000_000_000
    assert (budget.used, budget.exhausted) == (0, False)
    now[0] = 130_000_000_000
    budget.add(10)
    now[0] = 179_999_999_999
    assert budget.state().exhausted
    now[0] = 180_000_000_000
    assert not budget.state().exhausted
    assert len(told) == 2


def test_a_watching_budget_sees_every_call(otel_perf_capture: Capture) -> None:
    """Between watch and unwatch the tokens and the cost of recorded calls are used, and nothing before or after."""
    use_prices({"m": Price(input=10.0, output=20.0)})
    try:
        otel_perf.record_tokens(input=100, output=10, model="m")
        with TokenBudget(1000) as tokens, CostBudget(1.0, name="cents") as money:
            otel_perf.record_tokens(input=100, output=50, model="m")
            otel_perf.record_tokens(input=100, model="unpriced")
        otel_perf.record_tokens(input=100, output=10, model="m")
    finally:
        use_prices(None)
    assert tokens.used == 250
    assert money.used == pytest.approx(0.002)
    assert values(otel_perf_capture, "otel_perf.budget.cost.remaining") == {("cents",): pytest.approx(0.998)}


def test_threads_use_it_together() -> None:
    """What eight threads add at the same time adds up, and each threshold is told once."""
    told: list[BudgetState] = []
    budget = TokenBudget(8000, thresholds=(0.25, 0.5, 1.0), on_threshold=told.append)

    def use(_: int) -> None:
        for _ in range(1000):
            budget.add(1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(8)))
    assert budget.used == 8000
    assert sorted(state.threshold or 0 for state in told) == [0.25, 0.5, 1.0]


def test_a_failing_callback_harms_nothing() -> None:
    """An exception of the callback is counted as an internal error; the budget goes on."""

    def fails(_: BudgetState) -> None:
        raise RuntimeError("no mail today")

    before = guard.counts["budget"]
    budget = TokenBudget(10, on_threshold=fails)
    assert budget.add(10).exhausted
    assert guard.counts["budget"] == before + 2


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": float("inf")}, "limit"),
        ({"limit": 1, "window_seconds": -1}, "window_seconds"),
        ({"limit": 1, "thresholds": (0.0,)}, "threshold"),
    ],
)
def test_nonsense_is_refused(arguments: dict[str, Any], what: str) -> None:
    """Numbers that make no budget, and amounts that are none, are mistakes told at once."""
    with pytest.raises(ValueError, match=what):
        CostBudget(**arguments)
    with pytest.raises(ValueError, match="from 0 on"):
        CostBudget(1).add(-1)
