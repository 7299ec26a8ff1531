"""Rate limits: what passes and when, in order, per key, in threads and tasks; and what the metrics say."""

import asyncio
import math
import os
import statistics
import threading
import time as real_time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.core.rate_limit_signals import CHECK_SECONDS
from otel_perf.optimize.rate_limiter import RateLimitedError, RateLimiter, SlidingWindow, TokenBucket
from otel_perf.testing.capture import Capture

SECOND = 1_000_000_000


class Time:
    """A clock that stands still until it is moved; whoever sleeps moves it."""

    def __init__(self) -> None:
        self.now = 5 * SECOND

    def __call__(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Move it."""
        self.now += max(1, round(seconds * SECOND))

    async def sleep_in_task(self, seconds: float) -> None:
        """Move it, and let others run."""
        self.sleep(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    """A clock of the test's own, which every wait moves."""
    made = Time()
    monkeypatch.setattr(RateLimiter, "_sleep", lambda self, seconds: made.sleep(seconds))
    monkeypatch.setattr(RateLimiter, "_sleep_in_task", lambda self, seconds: made.sleep_in_task(seconds))
    return made


def decisions(capture: Capture, limiter: str) -> dict[str, int]:
    """The decisions of one limiter."""
    return {
        point.attributes["otel_perf.rate_limit.decision"]: point.value
        for point in capture.metrics().get("otel_perf.rate_limit.decisions", [])
        if point.attributes["otel_perf.rate_limit.name"] == limiter
    }


def points(capture: Capture, metric: str, limiter: str) -> list[Any]:
    """The points of one limiter."""
    return [
        point for point in capture.metrics().get(metric, []) if point.attributes["otel_perf.rate_limit.name"] == limiter
    ]


# -- what passes -------------------------------------------------------------------------------------------------


@pytest.mark.feature("S4-19", "S4-20")
def test_of_a_burst_of_a_thousand_at_rate_ten_ten_pass(time: Time, otel_perf_capture: Capture) -> None:
    """The rest is refused at once, with the time to wait, and each decision is counted as allow or deny."""
    limiter = TokenBucket("burst", rate_per_second=10, capacity=10, now_ns=time)
    found = [limiter.try_acquire() for _ in range(1000)]
    assert [bool(decision) for decision in found] == [True] * 10 + [False] * 990
    assert {decision.retry_after_seconds for decision in found[10:]} == {0.1}
    assert decisions(otel_perf_capture, "burst") == {"allow": 10, "deny": 990}
    time.sleep(0.1)
    assert limiter.try_acquire()
    assert not limiter.try_acquire()


@pytest.mark.feature("S4-20")
@pytest.mark.serial
@pytest.mark.parametrize("kind", ["bucket", "window"])
def test_a_check_takes_less_than_a_tenth_of_a_millisecond(kind: str, otel_perf_capture: Capture) -> None:
    """The 99th percentile of 10,000 checks, refused and allowed, as the caller and as the histogram see it."""
    limiter: RateLimiter = (
        TokenBucket("checked", rate_per_second=1000)
        if kind == "bucket"
        else SlidingWindow("checked", limit=1000, window_seconds=1)
    )
    took = []
    for _ in range(10_000):
        started = real_time.perf_counter()
        limiter.try_acquire("somebody")
        took.append(real_time.perf_counter() - started)
    assert statistics.quantiles(took, n=100)[98] <= 0.0001
    (checks,) = points(otel_perf_capture, "otel_perf.rate_limit.check.duration", "checked")
    assert checks.count == 10_000
    assert 0.0001 in CHECK_SECONDS
    assert sum(checks.bucket_counts[: CHECK_SECONDS.index(0.0001) + 1]) >= 9_900


def test_valid_traffic_is_not_touched(time: Time) -> None:
    """Steady traffic at the rate passes for ever, without a wait and without a refusal."""
    limiter = TokenBucket("steady", rate_per_second=10, capacity=1, now_ns=time)
    for _ in range(1000):
        assert limiter.acquire().waited_seconds == 0
        time.now += SECOND // 10
    assert limiter.stats().denied_ratio == 0.0


def test_a_window_lets_the_limit_through_and_then_waits_for_the_oldest(time: Time) -> None:
    """What was spent comes back when it leaves the window, not earlier."""
    limiter = SlidingWindow("window", limit=3, window_seconds=10, now_ns=time)
    assert limiter.try_acquire()
    time.sleep(4)
    assert limiter.try_acquire(cost=2)
    refused = limiter.try_acquire()
    assert (refused.allowed, refused.retry_after_seconds, refused.remaining) == (False, 6.0, 0)
    assert limiter.try_acquire(cost=2).retry_after_seconds == 10.0
    time.sleep(5.999999999)
    assert not limiter.try_acquire()
    time.now += 1
    assert limiter.try_acquire()


def test_a_larger_cost_spends_more_and_one_beyond_the_capacity_never_passes(time: Time) -> None:
    """There is no time at which that could pass, so it is refused with an endless wait, also by who would wait."""
    limiter = TokenBucket("cost", rate_per_second=2, capacity=10, now_ns=time)
    assert limiter.try_acquire(cost=7).remaining == 3
    assert limiter.try_acquire(cost=4).retry_after_seconds == 0.5
    assert limiter.acquire(cost=11).retry_after_seconds == math.inf
    assert limiter.try_acquire(cost=0)
    assert limiter.try_acquire(cost=-5).remaining == 3
    assert limiter.remaining() == 3


def test_keys_do_not_share(time: Time) -> None:
    """Each has its own allowance; one may be given back as a whole."""
    limiter = TokenBucket("keys", rate_per_second=1, now_ns=time)
    assert [bool(limiter.try_acquire(key)) for key in ("a", "a", "b", None, None)] == [True, False, True, True, False]
    limiter.reset("a")
    assert limiter.try_acquire("a")
    assert (limiter.remaining("a"), limiter.remaining("never seen")) == (0, 1)


def test_the_number_of_keys_is_bounded_and_what_that_costs_is_counted(time: Time, otel_perf_capture: Capture) -> None:
    """The least recently used goes; one that was not whole again is counted as forgotten."""
    limiter = TokenBucket("many", rate_per_second=1, max_keys=100, now_ns=time)
    for key in range(150):
        limiter.try_acquire(key)
    time.sleep(10)
    for key in range(150, 200):
        limiter.try_acquire(key)
    found = limiter.stats()
    assert (found.keys, found.forgotten_keys) == (100, 50)
    assert [p.value for p in points(otel_perf_capture, "otel_perf.rate_limit.keys", "many")] == [100]
    assert [p.value for p in points(otel_perf_capture, "otel_perf.rate_limit.keys.forgotten", "many")] == [50]


# -- waiting -------------------------------------------------------------------------------------------------------


def test_who_waits_goes_on_when_it_is_his_turn(time: Time, otel_perf_capture: Capture) -> None:
    """Three waits of a second each, in the statistics and in the histogram of waits."""
    limiter = TokenBucket("wait", rate_per_second=1, now_ns=time)
    began = time.now
    found = [limiter.acquire() for _ in range(4)]
    assert [decision.waited_seconds for decision in found] == [0, 1, 1, 1]
    assert time.now - began == 3 * SECOND
    (waits,) = points(otel_perf_capture, "otel_perf.rate_limit.wait.duration", "wait")
    assert (waits.count, waits.sum, limiter.stats().waited) == (3, 3.0, 3)


def test_a_wait_that_would_be_too_long_is_refused_at_once_and_spends_nothing(time: Time) -> None:
    """Time does not move, and the next one finds what would have been spent."""
    limiter = SlidingWindow("patience", limit=1, window_seconds=5, now_ns=time)
    assert limiter.acquire()
    began = time.now
    assert limiter.acquire(timeout_seconds=4.9).retry_after_seconds == 5
    assert time.now == began
    assert limiter.acquire(timeout_seconds=5).waited_seconds == 5


def test_tasks_are_served_in_the_order_in_which_they_asked() -> None:
    """On the real clock: twenty tasks at a thousand a second."""
    limiter = TokenBucket("tasks", rate_per_second=1000, capacity=1)
    served: list[int] = []

    async def ask(number: int) -> None:
        await limiter.aacquire()
        served.append(number)

    async def scene() -> None:
        await asyncio.gather(*(ask(number) for number in range(20)))

    asyncio.run(scene())
    assert served == list(range(20))


def test_threads_wait_in_a_row_too() -> None:
    """Fifty threads at 500 a second take at least the 98 ms that the rate asks for, and all pass."""
    limiter = TokenBucket("threads", rate_per_second=500, capacity=1)
    limiter.acquire()
    began = real_time.perf_counter()
    with ThreadPoolExecutor(50) as pool:
        assert all(pool.map(lambda _: limiter.acquire(), range(50)))
    assert real_time.perf_counter() - began >= 0.098
    assert limiter.stats().allowed == 51


@pytest.mark.parametrize("cancelled", [1, 2])
def test_a_task_that_is_cancelled_while_it_waits_has_spent_nothing(cancelled: int, time: Time) -> None:
    """The last in the row gives its turn back; one in the middle leaves it unused, so that no limit is broken."""
    limiter = TokenBucket("cancel", rate_per_second=1, now_ns=time)

    async def hang(_: float) -> None:
        await asyncio.Event().wait()

    limiter._sleep_in_task = hang  # type: ignore[method-assign] # noqa: SLF001 - a wait without end

    async def scene() -> float:
        assert limiter.try_acquire()
        tasks = [asyncio.ensure_future(limiter.aacquire()) for _ in range(2)]
        await asyncio.sleep(0)
        tasks[cancelled - 1].cancel()
        await asyncio.sleep(0)
        retry_after = limiter.try_acquire().retry_after_seconds
        tasks[2 - cancelled].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return retry_after

    assert asyncio.run(scene()) == {1: 3.0, 2: 2.0}[cancelled]


# -- around functions and blocks -------------------------------------------------------------------------------------


def test_a_limited_function_says_when_to_come_back(time: Time) -> None:
    """The error names the limiter and the time; the key is made of the arguments."""
    limiter = TokenBucket("mails", rate_per_second=2, capacity=1, now_ns=time)

    @limiter.limit(key=lambda to, text: to)
    def send(to: str, text: str) -> str:
        """Send it."""
        return f"{to}: {text}"

    assert send("a", "hello") == "a: hello"
    assert send("b", text="hello") == "b: hello"
    with pytest.raises(RateLimitedError, match=r"rate limit 'mails': try again in 0\.5 s") as caught:
        send("a", "again")
    assert (caught.value.limiter, caught.value.retry_after_seconds) == ("mails", 0.5)
    assert send.__name__ == "send"


def test_a_limited_coroutine_waits_as_long_as_it_may(time: Time) -> None:
    """Half a second is waited for; two are not."""
    limiter = SlidingWindow("async", limit=1, window_seconds=0.5, now_ns=time)

    @limiter.limit(timeout_seconds=1)
    async def fetch() -> str:
        return "page"

    async def scene() -> list[str]:
        return [await fetch(), await fetch()]

    assert asyncio.run(scene()) == ["page", "page"]
    assert limiter.stats().waited == 1


def test_a_limited_block(time: Time) -> None:
    """``with`` and ``async with``, and what they decided."""
    limiter = TokenBucket("block", rate_per_second=1, capacity=2, now_ns=time)
    with limiter.limit() as decision:
        assert decision.remaining == 1

    async def scene() -> None:
        async with limiter.limit(timeout_seconds=0):
            pass
        async with limiter.limit():
            raise AssertionError("it is refused")

    with pytest.raises(RateLimitedError):
        asyncio.run(scene())
    with pytest.raises(RateLimitedError), limiter.limit():
        raise AssertionError("it is refused")


def test_wrong_settings_are_refused() -> None:
    """At once, with what would be right."""
    for rate in (0, -1, math.inf, math.nan):
        with pytest.raises(ValueError, match="a rate is above 0"):
            TokenBucket("wrong", rate_per_second=rate)
    with pytest.raises(ValueError, match="a limit is above 0"):
        SlidingWindow("wrong", limit=0, window_seconds=1)
    with pytest.raises(ValueError, match="a window is above 0"):
        SlidingWindow("wrong", limit=1, window_seconds=0)
    with pytest.raises(ValueError, match="max_keys"):
        TokenBucket("wrong", rate_per_second=1, max_keys=0)


def test_the_repr_says_what_it_decided() -> None:
    """For a log line or a prompt."""
    limiter = TokenBucket("shown", rate_per_second=0.001, capacity=1)
    assert limiter.stats().denied_ratio is None
    for _ in range(3):
        limiter.try_acquire()
    assert repr(limiter) == "<TokenBucket 'shown': 1 allowed, 2 denied>"


# -- properties ----------------------------------------------------------------------------------------------------

STEPS = st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(0, 4), st.sampled_from([0, 1, None])), max_size=60)


