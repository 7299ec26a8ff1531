"""A cache that outlives its process: saved whole, privately and in the background; damage is set aside."""

import contextlib
import json
import os
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.core.file_system import FileSystem
from otel_perf.optimize import cache_saving
from otel_perf.optimize.cache import CacheFile, ResultCache
from otel_perf.optimize.cache_file import DamagedFileError, KeptValue, read_cache, write_cache
from otel_perf.testing.capture import Capture

SECOND = 1_000_000_000


def saving_threads() -> list[threading.Thread]:
    """The threads that save."""
    return [thread for thread in threading.enumerate() if thread.name == "otel_perf-cache-save"]


def mode(path: Path) -> str:
    """Permissions of a file."""
    return oct(stat.S_IMODE(path.stat().st_mode))


def operations(capture: Capture, cache: str) -> dict[tuple[str, str], int]:
    """Loads and saves of one cache by operation and outcome."""
    return {
        (
            point.attributes["otel_perf.cache.file.operation"],
            point.attributes["otel_perf.cache.file.outcome"],
        ): point.value
        for point in capture.metrics().get("otel_perf.cache.file.operations", [])
        if point.attributes["otel_perf.cache.name"] == cache
    }


@pytest.mark.feature("S4-17")
def test_every_hundred_new_items_are_saved_in_the_background(tmp_path: Path, otel_perf_capture: Capture) -> None:
    """99 leave no file; the 100th has one written on a thread that ends; an event tells of it; 100 is the default."""
    path = tmp_path / "embeddings.json"
    assert CacheFile(path).save_every == 100
    cache: ResultCache[str, list[float]] = ResultCache("embeddings", max_entries=5000, file=CacheFile(path))
    for number in range(99):
        cache.get_or_compute(f"text {number}", lambda: [0.25, 0.5])
    assert not saving_threads()
    assert not path.exists()
    cache.get_or_compute("text 99", lambda: [0.25, 0.5])
    for thread in saving_threads():
        thread.join(20)
    assert len(read_cache(CacheFile(path), FileSystem())) == 100
    (event,) = [event for event in otel_perf_capture.events if event.spec.name == "otel_perf.cache.saved"]
    assert event.attributes["otel_perf.cache.file.entries"] == 100
    assert event.attributes["otel_perf.cache.file.size"] == path.stat().st_size
    assert operations(otel_perf_capture, "embeddings") == {("load", "missing"): 1, ("save", "ok"): 1}
    again: ResultCache[str, list[float]] = ResultCache("embeddings", max_entries=5000, file=CacheFile(path))
    assert again.get("text 99") == [0.25, 0.5]
    assert len(again) == 100


@pytest.mark.feature("S4-18")
@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_the_file_belongs_to_its_owner_alone(umask: int, tmp_path: Path) -> None:
    """0600 whatever the umask, the new folder 0700 or narrower, and no draft is left."""
    path = tmp_path / "made" / "cache.json"
    before = os.umask(umask)
    try:
        with ResultCache[str, int]("private", file=CacheFile(path)) as cache:
            cache.set("a", 1)
        cache.set("b", 1)
        assert cache.save()
    finally:
        os.umask(before)
    assert mode(path) == "0o600"
    assert mode(path.parent) == "0o700"
    assert [found.name for found in path.parent.iterdir()] == ["cache.json"]


