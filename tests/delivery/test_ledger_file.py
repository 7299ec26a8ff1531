"""The ledger file: what a killed process leaves to be told, and what an orderly one does not."""

import errno
import os
import signal
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.core.file_system import FileSystem
from otel_perf.core.state_folder import StateFolder
from otel_perf.delivery.ledger_file import AtRisk, Ended, LedgerFile, pack, read
from otel_perf.delivery.spool_folder import SpoolFolder
from tests.delivery.test_spool import BrokenFiles

ROWS = [AtRisk("http://a/v1/traces", 37, 512, 0), AtRisk("grpc://b:4317", 3, 0, 9)]


def killed(home: Path) -> LedgerFile:
    """A process writes and is gone: its lock with it, its file not."""
    pid = os.fork()
    if pid == 0:
        LedgerFile(StateFolder(home)).update(100, ROWS)
        os._exit(0)
    os.waitpid(pid, 0)
    return LedgerFile(StateFolder(home))


def test_the_next_process_tells_what_can_at_most_have_been_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One line with the largest loss of any destination, once; the file is gone then."""
    second = killed(tmp_path)
    second.update(0, ROWS)
    assert len(second.notes) == 1
    assert "ended without shutdown: at most 37 calls not delivered of 100" in second.notes[0]
    assert "512 more were on disk" in second.notes[0]
    assert [record.message for record in caplog.records] == [f"otel_perf: {second.notes[0]}"]
    third = LedgerFile(StateFolder(tmp_path))
    third.update(0, ROWS)
    assert third.notes == ()
    for file in (second, third):
        file.close()
    assert not list((tmp_path / "ledger").iterdir())


def test_many_killed_processes_are_few_lines(tmp_path: Path) -> None:
    """The last three one by one, the others together; a process without a call is not worth a word."""
    (tmp_path / "ledger").mkdir()
    for calls in (0, 10, 20, 30, 40, 50):
        left = Ended(1, calls, calls, calls, (AtRisk("x", calls // 10, 0, 0),))
        (tmp_path / "ledger" / f"{calls}.bin").write_bytes(pack(left))
    file = LedgerFile(StateFolder(tmp_path))
    file.update(1, ROWS)
    assert len(file.notes) == 4
    assert file.notes[0].startswith("2 earlier processes ended without shutdown: at most 3 calls not delivered of 30")
    assert [note.partition(" of ")[2][:2] for note in file.notes[1:]] == ["30", "40", "50"]
    file.close()


def test_an_orderly_end_leaves_nothing(tmp_path: Path) -> None:
    """And updates that come later write nothing."""
    file = LedgerFile(StateFolder(tmp_path))
    file.update(1, ROWS)
    assert len(list((tmp_path / "ledger").iterdir())) == 1
    file.close()
    file.update(2, ROWS)
    file.close()
    assert not list((tmp_path / "ledger").iterdir())


def test_a_living_process_is_not_told_of(tmp_path: Path) -> None:
    """Its file is locked, and stays."""
    first, second = LedgerFile(StateFolder(tmp_path)), LedgerFile(StateFolder(tmp_path))
    first.update(1, ROWS)
    second.update(1, ROWS)
    assert second.notes == ()
    assert len(list((tmp_path / "ledger").iterdir())) == 2
    for file in (first, second):
        file.close()


def test_a_forked_child_writes_a_file_of_its_own(tmp_path: Path) -> None:
    """The parent's stays locked and unharmed, whatever the child does."""
    home = StateFolder(tmp_path)
    file = LedgerFile(home)
    file.update(5, ROWS)
    pid = os.fork()
    if pid == 0:
        home.after_fork_in_child()
        file.after_fork_in_child()
        file.update(1, ROWS[:1])
        os._exit(0 if len(list((tmp_path / "ledger").iterdir())) == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    file.update(6, ROWS)
    other = LedgerFile(StateFolder(tmp_path))
    other.update(0, ROWS)
    assert len(other.notes) == 1
    assert f"process {pid} " in other.notes[0]
    for each in (file, other):
        each.close()
    assert not list((tmp_path / "ledger").iterdir())


def test_the_file_is_written_only_when_something_has_changed(tmp_path: Path) -> None:
    """An idle process does not wear out the disk."""
    file = LedgerFile(StateFolder(tmp_path))
    file.update(1, ROWS)
    path = next((tmp_path / "ledger").iterdir())
    before = path.read_bytes()
    file.update(1, ROWS)
    assert path.read_bytes() == before
    file.update(2, ROWS)
    assert path.read_bytes() != before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    file.close()


@given(cut=st.integers(0, 400), flip=st.integers(0, 400))
def test_a_file_that_is_not_what_was_written_says_nothing(cut: int, flip: int) -> None:
    """Any part of it, and any changed byte."""
    entry = Ended(4711, 1_700_000_000 * 10**9, 1_700_000_001 * 10**9, 100, tuple(ROWS))
    written = pack(entry)
    assert read(written) == entry
    assert read(written + b"of a longer one before") == entry
    if cut < len(written):
        assert read(written[:cut]) is None
    if flip < len(written):
        assert read(written[:flip] + bytes([written[flip] ^ 1]) + written[flip + 1 :]) is None


@pytest.mark.parametrize("operation", ["lock", "overwrite", "make_folder"])
def test_a_disk_that_fails_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture, operation: str) -> None:
    """And then left alone for a while."""
    file = LedgerFile(StateFolder(tmp_path / "state", BrokenFiles(operation, errno.ENOSPC)))
    for calls in range(5):
        file.update(calls, ROWS)
    file.close()
    assert len(caplog.messages) == 1


