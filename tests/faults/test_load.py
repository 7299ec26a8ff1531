"""Load in front of good, slow and dead backends: exact balances, bounded memory, an application that does not wait."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.life.running import Ended, run
from tests.sinks.process import sink_process

PROGRAM = str(Path(__file__).parent / "programs" / "load.py")
MIB_LIMIT = 64
P99_US_LIMIT = 100


def under_load(what: str, threads: int, calls: int, url: str, folder: Path, **options: Any) -> Ended:
    """Run the program; its figures are facts."""
    ended = run(PROGRAM, what, threads, calls, url, folder=folder, seconds=600, **options)
    assert ended.code == 0, ended.err
    assert "Traceback" not in ended.err or what in {"exporter raises", "callback raises", "redactor raises"}, ended.err
    return ended


def tight_loops(calls: int, how: str, folder: Path, record_figure: Callable[..., None]) -> None:
    """Eight threads, no pause."""
    with sink_process() as sink:
        if how == "slow":
            sink.behave(delay_seconds=0.5)
        ended = under_load(how, 8, calls, sink.url, folder)
        sink.behave()
        received = sink.stats()

    facts = ended.facts
    record_figure("T-01", threads=8, backend=how, **facts)
    assert (facts["calls"], facts["accepted"], facts["balanced"]) == (8 * calls, 8 * calls, True)
    left = facts["exported"] + sum(facts["dropped"].values()) + facts["uncertain"] + facts["spooled"]
    assert left == 8 * calls + 500, facts
    assert facts["exported"] <= received["spans"] <= facts["exported"] + facts["uncertain"]
    assert received["doubled"] == 0
    assert facts["growth_mib"] <= MIB_LIMIT, f"{facts['growth_mib']:.0f} MiB"


@pytest.mark.parametrize("how", ["slow", "healthy"])
def test_t01_tight_loops(how: str, tmp_path: Path, record_figure: Callable[..., None]) -> None:
    """T-01: 8 threads with 10,000 calls each: the balance is exact to the last one, and the memory bounded."""
    tight_loops(10_000, how, tmp_path, record_figure)


@pytest.mark.soak
@pytest.mark.parametrize("how", ["slow", "healthy"])
def test_t01_a_million_calls(how: str, tmp_path: Path, record_figure: Callable[..., None]) -> None:
    """T-01: 8 threads with 125,000 calls each."""
    tight_loops(125_000, how, tmp_path, record_figure)


@pytest.mark.parametrize("calls", [600, pytest.param(3000, marks=pytest.mark.soak)])
def test_t85_large_arguments(calls: int, tmp_path: Path, record_figure: Callable[..., None]) -> None:
    """T-85: arguments of 1 MB under full capture, a dead backend: at most 64 MiB more (the plain SDK: 2.5 GB)."""
    with sink_process() as sink:
        sink.behave(black_hole=True)
        ended = under_load("large", 1, calls, sink.url, tmp_path)

    facts = ended.facts
    record_figure("T-85", **facts)
    assert facts["balanced"]
    assert facts["calls"] == calls
    assert facts["growth_mib"] <= MIB_LIMIT, f"{facts['growth_mib']:.0f} MiB"


@pytest.mark.serial
@pytest.mark.parametrize("calls", [6000, pytest.param(60_000, marks=pytest.mark.soak)])
def test_t04_a_black_hole(calls: int, tmp_path: Path, record_figure: Callable[..., None]) -> None:
    """T-04: nothing is ever answered: 99 of 100 calls take less than 0.1 ms, all are accounted for."""
    with sink_process() as sink:
        sink.behave(black_hole=True)
        ended = under_load("black hole", 1, calls, sink.url, tmp_path)

    facts = ended.facts
    record_figure("T-04", **facts)
    assert facts["balanced"]
    assert facts["p99_us"] <= P99_US_LIMIT, f"p99 {facts['p99_us']:.0f} us"


@pytest.mark.serial
@pytest.mark.parametrize(
    "what",
    ["exporter raises", "exporter hangs", "callback raises", "callback hangs", "redactor raises"],
)
def test_t54_what_the_application_brought_misbehaves(
    what: str, tmp_path: Path, record_figure: Callable[..., None]
) -> None:
    """T-54: it raises, or hangs for a minute: calls are as quick as ever, and other destinations get their spans."""
    with sink_process() as sink:
        if what.startswith("callback"):
            sink.behave(status=503)
        ended = under_load(what, 1, 3000, sink.url, tmp_path)
        spans = sink.stats()["spans"]

    facts = ended.facts
    record_figure("T-54", what=what, p50_us=facts["p50_us"], p99_us=facts["p99_us"], errors=facts["internal_errors"])
    limit = P99_US_LIMIT if what != "redactor raises" else 5 * P99_US_LIMIT  # values are captured as the call begins
    assert facts["balanced"]
    assert facts["p99_us"] <= limit, f"p99 {facts['p99_us']:.0f} us"
    if what.startswith(("exporter", "redactor")):
        assert spans == 3500
    if what.endswith("raises"):
        assert facts["internal_errors"], "counted"


@pytest.mark.parametrize("times", [100, pytest.param(1000, marks=pytest.mark.soak)])
def test_t56_many_handles(times: int, tmp_path: Path, record_figure: Callable[..., None]) -> None:
    """T-56: pipelines made and dropped: no growth of memory, threads, descriptors or exit handlers."""
    with sink_process() as sink:
        program = str(Path(__file__).parent / "programs" / "many_handles.py")
        ended = run(program, times, sink.url, folder=tmp_path, seconds=600)
        spans = sink.stats()["spans"]

    assert ended.code == 0, ended.err
    early, late = ended.fact("early"), ended.fact("late")
    record_figure("T-56", handles=times, early=early, late=late)
    assert spans == times
    assert {name: late[name] for name in ("fds", "threads", "atexit")} == {
        name: early[name] for name in ("fds", "threads", "atexit")
    }
    assert late["rss_mib"] - early["rss_mib"] <= 8
    assert late["objects"] - early["objects"] <= 2000