def spend(limiter: RateLimiter, time: Time, steps: list[tuple[int, int, int | None]]) -> list[tuple[int, int]]:
    """Ask again and again; the times at which something was spent, and how much. A wait moves the clock."""
    spent = []
    for pause_ns, cost, patience in steps:
        time.now += pause_ns
        if limiter.acquire("k", cost, timeout_seconds=patience):
            spent.append((time.now, cost))
    return spent


class Waiting(TokenBucket):
    """Sleeps on the test's clock."""

    def _sleep(self, seconds: float) -> None:
        self._now_ns.sleep(seconds)  # type: ignore[attr-defined]


class WaitingWindow(SlidingWindow):
    """The same."""

    def _sleep(self, seconds: float) -> None:
        self._now_ns.sleep(seconds)  # type: ignore[attr-defined]


@given(STEPS, st.sampled_from([0.3, 1, 3, 7.5, 1e6]), st.integers(1, 5))
def test_a_bucket_never_lets_more_through_than_capacity_and_rate_allow(
    steps: list[tuple[int, int, int | None]], rate: float, capacity: int
) -> None:
    """In no interval between two passages is more spent than capacity + rate * length."""
    time = Time()
    spent = spend(Waiting("property", rate_per_second=rate, capacity=capacity, now_ns=time), time, steps)
    for first in range(len(spent)):
        total = 0
        for now, cost in spent[first:]:
            total += cost
            assert total <= capacity + rate * (now - spent[first][0]) / SECOND + 1e-9


