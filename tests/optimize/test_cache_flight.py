"""One computation for all who ask at once: threads, tasks, both; exceptions, cancellation, recursion, forks."""

import asyncio
import os
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_perf.optimize.cache import ResultCache

PATIENCE = 20.0


class Computing:
    """A computation that says when it has begun, and ends when told to."""

    def __init__(self, *answers: object) -> None:
        self.calls = 0
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self._answers = answers or ("value",)

    def __call__(self) -> object:
        self.calls += 1
        answer = self._answers[min(self.calls, len(self._answers)) - 1]
        self.begun.set()
        assert self.go_on.wait(PATIENCE)
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Key:
    """A key that knows which threads looked it up: each of them is, or will be, part of what is under way."""

    def __init__(self) -> None:
        self._threads: set[int] = set()

    def __hash__(self) -> int:
        self._threads.add(threading.get_ident())
        return 1

    def wait_for(self, threads: int) -> None:
        """Wait until so many threads have come."""
        pause = threading.Event()
        for _ in range(int(PATIENCE * 1000)):
            if len(self._threads) >= threads:
                return
            pause.wait(0.001)
        raise AssertionError(f"only {len(self._threads)} came")


def test_64_threads_that_want_the_same_key_compute_once() -> None:
    """All get the value, one of them made it, and every look-up is counted as what it was."""
    cache: ResultCache[Key, object] = ResultCache("stampede")
    compute, key = Computing(), Key()
    with ThreadPoolExecutor(64) as pool:
        answers = [pool.submit(cache.get_or_compute, key, compute) for _ in range(64)]
        key.wait_for(64)
        compute.go_on.set()
        assert {answer.result(PATIENCE) for answer in answers} == {"value"}
    found = cache.stats()
    assert compute.calls == 1
    assert (found.hits, found.misses, found.coalesced) == (0, 1, 63)
    assert cache.get(key) == "value"


def test_an_exception_is_given_to_all_who_wait_and_is_not_cached() -> None:
    """The same object in every thread, which says where it comes from; the next call computes anew."""
    cache: ResultCache[Key, object] = ResultCache("failing")
    error, key = ValueError("no"), Key()
    compute = Computing(error, "value")
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(cache.get_or_compute, key, compute) for _ in range(8)]
        key.wait_for(8)
        compute.go_on.set()
        assert {id(answer.exception(PATIENCE)) for answer in answers} == {id(error)}
    assert "__call__" in {frame.name for frame in traceback.extract_tb(error.__traceback__)}
    assert cache.get_or_compute(key, compute) == "value"
    assert compute.calls == 2


def test_when_a_computation_is_interrupted_one_of_those_who_wait_takes_over() -> None:
    """A ``KeyboardInterrupt`` is its thread's own; the others get their value, made once more."""
    cache: ResultCache[Key, object] = ResultCache("interrupted")
    compute, key = Computing(KeyboardInterrupt(), "value"), Key()
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(cache.get_or_compute, key, compute)
        assert compute.begun.wait(PATIENCE)
        others = [pool.submit(cache.get_or_compute, key, compute) for _ in range(7)]
        key.wait_for(8)
        compute.go_on.set()
        assert {other.result(PATIENCE) for other in others} == {"value"}
        assert isinstance(first.exception(PATIENCE), KeyboardInterrupt)
    assert compute.calls == 2
    assert cache.stats().lookups == 8


def test_tasks_on_one_loop_compute_once() -> None:
    """A thousand tasks, one computation, and the loop is not held up meanwhile."""
    cache: ResultCache[str, int] = ResultCache("tasks")
    calls = 0

    async def compute() -> int:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)
        return calls

    async def all_at_once() -> list[int]:
        return await asyncio.gather(*(cache.aget_or_compute("k", compute) for _ in range(1000)))

    assert set(asyncio.run(all_at_once())) == {1}
    assert (cache.stats().misses, cache.stats().coalesced) == (1, 999)


