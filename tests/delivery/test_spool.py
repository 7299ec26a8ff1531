"""The spool of one destination on a real disk: bounds, order, permissions, and disks that do not want to."""

import errno
import itertools
import os
import stat
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_perf.core import clock
from otel_perf.core.file_system import FileSystem
from otel_perf.core.state_folder import StateFolder
from otel_perf.delivery.parcels import BodyParcel, SpanParcel
from otel_perf.delivery.span_request import EncodedSpan
from otel_perf.delivery.spool import DiskSpool, SpoolSettings
from otel_perf.delivery.spool_folder import SpoolFolder, destination_key
from otel_perf.delivery.wire import length_delimited
from tests.delivery.sending import GROUP, metrics, spans
from tests.delivery.simulated_disk import Disk, SimulatedFiles
from tests.delivery.test_spool_model import ids_of

KIB = 1024
_ids = itertools.count(1)


class Book:
    """What a spool tells its sender."""

    def __init__(self, spool: DiskSpool) -> None:
        self.adopted = 0
        self.lost: Counter[str] = Counter()
        spool.attach(self._adopt, self._lose)

    def _adopt(self, items: int) -> None:
        self.adopted += items

    def _lose(self, items: int, reason: str, *, adopted: bool) -> None:
        self.lost[reason] += items


class Time:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now_ns = 1_700_000_000 * 10**9

    def wait(self, seconds: float) -> None:
        self.now_ns += int(seconds * 1e9)


@pytest.fixture
def time_(monkeypatch: pytest.MonkeyPatch) -> Time:
    """The test's own clock in place of the system's."""
    fake = Time()
    monkeypatch.setattr(clock, "monotonic_ns", lambda: fake.now_ns)
    return fake


def spool_in(home: Path, files: FileSystem | None = None, key: str = "k", **bounds: Any) -> DiskSpool:
    """A spool of spans."""
    return DiskSpool(SpoolFolder(StateFolder(home, files)), key, "traces", SpoolSettings(**bounds))


def parcel(count: int = 1, size: int = 0) -> SpanParcel:
    """A parcel of new spans, each of an incompressible ``size``."""
    made = []
    for _ in range(count):
        span = Span(span_id=next(_ids).to_bytes(8, "big"), parent_span_id=os.urandom(size))
        made.append(EncodedSpan(GROUP, length_delimited(2, span.SerializeToString()), 1))
    return SpanParcel(made)


def drained(spool: DiskSpool) -> Iterator[bytes]:
    """Deliver everything; the bodies in order."""
    while (stored := spool.oldest()) is not None:
        yield stored.body()
        spool.remove(stored)


def files_in(home: Path) -> list[Path]:
    """All regular files below."""
    return [path for path in home.rglob("*") if path.is_file()]


# -- what goes in comes out ----------------------------------------------------------


def test_what_is_kept_comes_back_as_it_was_oldest_first(tmp_path: Path) -> None:
    """Small and large requests, in order; afterwards the folder is gone but for the sign to git."""
    spool = spool_in(tmp_path / "state")
    kept = [parcel(count) for count in (1, 700, 3)]
    assert all(spool.keep(each) for each in kept)
    assert spool.items == 704
    assert list(drained(spool)) == [each.body() for each in kept]
    spool.close()
    assert [path.name for path in files_in(tmp_path)] == [".gitignore"]


def test_keeping_the_same_parcel_again_stores_it_once(tmp_path: Path) -> None:
    """The sender's thread and whoever ends it may both bring it."""
    spool, one = spool_in(tmp_path), parcel(5)
    assert spool.keep(one)
    assert spool.keep(one)
    assert len(list(drained(spool))) == 1


def test_large_requests_are_stored_small(tmp_path: Path) -> None:
    """Requests of more than a block are compressed."""
    spool, one = spool_in(tmp_path), SpanParcel(spans(512, "execute_tool search"))
    spool.keep(one)
    stored = next(tmp_path.rglob("*.segment")).stat().st_size
    assert stored < len(one.body()) / 2
    assert list(drained(spool)) == [one.body()]


def test_nothing_is_made_before_something_is_kept(tmp_path: Path) -> None:
    """A process that never has an outage leaves no trace."""
    spool = spool_in(tmp_path / "state")
    assert spool.oldest() is None
    spool.close()
    assert not list(tmp_path.iterdir())