def test_garbage_in_the_folder_is_removed_and_not_told(tmp_path: Path) -> None:
    """A file that says nothing is no report; one of another kind is left alone."""
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "x.bin").write_bytes(b"x" * 500)
    (tmp_path / "ledger" / "notes.txt").write_text("mine")
    file = LedgerFile(StateFolder(tmp_path))
    file.update(1, ROWS)
    assert file.notes == ()
    file.close()
    assert [path.name for path in (tmp_path / "ledger").iterdir()] == ["notes.txt"]


class Watched(FileSystem):
    """Another process takes every file of a known name for one that was left, before it can be locked."""

    def __init__(self, name: str, times: int) -> None:
        self._name = name
        self._times = times

    def lock(self, path: Path) -> int | None:
        if not path.match(self._name) or self._times == 0:
            return super().lock(path)
        self._times -= 1
        other = super().lock(path)
        assert other is not None
        found = super().lock(path)
        self.unlink(path)
        self.close(other)
        return found


def test_processes_that_look_at_the_same_moment_do_not_take_a_new_file(tmp_path: Path) -> None:
    """However often others look for what was left while this process starts: its file is there, and its own."""
    home = StateFolder(tmp_path, Watched("*.bin", times=100))
    file = LedgerFile(home)
    file.update(1, ROWS)
    assert home.usable()
    (path,) = (tmp_path / "ledger").iterdir()
    assert (ended := read(path.read_bytes())) is not None
    assert ended.calls == 1
    file.close()


def test_a_new_spool_folder_is_made_again_until_nobody_takes_it(tmp_path: Path) -> None:
    """Taken ten times before it was locked, it is there at the eleventh."""
    folder = SpoolFolder(StateFolder(tmp_path, Watched("spool/*/*/lock", times=10)))
    shelf = folder.own("0123456789abcdef")
    assert shelf.folder.is_dir()
    shelf.close()


def test_a_file_that_was_never_locked_goes_in_the_end(tmp_path: Path) -> None:
    """What a process left that was killed in that moment; a young one may be somebody's."""
    (tmp_path / "ledger").mkdir()
    old, young = (tmp_path / "ledger" / name for name in ("old.new", "young.new"))
    for path in (old, young):
        path.touch()
    os.utime(old, (0, 0))
    file = LedgerFile(StateFolder(tmp_path))
    file.update(1, ROWS)
    assert (old.exists(), young.exists()) == (False, True)
    file.close()


def test_forty_five_processes_that_start_at_once_all_have_a_file(tmp_path: Path) -> None:
    """None of them says that it keeps what waits in memory only."""
    begin, said, leave = os.pipe(), os.pipe(), os.pipe()
    children = []
    for _ in range(45):
        pid = os.fork()
        if pid == 0:
            signal.alarm(30)
            os.close(begin[1])
            os.close(leave[1])
            os.read(begin[0], 1)  # ends for all when the pipe is closed
            home = StateFolder(tmp_path / "home")
            LedgerFile(home).update(1, ROWS)
            os.write(said[1], b"y" if home.usable() else b"n")
            os.read(leave[0], 1)
            os._exit(0)
        children.append(pid)
    os.close(said[1])
    os.close(begin[1])
    answers = b"".join(os.read(said[0], 1) for _ in children)
    found = len(list((tmp_path / "home" / "ledger").glob("*.bin")))
    os.close(leave[1])
    for pid in children:
        os.waitpid(pid, 0)
    for descriptor in (begin[0], said[0], leave[0]):
        os.close(descriptor)
    assert answers == b"y" * 45
    assert found == 45
