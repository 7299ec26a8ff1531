"""All processes: their states, and those that use most."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_perf.probes import process_table
from otel_perf.probes.attempts import Attempts
from otel_perf.probes.process_table import ProcessRow, ProcessTableProbe, process_rows
from tests.probes.looking import SECOND, Look

MIB = 1024 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="files of Linux")
def test_a_name_may_hold_any_character(tmp_path: Path) -> None:
    """The kernel puts it between parentheses, whatever is in it; a process that ends meanwhile is left out."""
    fields = ["Z", *["0"] * 10, "150", "50", *["0"] * 6, "777", "0", "12"]
    (tmp_path / "42").mkdir()
    (tmp_path / "42" / "stat").write_text("42 (a) b (c) " + " ".join(fields) + "\n")
    (tmp_path / "43").mkdir()
    (tmp_path / "44").mkdir()
    (tmp_path / "44" / "stat").write_text("44 (cut")
    (tmp_path / "self").mkdir()
    (row,) = process_rows(tmp_path)
    tick = os.sysconf("SC_CLK_TCK")
    assert (row.pid, row.name, row.state) == (42, "a) b (c", "defunct")
    assert row.cpu_seconds == 200 / tick
    assert row.resident_bytes == 12 * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(sys.platform != "linux", reason="files of Linux")
@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=15))
@settings(max_examples=60)
def test_any_name_comes_back(name: str) -> None:
    """Parentheses, spaces, newlines, other scripts."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "7").mkdir()
        line = f"7 ({name}) S " + " ".join(str(number) for number in range(4, 53))
        (Path(folder) / "7" / "stat").write_bytes(line.encode())
        (row,) = process_rows(Path(folder))
    assert (row.name, row.state, row.began) == (name, "sleeping", 22 / os.sysconf("SC_CLK_TCK"))


def test_this_process_is_in_the_table_as_psutil_knows_it() -> None:
    """Id, name, memory and CPU time."""
    process = psutil.Process()
    row = next(row for row in process_rows() if row.pid == process.pid)
    assert row.name[:15] == process.name()[:15]
    assert row.resident_bytes == pytest.approx(process.memory_info().rss, rel=0.1)
    assert row.cpu_seconds == pytest.approx(sum(process.cpu_times()[:2]), abs=0.5)


@pytest.mark.feature("S1-26")
def test_processes_are_counted_by_state() -> None:
    """A child more is a process more, in one of four states; without being asked nobody is named."""
    probe = ProcessTableProbe(Attempts())
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        look, pids = Look(probe), len(psutil.pids())
        child.communicate(b"\n", timeout=20)
    assert look.names() == {"system.process.count"}
    assert look.total("system.process.count") == pytest.approx(pids, abs=20)
    assert {labels[0] for _, labels in look.values} <= {"running", "sleeping", "stopped", "defunct"}


ROWS = (
    ProcessRow(1234, "agent-workflow", "running", 10.0, 2100 * MIB, 1.0),
    ProcessRow(5678, "claude-code", "sleeping", 20.0, 512 * MIB, 1.0),
    ProcessRow(9012, "web-visualizer", "sleeping", 30.0, 256 * MIB, 1.0),
    ProcessRow(3456, "state-monitor", "sleeping", None, None, 1.0),
)


@pytest.mark.feature("S1-45")
def test_the_busiest_processes_have_name_cpu_memory_and_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """By memory at the first look; then by CPU time since, as a share of one CPU. Only as many as asked for."""
    used = {1234: 0.45, 5678: 0.23, 9012: 0.08}
    rounds = iter([ROWS, [
        ProcessRow(row.pid, row.name, row.state,
                   None if row.cpu_seconds is None else row.cpu_seconds + 10 * used[row.pid], row.resident_bytes, 1.0)
        for row in ROWS
    ]])  # fmt: skip
    monkeypatch.setattr(process_table, "process_rows", lambda: next(rounds))
    probe = ProcessTableProbe(Attempts(), 2)
    first = Look(probe, 10 * SECOND)
    assert "otel_perf.top_process.cpu.utilization" not in first.names()
    second = Look(probe, 20 * SECOND)
    cpu = {labels: value for (name, labels), value in second.values.items() if name.endswith("cpu.utilization")}
    assert cpu == {("agent-workflow", "1234"): pytest.approx(0.45), ("claude-code", "5678"): pytest.approx(0.23)}
    assert second["otel_perf.top_process.memory.usage", "agent-workflow", "1234"] == 2100 * MIB


@pytest.mark.feature("S1-45")
def test_t66_an_id_used_again_is_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its CPU time is not compared with that of the one before: neither negative nor made up."""
    rounds = iter([[ProcessRow(7, "a", "running", 100.0, 1, 1.0)], [ProcessRow(7, "b", "running", 2.0, 1, 9.0)]])
    monkeypatch.setattr(process_table, "process_rows", lambda: next(rounds))
    probe = ProcessTableProbe(Attempts(), 10)
    Look(probe, 10 * SECOND)
    assert "otel_perf.top_process.cpu.utilization" not in Look(probe, 20 * SECOND).names()


@pytest.mark.feature("S1-45")
def test_arguments_of_processes_are_never_told() -> None:
    """They may hold secrets: a child with one in its arguments is named without it, and at most 10 are named."""
    with subprocess.Popen(
        [sys.executable, "-c", "x = bytearray(300 << 20); print(flush=True); input()", "--token=canary"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        child.stdout.readline()
        look = Look(ProcessTableProbe(Attempts(), 99))
        child.communicate(b"\n", timeout=20)
    named = {labels for name, labels in look.values if name == "otel_perf.top_process.memory.usage"}
    assert str(child.pid) in {pid for _, pid in named}
    assert len(named) <= 10
    assert "canary" not in repr(look.values)