@given(STEPS, st.integers(1, 5), st.sampled_from([0.001, 1, 2.5]))
def test_a_window_never_holds_more_than_its_limit(
    steps: list[tuple[int, int, int | None]], limit: int, window: float
) -> None:
    """Wherever a half-open window of the length begins."""
    time = Time()
    spent = spend(WaitingWindow("property", limit=limit, window_seconds=window, now_ns=time), time, steps)
    for begin, _ in spent:
        assert sum(cost for now, cost in spent if begin <= now < begin + window * SECOND) <= limit


@given(st.lists(st.integers(0, SECOND), max_size=40), st.integers(1, 3), st.booleans())
def test_who_comes_back_when_told_to_passes(pauses: list[int], cost: int, bucket: bool) -> None:
    """``retry_after_seconds`` is neither too short nor longer than needed by a nanosecond or so."""
    time = Time()
    limiter: RateLimiter = (
        TokenBucket("told", rate_per_second=3, capacity=3, now_ns=time)
        if bucket
        else SlidingWindow("told", limit=3, window_seconds=1, now_ns=time)
    )
    for pause in pauses:
        time.now += pause
        decision = limiter.try_acquire(cost=cost)
        if not decision:
            wait_ns = round(decision.retry_after_seconds * SECOND)
            time.now += wait_ns - 2
            assert not limiter.try_acquire(cost=cost)
            time.now += 2
            assert limiter.try_acquire(cost=cost)


def test_threads_together_get_what_one_would_get() -> None:
    """Eight threads ask as fast as they can; not one more passes than capacity and rate allow."""
    limiter = TokenBucket("contended", rate_per_second=100, capacity=20)
    start = threading.Barrier(8)

    def ask(_: int) -> int:
        start.wait(20)
        return sum(bool(limiter.try_acquire()) for _ in range(2000))

    began = real_time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        passed = sum(pool.map(ask, range(8)))
    assert 20 <= passed <= 20 + 100 * (real_time.perf_counter() - began) + 1
    found = limiter.stats()
    assert (found.allowed, found.allowed + found.denied) == (passed, 16_000)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_goes_on_with_a_copy() -> None:
    """It does not hang on a lock of the parent's threads."""
    limiter = TokenBucket("forked", rate_per_second=0.001, capacity=2)
    limiter.try_acquire()
    child = os.fork()
    if child == 0:
        os._exit(0 if limiter.try_acquire() and not limiter.try_acquire() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert limiter.try_acquire()
