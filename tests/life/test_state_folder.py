"""The state folder in whole programs: what one process leaves there, the next one delivers or tells."""

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.life.running import run, running, spans_account
from tests.sinks.http_sink import HttpSink, free_port, http_sink


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    """A local OTLP receiver."""
    with http_sink() as started:
        yield started


@pytest.mark.parametrize("how", ["unavailable", "black hole"])
def test_what_one_program_could_not_deliver_the_next_one_does(how: str, sink: HttpSink, tmp_path: Path) -> None:
    """2,000 calls in front of a dead backend, then a program of 100 in front of a healthy one: all arrive once."""
    sink.behave(black_hole=how == "black hole", status=503 if how == "unavailable" else 200)
    first = run("leaving.py", "normal", 2000, sink.url, folder=tmp_path)
    left = spans_account(first)
    assert left["spooled"] + left["uncertain"] == 2000
    sink.behave()
    second = run("leaving.py", "normal", 100, sink.url, folder=tmp_path)
    account = spans_account(second)
    assert (account["accepted"], account["exported"]) == (2100, 2100)
    assert second.fact("balanced")
    assert (sink.spans, sink.doubled) == (2100, 0)
    totals = [entry for entry in second.fact("destinations") if entry["signal"] == "metrics"]
    assert totals[0]["exported"] == totals[0]["accepted"] > 0
    assert len({request.resource_metrics[0].resource.SerializeToString() for request in sink.metrics}) == 2
    assert [path.name for path in (tmp_path / "state").rglob("*") if path.is_file()] == [".gitignore"]


def test_t24_a_killed_program_loses_no_more_than_is_told(sink: HttpSink, tmp_path: Path) -> None:
    """T-24, SIGKILL in an outage: what was due is on disk; the next program delivers it, and tells the largest loss."""
    url = f"http://127.0.0.1:{free_port()}"
    with running("leaving.py", "killed", 500, url, folder=tmp_path) as program:
        for _ in range(60):  # some 3 s of one call a millisecond
            program.wait_for('{"counted"')
        program.tell(9)
        killed = program.end()
    counted = killed.fact("counted")
    port = int(url.rpartition(":")[2])
    with http_sink(port) as again:
        second = run("leaving.py", "normal", 10, url, folder=tmp_path)
        delivered = again.spans - 10
        assert again.doubled == 0
    (note,) = [note for note in second.fact("notes") if "ended without shutdown" in note]
    told = re.search(r"at most (\d+) calls not delivered of (\d+)", note)
    assert told is not None
    most, of = map(int, told.groups())
    assert counted - delivered <= most + (counted - of) + 50, note  # 50: what it did between saying and dying
    assert most <= 2000, "more than an interval's worth"
    assert delivered >= of - most
    assert note in second.err
    assert spans_account(second)["exported"] == delivered + 10
    assert not list((tmp_path / "state" / "ledger").iterdir())


def test_a_state_folder_that_cannot_be_used_is_one_line(sink: HttpSink, tmp_path: Path) -> None:
    """A file in its place: the line says so, and everything else works."""
    (tmp_path / "state").write_text("")
    ended = run("leaving.py", "normal", 100, sink.url, folder=tmp_path)
    assert ended.code == 0
    assert sink.spans == 100
    assert ended.err.count("state folder") == 1
    assert len(ended.err.splitlines()) == 1


def test_the_spool_can_be_switched_off(sink: HttpSink, tmp_path: Path) -> None:
    """Then what is left at the end is dropped, and counted as before."""
    sink.behave(status=503)
    ended = run("leaving.py", "normal", 100, sink.url, folder=tmp_path, environment={"OTEL_PERF_SPOOL": "false"})
    assert spans_account(ended)["dropped"] == {"shutdown_timeout": 100}
    assert not list((tmp_path / "state").rglob("*.segment"))


def test_everything_in_it_is_for_this_user_alone(sink: HttpSink, tmp_path: Path) -> None:
    """Folders 0700, files 0600, and git leaves it alone."""
    sink.behave(status=503)
    run("leaving.py", "normal", 10, sink.url, folder=tmp_path)
    found = [tmp_path / "state", *(tmp_path / "state").rglob("*")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in found if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in found if path.is_file()} == {0o600}
    assert (tmp_path / "state" / ".gitignore").read_text() == "*\n"
