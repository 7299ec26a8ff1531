"""Children of every kind: they start empty, count for themselves, and deliver before they end."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.life.running import gone, last_counts, run, service_instances, spans_account
from tests.sinks.http_sink import HttpSink, http_sink

DURATION = "gen_ai.execute_tool.duration"


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    """A local OTLP receiver."""
    with http_sink() as started:
        yield started


def fork_under_load(forks: int, sink: HttpSink, folder: Path, record_figure: Callable[..., None]) -> None:
    """Fork that often and check every sum."""
    ended = run("forking.py", forks, sink.url, folder=folder, seconds=600)

    assert ended.code == 0, ended.err
    record_figure("T-26", forks=forks, codes=ended.fact("codes"), slowest_child_seconds=round(ended.fact("slowest"), 3))
    assert ended.fact("codes") == {"0": forks}, ended.err
    account = spans_account(ended)
    assert (ended.fact("counted"), ended.fact("balanced")) == (ended.fact("calls"), True)
    assert gone(account, "dropped", "uncertain", "queued") == 0
    by_instance = service_instances(sink.traces)
    assert sink.doubled == 0
    assert len(by_instance) == forks + 1, "each child has its own service.instance.id, for calls and SDK spans alike"
    assert sorted(by_instance.values())[:-1] == [3] * forks
    assert max(by_instance.values()) == account["exported"]
    for metric in (DURATION, "app.calls"):
        counts = last_counts(sink.metrics, metric)
        assert sum(counts.values()) == ended.fact("calls") + 2 * forks, metric
        assert sorted(counts.values())[:-1] == [2] * forks, metric


def test_t26_forks_under_load(sink: HttpSink, tmp_path: Path, record_figure: Callable[..., None]) -> None:
    """T-26: 50 forks while four threads record, export and log: no child hangs, and no sum is doubled."""
    fork_under_load(50, sink, tmp_path, record_figure)


@pytest.mark.soak
def test_t26_five_hundred_forks_under_load(sink: HttpSink, tmp_path: Path, record_figure: Callable[..., None]) -> None:
    """T-26: 500 forks."""
    fork_under_load(500, sink, tmp_path, record_figure)


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("kind", ["process", "pool", "executor"])
def test_t25_children_deliver_at_their_end(
    kind: str, start: str, sink: HttpSink, tmp_path: Path, record_figure: Callable[..., None]
) -> None:
    """T-25: four times a hundred calls in children that flush nothing: 400 spans, and counters that add up to 400."""
    ended = run("pools.py", kind, start, sink.url, folder=tmp_path)

    assert ended.code == 0, ended.err
    counted = sum(last_counts(sink.metrics, DURATION).values())
    record_figure("T-25", kind=kind, start=start, spans=sink.spans, counted=counted)
    assert (sink.spans, sink.doubled, counted) == (400, 0, 400), ended.err
    assert "Traceback" not in ended.err
    assert " lost" not in ended.err


def test_t27_instrumented_before_the_fork(sink: HttpSink, tmp_path: Path, record_figure: Callable[..., None]) -> None:
    """T-27: a master with four workers: five instances, exact totals, the workers' SDK spans under their own names."""
    ended = run("prefork.py", sink.url, folder=tmp_path)

    assert ended.code == 0, ended.err
    by_instance = service_instances(sink.traces)
    counts = last_counts(sink.metrics, DURATION)
    record_figure("T-27", server="os.fork", workers=4, spans=sink.spans, counted=sum(counts.values()))
    assert sorted(by_instance.values()) == [10, 101, 101, 101, 101]
    assert sorted(counts.values()) == [10, 100, 100, 100, 100]
    assert sink.doubled == 0
