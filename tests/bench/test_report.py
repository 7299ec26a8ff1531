"""From measured values to budgets, tables and JSON."""

import json

import pytest

from otel_perf.bench.budgets import BUDGETS, judge
from otel_perf.bench.cost_run import in_turns, ratios
from otel_perf.bench.machine import Machine, describe_machine, last_cache_bytes
from otel_perf.bench.report import CallCost, Latency, ProcessCost, Report, SteadyLoad
from otel_perf.bench.tables import headline, number, tables, to_markdown

MACHINE = Machine("A CPU", 2, 0.5, "Linux 6", "CPython 3.11.0", "1.43.0", "0.1.0")


def report(**values: float) -> Report:
    """A report with made-up rows and the given budget values."""
    return Report(
        machine=MACHINE,
        plan="quick",
        seconds=12.3,
        budgets=judge(values),
        calls=(
            CallCost("sdk", "leaf", 21.0, 20.0, 1.0, 0.5),
            CallCost("otlp", "leaf", 1.3, 1.2, 0.06, 0.03),
            CallCost("otlp", "cold", 9.0, 9.0, None, None),
        ),
        processes=(ProcessCost("otlp", 12.5, 0.2, 0), ProcessCost("local", 5.0, 0.1, None)),
        latencies=(Latency("otlp", "healthy", 4000, 1.0, 10.0, 20.0, 3000.0, 0, 0),),
        steady=(SteadyLoad("sdk", 2, 9000.0, 0.5, 0.01, 0.6, 40.0, 0.5, 17),),
    )


def test_a_budget_is_met_at_its_limit_and_missed_above() -> None:
    """The limit itself is allowed; what was not measured is neither met nor missed."""
    assert [budget.met for budget in judge({"leaf_us": 1.5}) if budget.key == "leaf_us"] == [True]
    assert [budget.met for budget in judge({"leaf_us": 1.51}) if budget.key == "leaf_us"] == [False]
    assert {budget.met for budget in judge({})} == {None}


def test_every_budget_has_its_row_in_order() -> None:
    """A table without a promise would hide that it is not kept."""
    assert [budget.key for budget in judge({"idle_percent": 1.0})] == list(BUDGETS)


def test_a_value_without_a_budget_is_refused() -> None:
    """A misspelled key would leave its budget unmeasured."""
    with pytest.raises(KeyError, match="leaf_uss"):
        judge({"leaf_uss": 1.0})


def test_missed_budgets_are_named() -> None:
    """``--check`` looks at these."""
    assert [budget.key for budget in report(leaf_us=9.0, cold_us=1.0).missed] == ["leaf_us"]


def test_the_json_form_holds_everything() -> None:
    """Machine, verdicts and numbers can be read back."""
    read = json.loads(report(leaf_us=9.0).to_json())

    assert read["format_version"] == 1
    assert read["machine"]["cpu"] == "A CPU"
    assert {budget["key"]: budget["met"] for budget in read["budgets"]}["leaf_us"] is False
    assert read["calls"][1]["cpu_us"] == 1.2
    assert read["steady"][0]["lost"] == 17


def test_markdown_tables_are_whole() -> None:
    """Each row has as many cells as the head, and the machine is named above."""
    text = to_markdown(report(leaf_us=9.0))

    assert headline(report()) in text
    for table in text.split("\n\n"):
        if table.startswith("|"):
            assert len({line.count("|") for line in table.splitlines()}) == 1
    assert "| calling thread, leaf call | 9.00 us | 1.5 us | NO |" in text


def test_a_missed_budget_stands_out() -> None:
    """The terminal paints the rows that the table marks."""
    budgets = next(tables(report(leaf_us=9.0)))

    assert [budgets.rows[row][0] for row in budgets.alarming] == ["calling thread, leaf call"]


def test_what_is_unknown_is_a_dash() -> None:
    """No number is made up for a cell that was not measured."""
    calls = list(tables(report()))[1]

    assert calls.rows[0] == ("SDK span", "20.0 (1.000)", "-", "-", "-", "-")


@pytest.mark.parametrize(("value", "text"), [(0.0801, "0.080"), (1.5, "1.50"), (15, "15.0"), (12345.6, "12,346")])
def test_numbers_have_three_digits_that_count(value: float, text: str) -> None:
    """Neither noise nor a rounded-away ratio."""
    assert number(value) == text


def test_ratios_are_taken_pair_by_pair() -> None:
    """A round in which the machine was twice as slow has the same ratio as the others."""
    assert ratios([1.0, 2.0, 1.0], [10.0, 20.0, 10.0]) == 0.1


def test_turns_alternate_their_order() -> None:
    """Who came first comes last in the next round."""
    assert list(in_turns(("a", "b"), 3)) == ["a", "b", "b", "a", "a", "b"]


def test_the_machine_is_described() -> None:
    """Nothing stays empty on the machine that runs this."""
    machine = describe_machine()

    assert machine.cpu
    assert machine.cores >= 1
    assert machine.python.startswith("CPython 3.") or machine.python
    assert last_cache_bytes() >= 1024 * 1024
