"""What the operating system does not have, or does not give, is absent: never 0, never negative (T-66)."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from otel_perf.core.guard import guard
from otel_perf.probes.attempts import PATIENCE, RETRY_SECONDS, Attempts
from otel_perf.probes.disks import DiskProbe
from otel_perf.probes.network import NetworkProbe
from otel_perf.probes.own_process import ProcessProbe
from otel_perf.probes.system_cpu import HostProbe
from tests.probes.looking import SECOND, Look, every_probe, no_group

REFUSALS = [
    psutil.AccessDenied(1),
    psutil.NoSuchProcess(1),
    psutil.ZombieProcess(1),
    NotImplementedError(),
    PermissionError(),
    FileNotFoundError(),
    AttributeError("gone"),
    ValueError("unreadable"),
    RuntimeError("not here"),
]
OF_THE_HOST = (
    "cpu_times", "cpu_count", "cpu_freq", "virtual_memory", "disk_io_counters", "disk_partitions", "net_io_counters",
    "boot_time",
)  # fmt: skip
OF_THE_PROCESS = ("cpu_times", "memory_info", "memory_full_info", "io_counters", "num_threads", "create_time")


def refusing(error: Exception) -> Callable[..., Any]:
    """A call that fails."""

    def refuse(*arguments: object, **options: object) -> Any:
        raise error

    return refuse


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
def test_t66_a_refusal_leaves_its_metrics_out(
    error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With every call of psutil refused nothing raises and no metric that needs them appears, not even as 0."""
    for name in OF_THE_HOST:
        monkeypatch.setattr(psutil, name, refusing(error))
    for name in OF_THE_PROCESS:
        monkeypatch.setattr(psutil.Process, name, refusing(error))
    before = guard.total()
    for probe in every_probe(Attempts(), no_group(tmp_path)):
        for second in (1, 2):
            names = Look(probe, second * SECOND).names()
            given = {name for name in names if name.startswith(("system.", "process.", "otel_perf.process.memory"))}
            assert given <= {
                "process.context_switches", "process.paging.faults", "process.cpu.time", "process.cpu.utilization",
                "process.unix.file_descriptor.count",
                "system.cpu.load_average.1m", "system.cpu.load_average.5m", "system.cpu.load_average.15m",
                "system.process.count", "system.network.connection.count", "system.paging.usage",
                "system.paging.utilization", "system.paging.faults", "system.paging.operations",
            }  # fmt: skip
    assert guard.total() == before


@pytest.mark.feature("S0-23", "S1-41")
@pytest.mark.parametrize("nothing", [None, {}], ids=["none", "empty"])
def test_t66_no_counters_are_no_values(nothing: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``None`` of psutil for a machine without disks, interfaces or a known frequency is absent."""
    for name in ("disk_io_counters", "net_io_counters", "cpu_freq"):
        monkeypatch.setattr(psutil, name, lambda *a, **k: nothing)
    monkeypatch.setattr(psutil, "cpu_count", lambda *a, **k: None)
    assert not Look(DiskProbe(Attempts())).values
    assert not Look(NetworkProbe(Attempts())).values
    assert Look(HostProbe(Attempts())).names() == {"system.uptime"}


def test_t66_a_frequency_of_zero_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Virtual machines say 0 MHz where the host hides it."""
    monkeypatch.setattr(psutil, "cpu_freq", lambda: SimpleNamespace(current=0.0))
    assert "system.cpu.frequency" not in Look(HostProbe(Attempts())).names()


@pytest.mark.feature("S1-43", "S1-44")
def test_t66_a_reset_counter_gives_no_negative_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes of a disk and of an interface that start again at zero: the metric stays, then rises again."""
    disk = psutil.disk_io_counters(perdisk=True)
    if not disk:
        pytest.skip("psutil knows no disk here")
    kind, name = type(next(iter(disk.values()))), next(name for name, value in disk.items() if any(value))
    readings = iter([1000, 1500, 0, 200])
    monkeypatch.setattr(
        psutil, "disk_io_counters", lambda **k: {name: kind(*([next(readings)] + [7] * (len(kind._fields) - 1)))}
    )
    probe = DiskProbe(Attempts())
    seen = [Look(probe).total("system.disk.operations", "read") for _ in range(4)]
    assert seen == [0, 500, 500, 700]


def test_a_question_that_keeps_failing_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Three failures, one line; then silence for ten minutes, and a new try after them that may succeed."""
    now, asked = [0], []

    def question() -> str:
        asked.append(now[0])
        if len(asked) <= 4:
            raise psutil.AccessDenied
        return "answer"

    attempts = Attempts(lambda: now[0])
    with caplog.at_level(logging.INFO, "otel_perf"):
        for _ in range(100):
            assert attempts.ask("the moon", question) is None
    assert len(asked) == PATIENCE
    assert [record.getMessage() for record in caplog.records] == [
        "otel_perf: the moon cannot be measured here (AccessDenied)"
    ]
    now[0] = int(RETRY_SECONDS * 1e9)
    assert attempts.ask("the moon", question) is None
    now[0] *= 2
    assert attempts.ask("the moon", question) == "answer"
    assert len(caplog.records) == 1


def test_a_question_that_fails_now_and_then_is_asked_on() -> None:
    """Only failures in a row count: files come and go."""
    turns = iter(range(100))

    def question() -> int:
        turn = next(turns)
        if turn % 3:
            raise FileNotFoundError
        return turn

    attempts = Attempts()
    assert [attempts.ask("x", question) for _ in range(9)] == [0, None, None, 3, None, None, 6, None, None]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="affinity is known on Linux")
def test_the_rest_of_a_probe_goes_on_without_what_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Threads cannot be counted: memory and CPU are there all the same."""
    monkeypatch.setattr(psutil.Process, "num_threads", refusing(psutil.AccessDenied(1)))
    names = Look(ProcessProbe(Attempts(), no_group(tmp_path))).names()
    assert "process.thread.count" not in names
    assert {"process.memory.usage", "process.cpu.time", "process.uptime"} <= names
