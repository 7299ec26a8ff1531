"""The same faults for the plain SDK, otel_perf, and the SDK with a collector that keeps a queue on disk."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final

import pytest

from tests.backends.collector import REPOSITORY
from tests.comparison.arena import SUBJECTS, Row
from tests.comparison.faults import FAULTS, QUICK, RATE, run
from tests.comparison.run import compare, write
from tests.comparison.table import FAULT_TEXTS, render

SCALE: Final = float(os.environ.get("COMPARISON_SCALE", "1"))


def nothing_lost(row: Row) -> bool:
    """All there, each once."""
    return (row.lost, row.doubled) == (0, 0)


def in_time(row: Row) -> bool:
    """The process ends by its deadline; only a request under way then may be missing or doubled, and is counted."""
    uncertain = row.uncertain or 0
    assert row.exit_seconds is not None
    return row.exit_seconds <= 5.5 and row.lost <= uncertain and row.doubled <= uncertain


def two_seconds(row: Row) -> bool:
    """What a crash costs: calls of the last two seconds, and one request that may come twice."""
    return row.lost <= 2 * RATE and row.doubled <= 512


PROMISES: Final[dict[str, Callable[[Row], bool]]] = {
    "exit_healthy": nothing_lost,
    "exit_refused": in_time,
    "exit_black_hole": in_time,
    "exit_slow": in_time,
    "sigterm": lambda row: nothing_lost(row) and row.status == 143,
    "outage_10": nothing_lost,
    "outage_200": nothing_lost,
    "redirect": lambda row: row.lost == 0 or bool(row.told),
    "too_large": nothing_lost,
    "poison_encode": nothing_lost,
    "poison_backend": lambda row: row.lost == 1 and bool(row.told),
    "fork": lambda row: nothing_lost(row) and row.counted == row.calls + 10,
    "restart_process": two_seconds,
    "restart_container": lambda row: True,  # the state folder is gone: nothing is promised
    "restart_node": two_seconds,
    "lost_node": lambda row: True,  # as above
}


@pytest.mark.parametrize("fault", QUICK)
def test_otel_perf_keeps_its_promise(fault: str, tmp_path: Path) -> None:
    """SIGTERM, a redirect, 413, a poisonous span in the encoder and at the backend, a fork."""
    row = run(fault, "otel_perf", tmp_path / "arena")
    assert PROMISES[fault](row), row


@pytest.mark.parametrize("fault", QUICK)
def test_the_plain_sdk_does_not(fault: str, tmp_path: Path) -> None:
    """The scripts are hard enough: in each of them the SDK loses spans without the number, or counts twice."""
    row = run(fault, "sdk", tmp_path / "arena")
    assert not PROMISES[fault](row), row


def test_a_collector_beside_the_sdk(collector_binary: Path, tmp_path: Path) -> None:
    """It keeps what its backend does not take, and delivers when the backend is well."""
    row = run("exit_refused", "collector", tmp_path / "arena")
    assert (row.lost, row.at_exit) == (0, 0), row


def test_the_table_names_everything() -> None:
    """A row for each fault with each subject's result, losses with how they were told."""
    shown = render([Row(fault, "sdk", 2000, 1990, 0, 0, 1.0, 0, False, None, None, 0) for fault in FAULTS], scale=1)
    assert list(FAULT_TEXTS) == list(FAULTS) == list(PROMISES)
    assert shown.count("**10** of 2,000 lost, in silence") == len(FAULTS) - 4
    assert shown.count("1,990 of 2,000 arrive") == 4
    assert "outage of 60 s at 200 calls/s" in shown
    assert shown.count("not run") == 2 * len(FAULTS)


def test_the_result_is_left_in_files(tmp_path: Path) -> None:
    """JSON with the machine and every row, and the tables."""
    row = Row("fork", "sdk", 100, 100, 0, 100, 0.1, 0, None, None, 210, 0)
    write([row], 0.5, tmp_path / "new" / "a.json", tmp_path / "new" / "a.md")
    form = json.loads((tmp_path / "new" / "a.json").read_text())
    assert form["rows"] == [{**asdict(row), "lost": 0}]
    assert (form["scale"], form["machine"]["cores"] > 0) == (0.5, True)
    assert "**210**" in (tmp_path / "new" / "a.md").read_text()


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_all_faults_with_all_subjects(collector_binary: Path) -> None:
    """Every script with every subject in one run; the tables go to ``reports/``, and otel_perf keeps every promise."""
    rows = compare(list(FAULTS), SUBJECTS, SCALE)
    reports = REPOSITORY / "reports"
    write(rows, SCALE, reports / "comparison.json", reports / "comparison.md")
    assert [row for row in rows if row.subject == "otel_perf" and not PROMISES[row.fault](row)] == []
