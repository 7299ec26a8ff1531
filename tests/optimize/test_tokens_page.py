"""``docs/models.md`` says what is so."""

import re
from pathlib import Path
from typing import Any

import pytest

from otel_perf.optimize.model_cost import use_prices
from otel_perf.optimize.token_weights import ERRORS
from otel_perf.optimize.trim_policy import TrimPolicy
from otel_perf.testing.capture import Capture

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "models.md").read_text(encoding="utf-8")


def test_every_block_runs_and_is_measured(otel_perf_capture: Capture, capsys: pytest.CaptureFixture[str]) -> None:
    """One after the other, as a reader would paste them; what they say they measure is measured."""
    names: dict[str, Any] = {}
    try:
        for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE):
            exec(compile(block, "docs/models.md", "exec"), names)  # noqa: S102 - the page is ours
    finally:
        use_prices(None)
    found = otel_perf_capture.metrics()
    for metric in (
        "gen_ai.client.token.usage",
        "otel_perf.model.cost",
        "otel_perf.budget.tokens.remaining",
        "otel_perf.budget.cost.remaining",
        "otel_perf.memory.utilization",
        "otel_perf.kpi.context_utilization",
    ):
        assert found[metric], metric
    assert "turn: 88% of the budget are used" in capsys.readouterr().out


def test_the_errors_are_those_that_each_estimate_carries() -> None:
    """The table of the page is the one place's numbers, which another test measures."""
    rows = dict(re.findall(r"^\| `(\w+_base)` \| (.* %) \|$", PAGE, re.MULTILINE))
    assert rows == {name: f"{error.median:.1%} | {error.p90:.1%}".replace("%", " %") for name, error in ERRORS.items()}


@pytest.mark.feature("S4-05")
def test_the_sizes_are_those_of_the_policy() -> None:
    """The table of sizes is what the policy computes."""
    policies = [TrimPolicy(max_history_pairs=pairs) for pairs in (20, 50, 100)]
    for title, name in (
        ("safe size", "safe_size"),
        ("trimming begins above", "trigger_size"),
        ("trimming leaves", "trim_level"),
        ("emergency above", "emergency_size"),
    ):
        numbers = " | ".join(f"{getattr(policy, name):g}" for policy in policies)
        assert re.search(rf"^\| {title} \| .* \| {re.escape(numbers)} \|$", PAGE, re.MULTILINE), title
