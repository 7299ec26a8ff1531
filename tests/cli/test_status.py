"""``otel-perf status``: what waits on disk, seen from another terminal."""

import json
import os
from pathlib import Path
from typing import Any

from otel_perf.core.state_folder import StateFolder
from otel_perf.delivery.ledger_file import AtRisk, LedgerFile
from otel_perf.delivery.segments import Name, Segment, pack
from otel_perf.delivery.spool_folder import SpoolFolder
from tests.cli.command import python

KEY = "00112233445566ff"


def status(folder: Path, *words: str) -> str:
    """What the command prints; it says nothing else and ends with 0."""
    done = python(["-m", "otel_perf", "status", *words], folder, more={"OTEL_PERF_HOME": str(folder / "state")})
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def form(folder: Path) -> dict[str, Any]:
    """The same as JSON."""
    found: dict[str, Any] = json.loads(status(folder, "--json"))
    return found


def listing(folder: Path) -> list[tuple[str, int]]:
    """Everything there and when it was changed."""
    return sorted((str(path), path.lstat().st_mtime_ns) for path in folder.rglob("*"))


def test_nothing_is_one_clear_line(tmp_path: Path) -> None:
    """No folder, or an empty one: one line, and no folder is made."""
    assert status(tmp_path) == (
        f"Nothing in {tmp_path}/state: no process runs with this state folder, and nothing waits in it.\n"
    )
    assert not (tmp_path / "state").exists()
    assert form(tmp_path)["spool"]["waiting"] == {"requests": 0, "items": 0, "size_bytes": 0}


def test_what_waits_is_told_by_process_and_destination(tmp_path: Path) -> None:
    """Requests, items, bytes; in hand while the process lives, for the next one afterwards; nothing is touched."""
    spool = SpoolFolder(StateFolder(tmp_path / "state"))
    shelf = spool.own(KEY)
    for sequence, items in ((1, 512), (2, 88)):
        name = Name(sequence, (), items)
        shelf.store(name, pack(Segment("traces", items, 1, b"x" * 100)))
    before = listing(tmp_path)
    found = form(tmp_path)["spool"]
    (process,) = found["processes"]
    assert (process["pid"], process["held"]) == (os.getpid(), True)
    (destination,) = process["destinations"]
    sizes = sum(path.stat().st_size for path in tmp_path.rglob("*.segment"))
    waiting = {"requests": 2, "items": 600, "size_bytes": sizes}
    assert destination == {"key": KEY, "waiting": waiting, "held": True}
    assert found["waiting"] == waiting
    assert listing(tmp_path) == before
    shelf.close()
    text = status(tmp_path)
    assert f"600 items in 2 requests, {sizes} bytes" in text
    assert f"of process {os.getpid()}" in text
    assert "process has ended; the next one delivers" in text


def test_what_was_set_aside_is_told(tmp_path: Path) -> None:
    """Refused and damaged requests are counted apart from what waits."""
    spool = SpoolFolder(StateFolder(tmp_path / "state"))
    shelf = spool.own(KEY)
    name = Name(1, (), 7)
    shelf.store(name, pack(Segment("traces", 7, 1, b"x")))
    spool.set_aside(shelf, name, "refused")
    found = form(tmp_path)["spool"]
    assert (found["refused"]["items"], found["damaged"]["items"], found["waiting"]["items"]) == (7, 0, 0)
    assert "set aside as refused: 7 items in 1 requests" in status(tmp_path)
    shelf.close()


def test_anything_may_lie_there(tmp_path: Path) -> None:
    """Files of others, folders of no meaning, pipes and links are passed over."""
    folder = tmp_path / "state" / "spool" / "20260101T000000-1-abcdef" / KEY
    folder.mkdir(parents=True)
    os.mkfifo(folder / "lock")
    (folder / "000000000001.5.segment").mkdir()
    (folder / "note\x1b[31m.txt").write_text("x")
    (folder.parent / "a-link").symlink_to("/")
    (tmp_path / "state" / "spool" / "\x1b[31mred").mkdir()
    (tmp_path / "state" / "spool" / "file").write_text("x")
    text = status(tmp_path)
    assert "0 items in 0 requests" in text
    assert "\x1b" not in text


def test_processes_are_told_from_their_ledgers(tmp_path: Path) -> None:
    """Alive or not, calls, and what waits for each destination; afterwards the one that was killed is still told."""
    ledger = LedgerFile(StateFolder(tmp_path / "state"))
    ledger.update(1234, [AtRisk("http://host:4318/v1/traces", 5, 512, 1)])
    before = listing(tmp_path)
    (process,) = form(tmp_path)["processes"]
    assert (process["pid"], process["alive"], process["calls"]) == (os.getpid(), True, 1234)
    destination = {"destination": "http://host:4318/v1/traces", "in_memory": 5, "on_disk": 512, "uncertain": 1}
    assert process["destinations"] == [destination]
    text = status(tmp_path)
    assert f"process {os.getpid()}: running, 1,234 calls, written " in text
    assert "http://host:4318/v1/traces: 5 in memory, 512 on disk, 1 uncertain" in text
    assert listing(tmp_path) == before
    kept = {path: path.read_bytes() for path in (tmp_path / "state" / "ledger").iterdir()}
    ledger.close()
    for path, content in kept.items():
        path.write_bytes(content)
    assert "ended without a shutdown, 1,234 calls" in status(tmp_path)
    path.write_bytes(b"garbage")
    assert form(tmp_path)["processes"] == []
