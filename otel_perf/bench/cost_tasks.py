"""Measured inside a subject's process: what a call costs the thread that makes it."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any, Final

from otel_perf.bench.subjects import Subject
from otel_perf.bench.workloads import ask, leaf

__all__ = ["burst", "cold", "pinned"]

WARM_UP: Final = 30
"""Calls before a burst is timed: flushing in between cools the caches."""

Clocks = tuple[int, int]


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Keep the calling thread, and no other, on one core, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def burst(subject: Subject, core: int, *, workload: str, calls: int, bursts: int) -> dict[str, float]:
    """Bare and traced bursts in turns, short enough to fit in every queue; flushed after each.

    Returns:
        Nanoseconds that tracing adds to one call: ``wall_ns``, and ``cpu_ns`` of the thread itself, which other
        processes on the same core do not disturb. Each is the median over the bursts.
    """
    with pinned(core):
        if workload == "coroutine":
            added = asyncio.run(_coroutine_bursts(subject, calls, bursts))
        else:
            added = [_burst(subject, workload, calls, turn) for turn in range(bursts)]
    return {
        "wall_ns": median(wall for wall, _ in added) / calls,
        "cpu_ns": median(cpu for _, cpu in added) / calls,
    }


def _burst(subject: Subject, workload: str, calls: int, turn: int) -> Clocks:
    traced = subject.calls[workload]
    _time(traced, WARM_UP)
    if turn % 2:
        with_tracing = _time(traced, calls)
        bare = _time(leaf, calls)
    else:
        bare = _time(leaf, calls)
        with_tracing = _time(traced, calls)
    subject.flush()
    return _difference(with_tracing, bare)


def _time(call: Callable[[int], Any], calls: int) -> Clocks:
    numbers = range(calls)
    cpu = time.thread_time_ns()
    wall = time.perf_counter_ns()
    for number in numbers:
        call(number)
    return time.perf_counter_ns() - wall, time.thread_time_ns() - cpu


async def _coroutine_bursts(subject: Subject, calls: int, bursts: int) -> list[Clocks]:
    added = []
    for _ in range(bursts):
        await _time_coroutine(subject.coroutine, WARM_UP)
        bare = await _time_coroutine(ask, calls)
        added.append(_difference(await _time_coroutine(subject.coroutine, calls), bare))
        subject.flush()
    return added


async def _time_coroutine(call: Callable[[int], Awaitable[int]], calls: int) -> Clocks:
    numbers = range(calls)
    cpu = time.thread_time_ns()
    wall = time.perf_counter_ns()
    for number in numbers:
        await call(number)
    return time.perf_counter_ns() - wall, time.thread_time_ns() - cpu


def _difference(more: Clocks, less: Clocks) -> Clocks:
    return more[0] - less[0], more[1] - less[1]


def cold(subject: Subject, core: int, *, calls: int, cache_bytes: int) -> dict[str, float]:
    """Single calls, each after the caches were filled with something else.

    Returns:
        ``wall_ns``: nanoseconds that tracing adds to such a call, median traced less median bare.
    """
    other = bytearray(2 * cache_bytes)
    traced = subject.calls["leaf"]
    with pinned(core):
        _time(traced, WARM_UP)
        bare_ns, traced_ns = [], []
        for number in range(calls):
            bare_ns.append(_time_cold(leaf, number, other))
            traced_ns.append(_time_cold(traced, number, other))
        subject.flush()
    return {"wall_ns": median(traced_ns) - median(bare_ns)}


def _time_cold(call: Callable[[int], Any], number: int, other: bytearray) -> int:
    # Reads every byte: a search for one that is not there.
    other.count(1)
    start = time.perf_counter_ns()
    call(number)
    return time.perf_counter_ns() - start
