"""What a look-up costs beside a dict with a lock: ``python -m tests.optimize.cache_table`` writes the docs' table.

All rows are measured in one run, in turns, so that what else the machine does falls on all of them; each number is
the median of the rounds.
"""

import asyncio
import functools
import os
import platform
import statistics
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import thread_time_ns
from typing import Any, Final

import cachetools

from otel_perf.core.cache_access import record_cache_access
from otel_perf.optimize.cache import ResultCache
from otel_perf.optimize.cached import cached
from otel_perf.optimize.observed_caches import CountedCache, observe_lru_cache
from otel_perf.optimize.rate_limiter import SlidingWindow, TokenBucket
from otel_perf.testing.recording import recording

LOOKUPS: Final = 1_000_000
ROUNDS: Final = 10
KEYS: Final = 1000
SLOWER: Final = 10
"""Checks of a limiter: a tenth of the look-ups, or the run would take twice as long."""
BASELINE: Final = "dict and lock"
DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "caching.md"
BEGIN: Final = "<!-- table: begin -->"
END: Final = "<!-- table: end -->"

Ask = Callable[[int], Any]


class CountedLRU(CountedCache, cachetools.LRUCache[int, int]):
    """As a user writes it."""


def subjects() -> dict[str, Ask]:
    """What is measured: functions of a key that is there."""
    table = dict.fromkeys(range(KEYS), 1)
    lock = threading.Lock()

    def look_up(key: int) -> int | None:
        with lock:
            return table.get(key)

    plain: ResultCache[int, int] = ResultCache("table", max_entries=KEYS)
    aging: ResultCache[int, int] = ResultCache("table", max_entries=KEYS, ttl_seconds=3600, max_bytes=10_000_000)
    theirs: cachetools.LRUCache[int, int] = cachetools.LRUCache(KEYS)
    counted = CountedLRU(KEYS, cache_name="table")
    for key in range(KEYS):
        for cache in (plain, aging):
            cache.set(key, 1)
        theirs[key] = counted[key] = 1

    def locked(key: int) -> int:
        with lock:
            return theirs[key]

    def locked_counted(key: int) -> int:
        with lock:
            return counted[key]

    return {
        BASELINE: look_up,
        "`ResultCache.get`, hit": plain.get,
        "`ResultCache.get`, hit, with `ttl_seconds` and `max_bytes`": aging.get,
        "`ResultCache.get_or_compute`, hit": lambda key: plain.get_or_compute(key, int),
        "`@cached` function, hit": cached(max_entries=KEYS)(_one),
        "`cachetools.LRUCache` and lock, hit": locked,
        "the same with `CountedCache`": locked_counted,
        "`functools.lru_cache` with `observe_lru_cache`, hit": observe_lru_cache(functools.lru_cache(KEYS)(_one)),
        "`record_cache_access`": lambda key: record_cache_access("table", hit=True),
        "`TokenBucket.try_acquire`, allowed": TokenBucket("table", rate_per_second=1e9).try_acquire,
        "`TokenBucket.try_acquire`, refused": functools.partial(_refused, _empty_bucket()),
        "`SlidingWindow.try_acquire`, refused": functools.partial(_refused, _full_window()),
    }


def _one(key: int) -> int:
    return 1


def _refused(limiter: TokenBucket | SlidingWindow, key: int) -> object:
    return limiter.try_acquire("key")


def _empty_bucket() -> TokenBucket:
    limiter = TokenBucket("table", rate_per_second=0.001, capacity=10)
    limiter.try_acquire("key", 10)
    return limiter


def _full_window() -> SlidingWindow:
    limiter = SlidingWindow("table", limit=10, window_seconds=3600)
    for _ in range(10):
        limiter.try_acquire("key")
    return limiter


def measure(ask: Ask, lookups: int) -> float:
    """Microseconds of one look-up, by the thread's own CPU time: another process takes nothing away from that."""
    keys = list(range(KEYS)) * (lookups // KEYS)
    started = thread_time_ns()
    for key in keys:
        ask(key)
    return (thread_time_ns() - started) / len(keys) / 1000


def microseconds(lookups: int = LOOKUPS, rounds: int = ROUNDS, names: tuple[str, ...] = ()) -> dict[str, float]:
    """The median of the rounds for each subject (or those named), ``lookups`` in all, while everything is recorded."""
    found: dict[str, list[float]] = {}
    with recording(deterministic=False) as capture:
        asked = {name: ask for name, ask in subjects().items() if not names or name in names}
        for ask in asked.values():
            measure(ask, KEYS)
        for _ in range(rounds):
            for name, ask in asked.items():
                part = lookups // rounds // (SLOWER if "acquire" in name else 1)
                found.setdefault(name, []).append(measure(ask, part))
                capture.metrics()
    return {name: statistics.median(values) for name, values in found.items()}


def stampede(tasks: int = 10_000) -> tuple[int, float]:
    """How often ``tasks`` that ask at once compute, and the microseconds for each of them."""
    cache: ResultCache[str, int] = ResultCache("stampede")
    calls = 0

    async def compute() -> int:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)
        return 1

    async def all_at_once() -> None:
        await asyncio.gather(*(cache.aget_or_compute("key", compute) for _ in range(tasks)))

    started = thread_time_ns()
    asyncio.run(all_at_once())
    return calls, (thread_time_ns() - started) / tasks / 1000


def render(found: dict[str, float]) -> str:
    """The table as Markdown."""
    baseline = found[BASELINE]
    rows = [
        "| what | us each | more than a dict and a lock, us |",
        "|---|---|---|",
        *(
            f"| {name} | {value:.2f} | {'-' if name == BASELINE else f'{value - baseline:.2f}'} |"
            for name, value in found.items()
        ),
    ]
    return "\n".join(rows)


def main() -> None:
    """Measure and write the table into the document."""
    calls, each = stampede()
    table = (
        f"{render(microseconds())}\n\n"
        f"A stampede of 10,000 tasks on one key computes {calls} time and costs {each:.0f} us for each task.\n\n"
        f"CPython {platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores that "
        "others use too: compare the rows, not the numbers with those of another machine."
    )
    text = DOCUMENT.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    DOCUMENT.write_text(f"{head}{BEGIN}\n{table}\n{END}{tail}", encoding="utf-8")
    sys.stdout.write(f"{table}\n")


if __name__ == "__main__":
    main()