def test_values_come_back_with_their_order_their_life_and_their_cost(tmp_path: Path, monkeypatch: Any) -> None:
    """The least recently used still goes first; what grew old on the disk does not come back; hits still save time."""
    wall = [1_000 * SECOND]
    monkeypatch.setattr(cache_saving.clock, "wall_ns", lambda: wall[0])
    now = [5 * SECOND]
    file = CacheFile(tmp_path / "cache.json")

    def begin(monotonic_ns: int) -> ResultCache[str, int]:
        now[0] = monotonic_ns
        return ResultCache("lives", max_entries=3, ttl_seconds=100, file=file, now_ns=lambda: now[0])

    def compute() -> int:
        now[0] += 2 * SECOND
        return 1

    with begin(5 * SECOND) as cache:
        cache.get_or_compute("costly", compute)
        cache.set("short", 2, ttl_seconds=10)
        cache.set("plain", 3)
        cache.get("costly")
    wall[0] += 50 * SECOND
    later = begin(77)
    assert len(later) == 2
    later.set("new", 4)
    later.set("newer", 5)
    assert "plain" not in later
    assert later.get("costly") == 1
    assert later.stats().saved_seconds == 2.0
    now[0] += 50 * SECOND
    assert "costly" not in later
    wall[0] -= 10_000 * SECOND  # the wall clock was set back: nothing lives longer than it may at most
    much_later = begin(0)
    now[0] += 100 * SECOND
    assert len(much_later) == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-3],
        lambda data: data.replace(b"1", b"2", 1),
        lambda data: b"\x00\xff" * 100,
        lambda data: data.replace(b'"version": 1', b'"version": 99'),
        lambda data: b"[" * 100_000,
        lambda data: b"{}\n",
        lambda data: b"null\n",
    ],
    ids=["empty", "cut", "changed", "noise", "of the future", "deep", "no facts", "null"],
)
def test_a_damaged_file_is_set_aside_and_counted(damage: Any, tmp_path: Path, otel_perf_capture: Capture) -> None:
    """The cache begins empty and works; the bytes are kept beside it for whoever wants to know."""
    path = tmp_path / "cache.json"
    with ResultCache[str, int]("damaged", file=CacheFile(path)) as cache:
        cache.set("a", 1)
    path.write_bytes(damage(path.read_bytes()))
    damaged = path.read_bytes()
    with ResultCache[str, int]("damaged", file=CacheFile(path)) as cache:
        assert len(cache) == 0
        assert (tmp_path / "cache.json.damaged").read_bytes() == damaged
        cache.set("b", 2)
    assert ResultCache[str, int]("damaged", file=CacheFile(path)).get("b") == 2
    assert operations(otel_perf_capture, "damaged")["load", "damaged"] == 1


def test_a_disk_that_does_not_want_to_costs_only_the_file(tmp_path: Path, otel_perf_capture: Capture) -> None:
    """Neither loading nor saving raises; both are counted; the cache works."""
    path = tmp_path / "folder"
    path.mkdir()
    cache: ResultCache[int, int] = ResultCache("refused", file=CacheFile(path, save_every=1))
    cache.set(1, 1)
    for thread in saving_threads():
        thread.join(20)
    assert not cache.save()
    cache.close()
    assert cache.get(1) == 1
    found = operations(otel_perf_capture, "refused")
    assert found["load", "error"] == 1
    assert found["save", "error"] >= 1
    assert [left.name for left in tmp_path.iterdir()] == ["folder"]


class Stopping(FileSystem):
    """The machine stops at one of the system calls of a save."""

    def __init__(self, call: str) -> None:
        self.call = call

    def __getattribute__(self, name: str) -> Any:
        if name == object.__getattribute__(self, "call"):
            raise KeyboardInterrupt
        return super().__getattribute__(name)


@pytest.mark.parametrize("call", ["create", "write", "sync", "close", "rename"])
def test_whatever_a_save_is_stopped_at_the_old_file_is_whole(call: str, tmp_path: Path) -> None:
    """A save replaces the file in one step."""
    file = CacheFile(tmp_path / "cache.json")
    write_cache(file, [KeptValue("old", 1, None, 0)], FileSystem())
    with pytest.raises(KeyboardInterrupt):
        write_cache(file, [KeptValue("new", 2, None, 0)], Stopping(call))
    assert [kept.key for kept in read_cache(file, FileSystem())] == ["old"]


def test_what_json_does_not_give_back_as_it_was_is_left_out(tmp_path: Path, otel_perf_capture: Capture) -> None:
    """Never changed, never pickled; what was left out is told by the event."""
    path = tmp_path / "cache.json"
    values: dict[Any, Any] = {
        "text": "é\n\ud800",
        ("a", 1, (None, True)): {"k": [1, 2.5, None, float("inf")]},
        "tuple": (1, 2),
        "object": object(),
        "number keys": {1: 2},
        b"bytes": 1,
        frozenset({1}): 1,
    }
    with ResultCache[Any, Any]("plain only", file=CacheFile(path)) as cache:
        for key, value in values.items():
            cache.set(key, value)
    (event,) = [event for event in otel_perf_capture.events if event.spec.name == "otel_perf.cache.saved"]
    assert event.attributes["otel_perf.cache.file.skipped"] == 5
    again: ResultCache[Any, Any] = ResultCache("plain only", file=CacheFile(path))
    assert len(again) == 2
    assert again.get("text") == "é\n\ud800"
    assert again.get(("a", 1, (None, True))) == {"k": [1, 2.5, None, float("inf")]}


