"""Caches and rate limits as a user's type checker sees them. Checked by mypy --strict, never run."""

from typing import assert_type

import otel_perf
from otel_perf.optimize.cache import CacheStatistics, ResultCache
from otel_perf.optimize.cached import cached
from otel_perf.optimize.rate_limiter import Decision, TokenBucket


@cached
def bare(x: int, *, loud: bool = False) -> str:
    return str(x) * (2 if loud else 1)


@cached(ttl_seconds=5, key=lambda x: x)
def with_arguments(x: int) -> list[str]:
    return [str(x)]


@otel_perf.tool
@cached(name="pages")
async def coroutine(url: str) -> bytes:
    return url.encode()


class Index:
    @cached
    def find(self, word: str) -> float:
        return len(word)


async def decorated() -> None:
    assert_type(bare(1, loud=True), str)
    assert_type(with_arguments(1), list[str])
    assert_type(await coroutine("x"), bytes)
    assert_type(Index().find("x"), float)
    bare("1")  # type: ignore[arg-type]
    Index().find(1)  # type: ignore[arg-type]


async def cache() -> None:
    texts = ResultCache[str, int]("texts")
    assert_type(texts.get("a"), int | None)
    assert_type(texts.get("a", "none"), int | str)
    assert_type(texts.get_or_compute("a", lambda: 1), int)
    assert_type(texts.stats(), CacheStatistics)
    assert_type(texts.stats().hit_ratio, float | None)
    texts.set("a", "b")  # type: ignore[arg-type]
    texts.get(1)  # type: ignore[call-overload]


bucket = TokenBucket("bucket", rate_per_second=1)


@bucket.limit(key=lambda to: to)
def send(to: str) -> int:
    return len(to)


async def limits() -> None:
    assert_type(bucket.try_acquire(), Decision)
    assert_type(await bucket.aacquire("a", timeout_seconds=1), Decision)
    assert_type(send("a"), int)
    send(1)  # type: ignore[arg-type]
    with bucket.limit() as decision:
        assert_type(decision, Decision)