def test_a_task_cancelled_while_it_waits_leaves_the_others_alone() -> None:
    """The computation goes on, and everybody else gets its value."""
    cache: ResultCache[str, str] = ResultCache("impatient")

    async def scene() -> list[object]:
        go_on = asyncio.Event()

        async def compute() -> str:
            await go_on.wait()
            return "value"

        tasks = [asyncio.ensure_future(cache.aget_or_compute("k", compute)) for _ in range(5)]
        await asyncio.sleep(0)
        tasks[2].cancel()
        await asyncio.sleep(0)
        go_on.set()
        return await asyncio.gather(*tasks, return_exceptions=True)  # type: ignore[return-value]

    answers = asyncio.run(scene())
    assert isinstance(answers.pop(2), asyncio.CancelledError)
    assert answers == ["value"] * 4
    assert cache.stats().lookups == 5


def test_when_the_computing_task_is_cancelled_the_next_one_takes_over() -> None:
    """Also when that one is cancelled too."""
    cache: ResultCache[str, str] = ResultCache("cancelled")
    calls = 0

    async def scene() -> list[object]:
        go_on = asyncio.Event()

        async def compute() -> str:
            nonlocal calls
            calls += 1
            await go_on.wait()
            return "value"

        tasks = [asyncio.ensure_future(cache.aget_or_compute("k", compute)) for _ in range(5)]
        for task in tasks[:2]:
            for _ in range(10):
                await asyncio.sleep(0)
            task.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
        go_on.set()
        return await asyncio.gather(*tasks, return_exceptions=True)  # type: ignore[return-value]

    answers = asyncio.run(scene())
    assert [isinstance(answer, asyncio.CancelledError) for answer in answers] == [True, True, False, False, False]
    assert answers[2:] == ["value"] * 3
    assert calls == 3


def test_threads_and_tasks_share_one_computation() -> None:
    """A task waits for a thread's computation without holding up its loop."""
    cache: ResultCache[str, object] = ResultCache("mixed")
    compute = Computing()

    async def never() -> object:
        raise AssertionError("the thread computes")

    async def scene() -> object:
        thread = asyncio.ensure_future(asyncio.to_thread(cache.get_or_compute, "k", compute))
        while not compute.begun.is_set():
            await asyncio.sleep(0.001)
        task = asyncio.ensure_future(cache.aget_or_compute("k", never))
        await asyncio.sleep(0)
        compute.go_on.set()
        return await thread, await task

    assert asyncio.run(scene()) == ("value", "value")
    assert compute.calls == 1


def test_a_computation_that_asks_for_its_own_key_does_not_hang() -> None:
    """The inner call computes by itself; the outer value is the one that is held."""
    cache: ResultCache[str, str] = ResultCache("recursive")

    def compute() -> str:
        return "outer of " + cache.get_or_compute("k", lambda: "inner")

    async def compute_in_task() -> str:
        async def inner() -> str:
            return "inner"

        return "outer of " + await asyncio.ensure_future(cache.aget_or_compute("a", inner))

    assert cache.get_or_compute("k", compute) == "outer of inner"
    assert asyncio.run(cache.aget_or_compute("a", compute_in_task)) == "outer of inner"
    assert (cache.get("k"), cache.get("a")) == ("outer of inner", "outer of inner")


def test_a_plain_call_on_the_loop_that_computes_does_not_hang() -> None:
    """It would wait for a task that can only go on when it returns; so it computes."""
    cache: ResultCache[str, str] = ResultCache("blocking")

    async def scene() -> tuple[str, str]:
        go_on = asyncio.Event()

        async def compute() -> str:
            await go_on.wait()
            return "from the task"

        task = asyncio.ensure_future(cache.aget_or_compute("k", compute))
        await asyncio.sleep(0)
        plain = cache.get_or_compute("k", lambda: "from the call")
        go_on.set()
        return plain, await task

    assert asyncio.run(scene()) == ("from the call", "from the task")
    assert cache.get("k") == "from the task"


@pytest.mark.parametrize("change", ["set", "invalidate", "clear"])
def test_what_was_computed_before_a_change_is_not_held(change: str) -> None:
    """Who asked before gets the old value; it does not overwrite the new one."""
    cache: ResultCache[str, object] = ResultCache("outdated")
    compute = Computing("old")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(cache.get_or_compute, "k", compute)
        assert compute.begun.wait(PATIENCE)
        {"set": lambda: cache.set("k", "new"), "invalidate": lambda: cache.invalidate("k"), "clear": cache.clear}[
            change
        ]()
        compute.go_on.set()
        assert answer.result(PATIENCE) == "old"
    assert cache.get("k") == ("new" if change == "set" else None)


