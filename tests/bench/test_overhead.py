"""A whole run, as short as it can be, through the command."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from otel_perf.bench import overhead, plan
from otel_perf.bench.budgets import judge
from otel_perf.bench.machine import describe_machine
from otel_perf.bench.report import Report
from otel_perf.cli.overhead import command

SHORTEST = replace(
    plan.QUICK,
    name="shortest",
    rounds=1,
    bursts=1,
    burst_calls=50,
    cold_calls=2,
    process_rounds=1,
    process_seconds=0.2,
    latency_seconds=0.1,
    loop_rounds=2,
    loop_seconds=0.1,
    resident_calls=1000,
    queued_calls=500,
    starts=1,
    idle_seconds=0.1,
    benchmark_seconds=0.1,
    slow_calls=2,
)


@pytest.mark.timeout(240)
def test_a_run_fills_every_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every subject is measured, every span of the measured loads arrives, and both files are written."""
    monkeypatch.setattr(plan, "QUICK", SHORTEST)
    json_file, markdown_file = tmp_path / "overhead.json", tmp_path / "overhead.md"

    result = CliRunner().invoke(
        command,
        ["--quick", "--json", str(json_file), "--markdown", str(markdown_file)],
        standalone_mode=False,
        catch_exceptions=False,
    )

    found = json.loads(json_file.read_text(encoding="utf-8"))
    assert result.return_value == 0
    assert [budget["key"] for budget in found["budgets"] if budget["value"] is None] == ["dead_exit_ms"]
    assert {cost["subject"] for cost in found["calls"]} >= {
        "disabled",
        "sdk",
        "sdk_metrics",
        "adopted",
        "local",
        "otlp",
    }
    assert not [row for row in found["processes"] if row["lost"]]
    assert {(row["subject"], row["backend"]) for row in found["latencies"]} >= {("otlp", "silent"), ("full", "healthy")}
    assert "# What a traced call costs" in markdown_file.read_text(encoding="utf-8")
    assert "Latency under load" in result.output


@pytest.mark.parametrize(("leaf_us", "arguments", "code"), [(9.0, [], 0), (9.0, ["--check"], 1), (1.0, ["--check"], 0)])
def test_only_a_check_fails_on_a_missed_budget(
    monkeypatch: pytest.MonkeyPatch, leaf_us: float, arguments: list[str], code: int
) -> None:
    """A benchmark is no test: its numbers change the exit code when that was asked for, and only then."""
    found = Report(describe_machine(), "quick", 1.0, judge({"leaf_us": leaf_us}), (), (), (), ())
    monkeypatch.setattr(overhead, "measure", lambda _plan, _tell: found)

    result = CliRunner().invoke(command, ["--quick", *arguments], standalone_mode=False, catch_exceptions=False)

    assert result.return_value == code
    assert "calling thread, leaf call" in result.output
