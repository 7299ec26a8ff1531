"""``@cached``: the results of a function, kept by its arguments.

>>> from otel_perf.optimize.cached import cached
>>> @cached(ttl_seconds=60)
... def weather(city: str) -> str:
...     return f"sunny in {city}"
>>> weather("Oslo"), weather("Oslo")
('sunny in Oslo', 'sunny in Oslo')
>>> cache_of(weather).stats().hits
1
"""

import functools
import inspect
from collections.abc import Callable, Hashable
from typing import Any, Final, ParamSpec, TypeVar, overload

from otel_perf.core.guard import guard
from otel_perf.optimize.cache import ResultCache
from otel_perf.optimize.cache_keys import KeylessError, argument_key, text_key
from otel_perf.tracing.lifecycle import current_call

__all__ = ["cache_of", "cached"]

P = ParamSpec("P")
R = TypeVar("R")

HIT_ATTRIBUTE: Final = "otel_perf.cache.hit"
BYPASS: Final = object()


@overload
def cached(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def cached(
    *,
    cache: ResultCache[Any, Any] | None = None,
    name: str | None = None,
    key: Callable[..., Hashable] | None = None,
    max_entries: int | None = 1024,
    max_bytes: int | None = None,
    ttl_seconds: float | None = None,
    negative_ttl_seconds: float | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def cached(  # noqa: PLR0913 - options of their own, by keyword
    function: Callable[..., Any] | None = None,
    /,
    *,
    cache: ResultCache[Any, Any] | None = None,
    name: str | None = None,
    key: Callable[..., Hashable] | None = None,
    max_entries: int | None = 1024,
    max_bytes: int | None = None,
    ttl_seconds: float | None = None,
    negative_ttl_seconds: float | None = None,
) -> Any:
    """Keep the results of a function or coroutine function, one entry for each set of arguments.

    Callers that ask for the same arguments at the same time share one call. Below ``@otel_perf.tool`` every call is a
    tool call whose span says ``otel_perf.cache.hit``; above it only the misses are tool calls.

    Arguments make a key by their types and what they hold: lists, mappings, sets, dataclasses and arrays too, and of
    a method the object as well, which then lives as long as its entries. Arguments of which no key can be made are
    passed on, and counted as ``bypass``.

    Args:
        function: The function, where the decorator stands without brackets.
        cache: A cache to use, which functions may share. The options below are then those of the cache.
        name: Name of the cache; the function's by default.
        key: Makes the key out of the arguments, instead of all of them.
        max_entries: See ``ResultCache``, as for the rest.
        max_bytes: As above.
        ttl_seconds: As above.
        negative_ttl_seconds: As above.

    Raises:
        TypeError: It is no function, or a generator: what it yields cannot be kept.
    """

    def decorate(target: Callable[..., Any]) -> Callable[..., Any]:
        _check(target)
        kept = cache
        if kept is None:  # an empty cache is false, as any container
            kept = ResultCache(
                name or str(getattr(target, "__qualname__", None) or type(target).__qualname__),
                max_entries=max_entries,
                max_bytes=max_bytes,
                ttl_seconds=ttl_seconds,
                negative_ttl_seconds=negative_ttl_seconds,
            )
        make_key = _key_maker(target, key, kept, shared=cache is not None)
        shell = _cache_coroutine if inspect.iscoroutinefunction(target) else _cache_function
        wrapped = functools.wraps(target)(shell(target, kept, make_key))
        wrapped.cache = kept  # type: ignore[attr-defined]
        return wrapped

    return decorate if function is None else decorate(function)


def cache_of(function: Callable[..., Any]) -> ResultCache[Any, Any]:
    """The cache of a function that ``@cached`` has decorated.

    Raises:
        TypeError: It has none.
    """
    found = getattr(function, "cache", None)
    if not isinstance(found, ResultCache):
        raise TypeError(f"{function!r} is not decorated with @cached")
    return found


def _check(target: object) -> None:
    if not callable(target) or isinstance(target, type):
        raise TypeError(f"@cached takes a function, not {target!r}")
    if inspect.isgeneratorfunction(target) or inspect.isasyncgenfunction(target):
        raise TypeError(f"@cached cannot keep what the generator {target!r} yields")


def _key_maker(
    target: Callable[..., Any],
    key: Callable[..., Hashable] | None,
    cache: ResultCache[Any, Any],
    *,
    shared: bool,
) -> Callable[[tuple[Any, ...], dict[str, Any]], Hashable]:
    """The function that makes keys; ``BYPASS`` where none can be made. Of a shared cache the function is part of it."""
    where: Hashable = object()  # a name may be that of another function as well, but it outlives the process
    if cache.file is not None:
        where = f"{getattr(target, '__module__', '')}.{getattr(target, '__qualname__', '')}"

    def make(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable:
        made = argument_key(args, kwargs) if key is None else key(*args, **kwargs)
        if cache.file is not None and key is None:
            made = text_key(made)
        hash(made)
        return (where, made) if shared else made

    def make_or_bypass(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable:
        try:
            return make(args, kwargs)
        except (KeylessError, RecursionError):
            return BYPASS

    return make_or_bypass


def _cache_function(
    function: Callable[..., Any],
    cache: ResultCache[Any, Any],
    make_key: Callable[[tuple[Any, ...], dict[str, Any]], Hashable],
) -> Callable[..., Any]:
    def answer(*args: Any, **kwargs: Any) -> Any:
        key = make_key(args, kwargs)
        if key is BYPASS:
            cache.count_bypass()
            return function(*args, **kwargs)
        missed = False

        def compute() -> Any:
            nonlocal missed
            missed = True
            return function(*args, **kwargs)

        try:
            return cache.get_or_compute(key, compute)
        finally:
            _tell_span(hit=not missed)

    return answer


def _cache_coroutine(
    function: Callable[..., Any],
    cache: ResultCache[Any, Any],
    make_key: Callable[[tuple[Any, ...], dict[str, Any]], Hashable],
) -> Callable[..., Any]:
    async def answer(*args: Any, **kwargs: Any) -> Any:
        key = make_key(args, kwargs)
        if key is BYPASS:
            cache.count_bypass()
            return await function(*args, **kwargs)
        missed = False

        async def compute() -> Any:
            nonlocal missed
            missed = True
            return await function(*args, **kwargs)

        try:
            return await cache.aget_or_compute(key, compute)
        finally:
            _tell_span(hit=not missed)

    return answer


def _tell_span(*, hit: bool) -> None:
    """On the span of the surrounding tool call: whether the answer was there, or on its way, without this call.

    The last of several look-ups has the word.
    """
    call = current_call()
    if call is not None and call.scope.sampled:
        span: Any = call if call.readable is None else call.readable
        guard.call("cache.span", span.set_attribute, HIT_ATTRIBUTE, hit)