def test_a_stop_iteration_is_an_exception_like_any_other() -> None:
    """Tasks that wait get it, as what a coroutine makes of it, and nobody hangs."""
    cache: ResultCache[str, object] = ResultCache("stopping")
    compute = Computing(StopIteration())

    async def never() -> object:
        raise AssertionError("the thread computes")

    def in_thread() -> None:
        with pytest.raises(StopIteration):
            cache.get_or_compute("k", compute)

    async def scene() -> list[object]:
        thread = asyncio.ensure_future(asyncio.to_thread(in_thread))
        while not compute.begun.is_set():
            await asyncio.sleep(0.001)
        task = asyncio.ensure_future(cache.aget_or_compute("k", never))
        await asyncio.sleep(0)
        compute.go_on.set()
        await thread
        return await asyncio.gather(task, return_exceptions=True)  # type: ignore[return-value]

    (answer,) = asyncio.run(scene())
    assert isinstance(answer, RuntimeError)
    assert isinstance(answer.__cause__, StopIteration)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_neither_waits_for_the_parents_threads_nor_loses_entries() -> None:
    """A computation under way in the parent is the parent's; what was held is held in both."""
    cache: ResultCache[str, object] = ResultCache("forked", max_bytes=10_000)
    cache.set("held", "value")
    compute = Computing()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(cache.get_or_compute, "k", compute)
        assert compute.begun.wait(PATIENCE)
        child = os.fork()
        if child == 0:
            good = cache.get("held") == "value" and cache.get_or_compute("k", lambda: "own") == "own"
            os._exit(0 if good and len(cache) == 2 else 1)
        compute.go_on.set()
        assert answer.result(PATIENCE) == "value"
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class Chaos:
    """Tasks on a few keys, of different lengths, cancelled at different times, some of which fail."""

    def __init__(self) -> None:
        self.cache: ResultCache[int, str] = ResultCache("chaos")
        self.running: set[int] = set()

    async def ask(self, key: int, length: int, *, fails: bool) -> str:
        """One look-up."""

        async def compute() -> str:
            assert key not in self.running  # one computation of a key at a time
            self.running.add(key)
            try:
                await let_others_run(length)
                return f"value {key // (0 if fails else 1)}"
            finally:
                self.running.discard(key)

        return await self.cache.aget_or_compute(key, compute)

    async def play(self, tasks: list[tuple[int, int, int | None, bool]]) -> list[object]:
        """All look-ups; what came of each."""
        started = []
        for key, length, cancel_after, fails in tasks:
            task = asyncio.ensure_future(self.ask(key, length, fails=fails))
            started.append(task)
            if cancel_after is not None:
                await let_others_run(cancel_after)
                task.cancel()
        return await asyncio.wait_for(asyncio.gather(*started, return_exceptions=True), PATIENCE)  # type: ignore[return-value]


async def let_others_run(turns: int) -> None:
    """Give so many turns of the event loop away."""
    for _ in range(turns):
        await asyncio.sleep(0)


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 3), st.none() | st.integers(0, 4), st.booleans()),
        min_size=1,
        max_size=25,
    )
)
@settings(max_examples=50)
def test_whatever_is_cancelled_or_fails_nobody_hangs_and_every_look_up_is_counted(
    tasks: list[tuple[int, int, int | None, bool]],
) -> None:
    """Each gets the value of its key, or the failure, or was cancelled; one that never began is no look-up."""
    chaos = Chaos()
    answers = asyncio.run(chaos.play(tasks))
    outcomes = [
        (key, cancel_after, answer)
        for (key, _, cancel_after, _), answer in zip(tasks, answers, strict=True)
        if answer != f"value {key}" and not isinstance(answer, ZeroDivisionError)
    ]
    assert all(isinstance(answer, asyncio.CancelledError) and after is not None for _, after, answer in outcomes)
    never_begun = sum(cancel_after == 0 for _, cancel_after, _ in outcomes)
    assert chaos.cache.stats().lookups == len(tasks) - never_begun
    assert not chaos.running