def test_no_address_and_no_credential_is_on_the_disk(tmp_path: Path) -> None:
    """Neither in names nor in contents."""
    url = "https://user:s3cret@host.example/v1/traces?key=s3cret"
    spool = spool_in(tmp_path, key=destination_key("traces", "http/protobuf", url))
    spool.keep(parcel(3))
    for path in files_in(tmp_path):
        assert b"s3cret" not in path.read_bytes()
        assert b"host.example" not in path.read_bytes()
        assert "s3cret" not in str(path)


def test_destinations_are_told_apart(tmp_path: Path) -> None:
    """By signal, protocol, address with query, and place in the list when all that is the same."""
    keys = {
        destination_key(signal, protocol, url, ordinal)
        for signal in ("traces", "metrics")
        for protocol in ("grpc", "http/protobuf")
        for url in ("http://a", "http://a?tenant=1", "http://a?tenant=2")
        for ordinal in (0, 1)
    }
    assert len(keys) == 24


# -- bounds --------------------------------------------------------------------------


@given(
    steps=st.lists(st.none() | st.tuples(st.integers(1, 9), st.integers(0, 9000)), max_size=40),
    blocks=st.integers(1, 8),
)
def test_above_the_bound_the_oldest_go_counted(steps: list[tuple[int, int] | None], blocks: int) -> None:
    """``None`` delivers the oldest: the spool is a queue of whole files within so many blocks of 4 KiB."""
    files = SimulatedFiles(Disk())
    spool = spool_in(Path("/state"), files, max_bytes=blocks * 4 * KIB)
    book, model, lost = Book(spool), [], 0
    for step in steps:
        if step is None:
            stored = spool.oldest()
            assert (stored is None) == (not model)
            if stored is not None:
                assert ids_of(stored.body()) == model.pop(0)[0]
                spool.remove(stored)
        else:
            each = parcel(step[0], step[1] // step[0])
            if spool.keep(each):
                size = files.disk.files[max(name for name in files.disk.files if "segment" in name)].data
                model.append((ids_of(each.body()), -(-len(size) // (4 * KIB))))
            else:
                assert len(each.body()) > blocks * 4 * KIB - 60
        while sum(cost for _, cost in model) > blocks:
            lost += len(model.pop(0)[0])
        assert book.lost == Counter({"spool_evicted": lost} if lost else {})
        assert spool.items == sum(len(ids) for ids, _ in model)


def test_t05_a_long_outage_keeps_the_newest_within_the_bound(time_: Time) -> None:
    """T-05, 10 minutes at one request per second: 1 MiB of disk at most, the newest are there, the rest is counted."""
    disk = Disk()
    spool = spool_in(Path("/state"), SimulatedFiles(disk), max_bytes=1024 * KIB)
    book, most = Book(spool), 0
    for _ in range(600):
        assert spool.keep(parcel(10, 1000))
        stored = spool.oldest()
        assert stored is not None
        spool.postpone(stored)
        stored.entry.failures = 0
        time_.wait(1)
        most = max(most, sum(len(inode.data) for inode in disk.files.values()))
    assert most <= 1024 * KIB + 16 * KIB
    left = [ids_of(body) for body in drained(spool)]
    assert left == sorted(left)
    assert sum(map(len, left)) + book.lost["spool_evicted"] == 6000
    assert left[-1][-1] - left[0][0] + 1 == sum(map(len, left))
    assert 700 <= sum(map(len, left)) < 1024


def test_old_segments_go_counted(tmp_path: Path, time_: Time) -> None:
    """After the age bound, by a clock that no setting of the date can move."""
    spool = spool_in(tmp_path, max_age_seconds=3600)
    book = Book(spool)
    spool.keep(parcel(3))
    time_.wait(1800)
    spool.keep(parcel(4))
    time_.wait(1801)
    assert [len(ids_of(body)) for body in drained(spool)] == [4]
    assert book.lost == {"spool_evicted": 3}


def test_what_is_being_sent_is_not_evicted(tmp_path: Path) -> None:
    """The second oldest goes in its place."""
    spool = spool_in(tmp_path, max_bytes=8 * KIB)
    book = Book(spool)
    kept = [parcel(1), parcel(2), parcel(4)]
    spool.keep(kept[0])
    sent = spool.oldest()
    assert sent is not None
    assert spool.keep(kept[1])
    assert spool.keep(kept[2])
    assert book.lost == {"spool_evicted": 2}
    spool.remove(sent)
    assert list(drained(spool)) == [kept[2].body()]


def test_a_request_above_the_bound_is_not_kept(tmp_path: Path) -> None:
    """Nothing is evicted for it."""
    spool = spool_in(tmp_path, max_bytes=4 * KIB)
    book = Book(spool)
    assert spool.keep(parcel(1))
    assert not spool.keep(parcel(1, 9000))
    assert spool.items == 1
    assert not book.lost


# -- a segment that never gets through ---------------------------------------------------


def outcome_of(spool: DiskSpool, time_: Time, bad: bytes, rounds: int) -> list[bytes]:
    """A destination that fails for one request and takes every other; what it takes."""
    taken = []
    for _ in range(rounds):
        stored = spool.oldest()
        if stored is None:
            spool.succeed()  # something that was not spooled got through
        elif stored.body() == bad:
            spool.postpone(stored)
        else:
            taken.append(stored.body())
            spool.remove(stored)
        time_.wait(20)
    return taken


@pytest.mark.parametrize("others", [0, 1, 6])
def test_a_hopeless_segment_does_not_block_the_rest(tmp_path: Path, time_: Time, others: int) -> None:
    """It is tried a while, passed over three times, and set aside, counted; also when it is the only one."""
    spool = spool_in(tmp_path)
    book = Book(spool)
    bad, rest = parcel(7), [parcel(1) for _ in range(others)]
    for each in (bad, *rest):
        spool.keep(each)
    assert outcome_of(spool, time_, bad.body(), 60) == [each.body() for each in rest]
    assert book.lost == {"retry_exhausted": 7}
    assert [path.parent.name for path in tmp_path.rglob("*.segment")] == ["refused"]


def test_in_an_outage_no_segment_is_blamed(tmp_path: Path, time_: Time) -> None:
    """Everything fails for a day: all is kept, and goes out in the end, the oldest first but for one that was tried."""
    spool = spool_in(tmp_path)
    book = Book(spool)
    kept = [parcel(1) for _ in range(5)]
    for each in kept:
        spool.keep(each)
    for _ in range(1000):
        stored = spool.oldest()
        assert stored is not None
        spool.postpone(stored)
        time_.wait(86.4)
    assert not book.lost
    assert sorted(drained(spool)) == sorted(each.body() for each in kept)


def test_a_refused_segment_is_set_aside_and_few_are_kept(tmp_path: Path) -> None:
    """The last sixteen, readable for this user alone."""
    spool = spool_in(tmp_path)
    for _ in range(20):
        spool.keep(parcel(1))
    while (stored := spool.oldest()) is not None:
        spool.remove(stored, refused=True)
    aside = list((tmp_path / "spool" / "refused").iterdir())
    assert len(aside) == 16
    assert {stat.S_IMODE(path.stat().st_mode) for path in aside} == {0o600}


# -- files that are not what they were -----------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes() + b"x"),
        lambda path: path.write_bytes(os.urandom(5000)),
        lambda path: (path.unlink(), path.symlink_to("/etc/passwd")),
        lambda path: (path.unlink(), os.mkfifo(path)),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: path.unlink(),
        lambda path: path.rename(path.with_name(path.name.replace(".4.", ".5."))),
    ],
)
def test_a_damaged_segment_is_counted_and_the_rest_delivered(tmp_path: Path, damage: Any) -> None:
    """Torn, grown, replaced, gone, or a trap: never sent, never fatal, and never in the way."""
    spool = spool_in(tmp_path)
    book = Book(spool)
    kept = [parcel(3), parcel(4), parcel(5)]
    for each in kept:
        spool.keep(each)
    damage(sorted(tmp_path.rglob("*.segment"))[1])
    assert list(drained(spool)) == [kept[0].body(), kept[2].body()]
    assert book.lost == {"spool_damaged": 4}
    spool.close()
    again = spool_in(tmp_path)
    assert list(drained(again)) in ([], [kept[1].body()])  # renamed: what it says does not hold, so it stays unsent


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    """Whatever else lies in a folder of the spool."""
    spool = spool_in(tmp_path)
    spool.keep(parcel(2))
    folder = next(tmp_path.rglob("*.segment")).parent
    (folder / "notes.txt").write_text("mine")
    (tmp_path / "spool" / "note").write_text("mine")
    spool.close()
    again = spool_in(tmp_path)
    assert len(list(drained(again))) == 1
    again.close()
    assert (folder / "notes.txt").read_text() == "mine"


# -- disks that do not want to -----------------------------------------------------------


class BrokenFiles(FileSystem):
    """Writing fails."""

    def __init__(self, operation: str, number: int) -> None:
        self.error: OSError | None = OSError(number, os.strerror(number))
        real = getattr(self, operation)

        def broken(*arguments: Any) -> Any:
            if self.error is not None:
                raise self.error
            return real(*arguments)

        setattr(self, operation, broken)


@pytest.mark.parametrize("operation", ["make_folder", "create", "write", "sync", "rename", "sync_folder", "lock"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_a_disk_that_fails_is_told_once_and_tried_again(
    tmp_path: Path, time_: Time, caplog: pytest.LogCaptureFixture, operation: str, number: int
) -> None:
    """Nothing is raised, nothing half-done stays; later it works, which is told as well."""
    files = BrokenFiles(operation, number)
    spool, one = spool_in(tmp_path / "state", files), parcel(3)
    for _ in range(5):
        assert not spool.keep(one)
        time_.wait(61)
        assert spool.accepting
    assert len(caplog.messages) == 1
    assert os.strerror(number) in caplog.text
    files.error = None
    assert spool.keep(one)
    assert len(caplog.messages) == 2
    assert list(drained(spool)) == [one.body()]
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_failing_disk_is_left_in_peace_for_a_while(tmp_path: Path, time_: Time) -> None:
    """One second, then two, up to a minute: meanwhile nothing is tried."""
    files = BrokenFiles("create", errno.ENOSPC)
    spool = spool_in(tmp_path, files)
    assert not spool.keep(parcel())
    files.error = None
    assert not spool.accepting
    assert not spool.keep(parcel())
    time_.wait(1)
    assert spool.keep(parcel())


def test_a_folder_that_is_removed_meanwhile_is_made_again(tmp_path: Path) -> None:
    """What was in it is counted as damaged; what comes after is kept."""
    import shutil

    spool = spool_in(tmp_path / "state")
    book = Book(spool)
    spool.keep(parcel(3))
    shutil.rmtree(tmp_path / "state")
    one = parcel(4)
    assert spool.keep(one)
    assert list(drained(spool)) == [one.body()]
    assert book.lost == {"spool_damaged": 3}


def test_a_state_folder_that_is_no_folder_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file, and a link to somewhere: neither is used."""
    (tmp_path / "file").write_text("")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("file", "link"):
        assert not spool_in(tmp_path / name).keep(parcel())
    assert len(caplog.messages) == 2
    assert not list((tmp_path / "elsewhere").iterdir())


def test_without_file_locks_nothing_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A platform on which no lock ends with its process."""
    assert not spool_in(tmp_path, BrokenFiles("lock", errno.ENOTSUP)).keep(parcel())
    assert len(caplog.messages) == 1


# -- permissions ----------------------------------------------------------------------


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_t43_files_and_folders_are_for_this_user_alone(tmp_path: Path, mask: int) -> None:
    """T-43: whatever the umask, 0600 and 0700."""
    before = os.umask(mask)
    try:
        spool = spool_in(tmp_path / "state")
        for count in (1, 2, 700):
            spool.keep(parcel(count))
        refused = spool.oldest()
        assert refused is not None
        spool.remove(refused, refused=True)
    finally:
        os.umask(before)
    found = list((tmp_path / "state").rglob("*"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in found if path.is_file()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state", *found) if path.is_dir()} == {0o700}
    assert len(found) >= 7


def test_git_is_told_to_leave_the_folder_alone(tmp_path: Path) -> None:
    """A folder that we made, but not one in which the user has something."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "main.py").write_text("")
    for name in ("ours", "theirs"):
        spool_in(tmp_path / name).keep(parcel())
    assert (tmp_path / "ours" / ".gitignore").read_text() == "*\n"
    assert not (tmp_path / "theirs" / ".gitignore").exists()


# -- metrics ----------------------------------------------------------------------------


def test_snapshots_are_kept_only_at_the_end(tmp_path: Path) -> None:
    """Before, the next snapshot makes the last one needless."""
    folder = SpoolFolder(StateFolder(tmp_path))
    spool = DiskSpool(folder, "k", "metrics", SpoolSettings(only_at_end=True))
    assert not spool.accepting
    assert spool.keep(BodyParcel(metrics(3), 3))
    assert [body == metrics(3) for body in drained(spool)] == [True]


def test_a_segment_of_another_signal_is_not_sent(tmp_path: Path) -> None:
    """A folder that was renamed by hand."""
    spool_in(tmp_path).keep(parcel(3))
    other = DiskSpool(SpoolFolder(StateFolder(tmp_path)), "k", "metrics")
    book = Book(other)
    for lock in tmp_path.rglob("lock"):
        lock.unlink()
    assert not list(drained(other))
    assert (book.adopted, book.lost) == (3, {"spool_damaged": 3})


# -- taking over ------------------------------------------------------------------------


def test_several_full_folders_are_shared_among_the_living(tmp_path: Path, time_: Time) -> None:
    """Three workers die with full spools and three begin: each takes one, nothing is evicted for the others."""
    bound = 32 * KIB
    for _ in range(3):
        dead = spool_in(tmp_path, max_bytes=bound)
        for _ in range(8):
            assert dead.keep(parcel(1))
        dead.close()
    living = [spool_in(tmp_path, max_bytes=bound) for _ in range(3)]
    books = [Book(spool) for spool in living]
    for spool in living:
        assert spool.oldest() is not None
    assert [book.adopted for book in books] == [8, 8, 8]
    assert not any(book.lost for book in books)


def test_a_lonely_process_takes_all_over_in_the_end_and_keeps_its_bound(tmp_path: Path, time_: Time) -> None:
    """Nobody else comes: after a while the rest is taken over as well, and the oldest goes, counted."""
    bound = 32 * KIB
    for _ in range(3):
        dead = spool_in(tmp_path, max_bytes=bound)
        for _ in range(8):
            assert dead.keep(parcel(1))
        dead.close()
    spool = spool_in(tmp_path, max_bytes=bound)
    book = Book(spool)
    for _ in range(5):
        stored = spool.oldest()
        assert stored is not None
        spool.postpone(stored)
        stored.entry.failures = 0
        time_.wait(31)
    assert (book.adopted, book.lost, spool.items) == (24, {"spool_evicted": 16}, 8)


def test_what_nobody_sends_any_more_is_removed_when_it_is_old(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """For an address that is not set any more: left alone for two weeks, then removed and told; ours never."""
    for key in ("stranger", "younger", "k"):
        left = spool_in(tmp_path, key=key)
        left.keep(parcel(3))
        left.close()
    for path in tmp_path.rglob("*.segment"):
        days = {"stranger": 15, "younger": 13, "k": 6}[path.parent.name]
        os.utime(path, ns=(0, clock.wall_ns() - days * 86_400 * 10**9))
    spool = spool_in(tmp_path)
    assert len(list(drained(spool))) == 1
    spool.close()
    assert [path.parent.name for path in tmp_path.rglob("*.segment")] == ["younger"]
    assert "3 spooled items" in caplog.text


def test_a_forked_child_leaves_the_parents_spool_alone(tmp_path: Path) -> None:
    """It closes its copy of the lock, keeps its own, and removes nothing."""
    spool = spool_in(tmp_path)
    mine = parcel(3)
    spool.keep(mine)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            spool.after_fork_in_child()
            assert spool.oldest() is None
            assert spool.keep(parcel(2))
            assert spool.items == 2
            spool.close()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    heir = spool_in(tmp_path)
    book = Book(heir)
    assert [len(ids_of(body)) for body in drained(heir)] == [2]
    assert book.adopted == 2
    assert list(drained(spool)) == [mine.body()]


class SlowDisk(FileSystem):
    """One call takes as long as the test wants."""

    def __init__(self) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()

    def sync(self, descriptor: int) -> None:
        if not self.reached.is_set():
            self.reached.set()
            assert self.go_on.wait(20)
        super().sync(descriptor)


def test_a_spool_that_is_closed_during_a_slow_write_lets_go_after_it(tmp_path: Path) -> None:
    """What was written then is for the next pipeline of the same process as well: no lock is left."""
    disk = SlowDisk()
    spool, waiting = spool_in(tmp_path, disk), parcel(3)
    writer = threading.Thread(target=spool.keep, args=(waiting,))
    writer.start()
    assert disk.reached.wait(10)
    spool.close()
    disk.go_on.set()
    writer.join()
    following = spool_in(tmp_path)
    assert (found := following.oldest()) is not None
    assert found.items == 3
    following.close()
