"""A backend that is away: for a while, at few calls; and for good, at many."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import linear_regression

import pytest

import otel_perf
from tests.life.running import run
from tests.sinks.http_sink import free_port, http_sink

PROGRAM = str(Path(__file__).parent / "programs" / "endurance.py")
WARM_UP = 3
SLOPE_MIB = 1.0
PASSING_FILES = 4  # a connection that is refused, a segment that is written
CALLS_PER_SECOND = 10


def call_for(seconds: float) -> int:
    """Make calls at a steady rate; how many."""
    calls = round(seconds * CALLS_PER_SECOND)
    due = time.monotonic()
    for _ in range(calls):
        with otel_perf.tool_call("steady"):
            pass
        due += 1 / CALLS_PER_SECOND
        time.sleep(max(0.0, due - time.monotonic()))
    return calls


@pytest.mark.parametrize("spool", [True, False], ids=["spool", "memory"])
@pytest.mark.parametrize("seconds", [2.0, pytest.param(20.0, marks=pytest.mark.soak)])
def test_t03_an_outage_at_few_calls(
    seconds: float, spool: bool, tmp_path: Path, record_figure: Callable[..., None]
) -> None:
    """T-03: 10 calls/s before, during and after an outage: each span arrives once, with and without a spool."""
    port = free_port()
    with otel_perf.instrument(endpoint=f"http://127.0.0.1:{port}", home=tmp_path, spool=spool) as handle:
        with http_sink(port) as before:
            calls = call_for(1)
            assert handle.flush(10)
        calls += call_for(seconds)
        waiting = next(entry for entry in handle.status().destinations if entry.signal == "traces")
        with http_sink(port) as after:
            calls += call_for(1)
            assert handle.flush(30)
            status = handle.status()

    arrived = before.span_ids + after.span_ids
    lost, doubled = calls - len(arrived), arrived.total() - len(arrived)
    record_figure("T-03", outage_seconds=seconds, spool=spool, calls=calls, lost=lost, doubled=doubled)
    assert before.spans, "there was a healthy backend first"
    assert bool(waiting.spooled) is spool
    assert (lost, doubled) == (0, 0)
    assert status.balanced


@pytest.mark.soak
def test_t86_a_million_calls_and_nobody_listens(tmp_path: Path, record_figure: Callable[..., None]) -> None:
    """T-86: OTLP, spool and Prometheus page on: no more than 1 MiB per 100,000 calls, no thread or descriptor more."""
    calls = 1_000_000
    ended = run(PROGRAM, calls, f"http://127.0.0.1:{free_port()}", folder=tmp_path, seconds=900)

    assert ended.code == 0, ended.err
    facts = ended.facts
    looks = facts["looks"][WARM_UP:]
    slope = linear_regression(range(len(looks)), [look["rss_mib"] for look in looks]).slope
    record_figure(
        "T-86",
        calls=calls,
        mib_per_100_000=round(slope, 3),
        rss_mib=round(looks[-1]["rss_mib"]),
        fds=looks[-1]["fds"],
        threads=looks[-1]["threads"],
    )
    assert (facts["calls"], facts["accepted"], facts["balanced"]) == (calls, calls, True), facts
    assert facts["exported"] == 0
    assert sum(facts["dropped"].values()) + facts["spooled"] == calls, facts
    assert not facts["internal_errors"]
    assert {look["threads"] for look in looks} == {looks[0]["threads"]}, looks
    open_files = [look["fds"] for look in looks]
    assert max(open_files) - min(open_files) <= PASSING_FILES, looks
    assert slope <= SLOPE_MIB, f"{slope:.2f} MiB per 100,000 calls: {looks}"