def test_a_serializer_of_ones_own(tmp_path: Path) -> None:
    """Bytes of any kind; read without it, the file is not understood, and not lost."""
    path = tmp_path / "cache.json"
    file = CacheFile(path, dumps=bytes, loads=tuple)
    with ResultCache[str, tuple[int, ...]]("own", file=file) as cache:
        cache.set("a", (1, 2, 255))
    assert ResultCache[str, tuple[int, ...]]("own", file=file).get("a") == (1, 2, 255)
    with pytest.raises(ValueError, match="belong together"):
        CacheFile(path, dumps=bytes)
    with pytest.raises(ValueError, match="save_every"):
        CacheFile(path, save_every=0)
    with ResultCache[str, Any]("other", file=CacheFile(path)) as plain:
        plain.set("b", 5)
    with pytest.raises(DamagedFileError):
        read_cache(file, FileSystem())


def test_failures_are_not_written(tmp_path: Path) -> None:
    """A cached exception lives as long as the process at most."""
    path = tmp_path / "cache.json"
    with ResultCache[str, Any]("failures", negative_ttl_seconds=60, file=CacheFile(path)) as cache:
        with pytest.raises(ZeroDivisionError):
            cache.get_or_compute("a", lambda: 1 // 0)
        cache.get_or_compute("b", lambda: None)
    assert [kept.key for kept in read_cache(CacheFile(path), FileSystem())] == ["b"]


def test_what_is_new_is_written_at_the_end_of_the_process_but_not_by_its_children(tmp_path: Path) -> None:
    """A forked child leaves the file to its parent."""
    path = tmp_path / "cache.json"
    program = textwrap.dedent(
        """
        import os, sys
        from otel_perf.optimize.cache import CacheFile, ResultCache
        cache = ResultCache("end", file=CacheFile(sys.argv[1]))
        cache.set("parent", 1)
        if hasattr(os, "fork"):
            child = os.fork()
            if child == 0:
                cache.set("child", 2)
                sys.exit(0)
            os.waitpid(child, 0)
        assert not os.path.exists(sys.argv[1])
        """
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True, timeout=60)
    assert [kept.key for kept in read_cache(CacheFile(path), FileSystem())] == ["parent"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=5,
)


class InMemory(FileSystem):
    """One file, without a disk."""

    data = b""

    def create(self, path: Path) -> int:
        self.data = b""
        return 0

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        self.data += bytes(data[:7])
        return min(7, len(data))

    def sync(self, descriptor: int) -> None: ...

    def close(self, descriptor: int) -> None: ...

    def rename(self, source: Path, target: Path) -> None: ...

    def sync_folder(self, path: Path) -> None: ...

    def look(self, path: Path) -> Any:
        return type("Look", (), {"size_bytes": len(self.data)})

    def read(self, path: Path, most_bytes: int) -> bytes:
        return self.data[:most_bytes]


@given(st.lists(st.builds(KeptValue, KEYS, JSON, st.none() | st.integers(0), st.integers(0)), max_size=6))
def test_any_json_comes_back_as_it_was(values: list[KeptValue]) -> None:
    """Keys, values, ends and costs, bit by bit."""
    files = InMemory()
    file = CacheFile(Path(__file__).with_name("never made"))
    assert write_cache(file, values, files).entries == len(values)
    assert repr(read_cache(file, files)) == repr(values)
    head = json.loads(files.data.partition(b"\n")[0])
    assert (head["format"], head["version"], head["entries"]) == ("otel_perf.cache", 1, len(values))


@given(st.binary(max_size=200), st.integers(0, 400), st.booleans())
def test_any_bytes_are_read_or_refused(noise: bytes, at: int, behind_a_head: bool) -> None:
    """Nothing but the one error comes of it, whatever the file holds."""
    files = InMemory()
    file = CacheFile(Path(__file__).with_name("never made"))
    write_cache(file, [KeptValue("a", [1, 2], None, 5)], files)
    files.data = files.data[:at] + noise + files.data[at:] if behind_a_head else noise
    with contextlib.suppress(DamagedFileError):
        read_cache(file, files)
