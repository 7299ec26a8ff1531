"""Measured inside a subject's process, under a steady load: latency, processor time, memory, event-loop lag."""

import asyncio
import math
import time
from array import array
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import psutil

import otel_perf
from otel_perf.bench.cost_tasks import pinned
from otel_perf.bench.subjects import Subject
from otel_perf.bench.workloads import ask, leaf

__all__ = ["idle", "latency", "loop_lag", "slow_tools", "steady"]

TICK_SECONDS: Final = 0.01
LOOP_TICK_SECONDS: Final = 0.001
SLOW_TOOL_SECONDS: Final = 0.01
MIB: Final = 1024 * 1024


def ticks(rate: int, seconds: float) -> Iterator[range]:
    """The calls of each tick of 10 ms, at a steady rate; a late tick is made up for as fast as it goes."""
    calls = round(rate * TICK_SECONDS)
    due = time.perf_counter()
    for tick in range(round(seconds / TICK_SECONDS)):
        yield range(tick * calls, (tick + 1) * calls)
        due += TICK_SECONDS
        time.sleep(max(0.0, due - time.perf_counter()))


def steady(subject: Subject, core: int, *, rate: int, seconds: float) -> dict[str, float]:
    """Make calls at a steady rate, flush, and account for the whole process: OpenTelemetry's benchmark format.

    Returns:
        ``calls`` and the ``load_seconds`` they took; then, until everything was delivered, ``wall_seconds`` and the
        ``cpu_seconds`` of all threads;
        ``cpu_peak``, the busiest second's share of one core; ``rss_peak_mib``.
    """
    traced = subject.calls["leaf"]
    calls, peak, rss = 0, 0.0, 0
    process = psutil.Process()
    start, cpu_start = time.perf_counter(), time.process_time()
    second, cpu_second = start, cpu_start
    with pinned(core):
        for numbers in ticks(rate, seconds):
            for number in numbers:
                traced(number)
            calls += len(numbers)
            now = time.perf_counter()
            if now - second >= 1.0:
                cpu = time.process_time()
                peak = max(peak, (cpu - cpu_second) / (now - second))
                second, cpu_second = now, cpu
                rss = max(rss, process.memory_info().rss)
        load_seconds = time.perf_counter() - start
        subject.flush()
    return {
        "calls": calls,
        "load_seconds": load_seconds,
        "wall_seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - cpu_start,
        "cpu_peak": peak,
        "rss_peak_mib": max(rss, process.memory_info().rss) / MIB,
    }


def latency(subject: Subject, core: int, *, rate: int, seconds: float) -> dict[str, float]:
    """Time every single call under load; a rate of 0 makes calls without a pause, so that the queue is full.

    Returns:
        ``calls``, and ``p50_us``, ``p99_us``, ``p999_us``, ``max_us`` of the calls' wall times, less the median of
        bare calls timed the same way.
    """
    clock = time.perf_counter_ns
    with pinned(core):
        base = _quantile(sorted(_each(leaf, clock, range(5_000))), 0.5)
        taken = array("q")
        if rate:
            for numbers in ticks(rate, seconds):
                taken.extend(_each(subject.calls["leaf"], clock, numbers))
        else:
            end = clock() + int(seconds * 1e9)
            while clock() < end:
                taken.extend(_each(subject.calls["leaf"], clock, range(1_000)))
    ordered = sorted(taken)
    found = {name: _quantile(ordered, q) for name, q in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0))}
    return {"calls": len(ordered), **{f"{name}_us": (value - base) / 1e3 for name, value in found.items()}}


def _each(call: Callable[[int], Any], clock: Callable[[], int], numbers: range) -> Iterator[int]:
    for number in numbers:
        start = clock()
        call(number)
        yield clock() - start


def loop_lag(subject: Subject, core: int, *, traced: bool, rate: int, seconds: float) -> dict[str, list[float]]:
    """How late an event loop wakes a sleeper of 1 ms while coroutines make calls.

    Returns:
        ``lags_ms``: one per wake-up.
    """
    call = subject.coroutine if traced else ask
    with pinned(core):
        lags = asyncio.run(_watch_loop(call, rate, seconds))
    subject.flush()
    return {"lags_ms": lags}


async def _watch_loop(call: Callable[[int], Awaitable[int]], rate: int, seconds: float) -> list[float]:
    load = asyncio.ensure_future(_load_loop(call, rate))
    lags: list[float] = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        await asyncio.sleep(LOOP_TICK_SECONDS)
        lags.append((time.perf_counter() - start - LOOP_TICK_SECONDS) * 1e3)
    load.cancel()
    return lags


async def _load_loop(call: Callable[[int], Awaitable[int]], rate: int) -> None:
    per_tick = math.ceil(rate * LOOP_TICK_SECONDS)
    while True:
        for number in range(per_tick):
            await call(number)
        await asyncio.sleep(LOOP_TICK_SECONDS)


def slow_tools(subject: Subject, core: int, *, traced: bool, threads: int, calls: int) -> dict[str, float]:  # noqa: ARG001 - threads run on every core
    """Tools of 10 ms on several threads at once.

    Returns:
        ``wall_seconds`` until all were done.
    """

    def wait(number: int) -> int:
        time.sleep(SLOW_TOOL_SECONDS)
        return number

    call = otel_perf.tool("wait")(wait) if traced else wait
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(wait, range(threads)))
        start = time.perf_counter()
        list(pool.map(lambda _: [call(number) for number in range(calls)], range(threads)))
        seconds = time.perf_counter() - start
    subject.flush()
    return {"wall_seconds": seconds}


def idle(subject: Subject, core: int, *, seconds: float) -> dict[str, float]:  # noqa: ARG001 - nothing is called
    """Do nothing, instrumented, after a first second that belongs to the start.

    Returns:
        ``cpu_share``: processor time of the process, as a share of one core.
    """
    time.sleep(1.0)
    cpu, start = time.process_time(), time.perf_counter()
    time.sleep(seconds)
    return {"cpu_share": (time.process_time() - cpu) / (time.perf_counter() - start)}


def _quantile(ordered: list[int], q: float) -> int:
    return ordered[min(len(ordered) - 1, max(0, math.ceil(q * len(ordered)) - 1))]
