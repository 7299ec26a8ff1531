"""``@cached``: keys out of arguments, methods and coroutines, and how it goes with ``@otel_perf.tool``."""

import asyncio
import dataclasses
import gc
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import otel_perf
from otel_perf.optimize.cache import CacheFile, ResultCache
from otel_perf.optimize.cache_keys import KeylessError, argument_key, text_key
from otel_perf.optimize.cached import cache_of, cached
from otel_perf.testing.capture import Capture


def test_a_bare_decorator_keeps_results_and_the_function_as_it_was() -> None:
    """Name, docstring and signature stay; the cache can be asked."""
    calls: list[int] = []

    @cached
    def double(number: int) -> int:
        """Twice."""
        calls.append(number)
        return 2 * number

    assert [double(2), double(2), double(3)] == [4, 4, 6]
    assert (calls, double.__name__, double.__doc__) == ([2, 3], "double", "Twice.")
    assert (cache_of(double).stats().hits, cache_of(double).name) == (1, double.__qualname__)
    with pytest.raises(TypeError, match="not decorated"):
        cache_of(len)


def test_a_coroutine_function_stays_one() -> None:
    """Tasks share one computation."""
    calls: list[str] = []

    @cached(name="pages", ttl_seconds=60)
    async def fetch(url: str) -> str:
        calls.append(url)
        await asyncio.sleep(0)
        return f"page of {url}"

    async def scene() -> list[str]:
        return await asyncio.gather(*(fetch("a") for _ in range(10)))

    assert asyncio.iscoroutinefunction(fetch)
    assert set(asyncio.run(scene())) == {"page of a"}
    assert calls == ["a"]


def test_arguments_that_have_no_hash_make_a_key_by_what_they_hold() -> None:
    """Lists, mappings in any order, sets, byte arrays, dataclasses and arrays, also inside one another."""

    @dataclasses.dataclass
    class Query:
        words: list[str]

    calls: list[Any] = []

    @cached
    def search(what: Any, **options: Any) -> int:
        calls.append(what)
        return len(calls)

    array = memoryview(b"1234")

    class Array:
        dtype, shape = "u1", (4,)

        def __init__(self, data: bytes) -> None:
            self.data = data

        def tobytes(self) -> bytes:
            return self.data

    pairs = [
        ([1, [2]], [1, [2]]),
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}),
        ({1, 2}, {2, 1}),
        (bytearray(b"x"), bytearray(b"x")),
        (Query(["a"]), Query(["a"])),
        (Array(bytes(array)), Array(b"1234")),
    ]
    for first, second in pairs:
        assert search(first, deep={"x": [1]}, wide=2) == search(second, wide=2, deep={"x": [1]})
    assert len(calls) == len(pairs)
    assert search(Array(b"1235")) == len(pairs) + 1


def test_arguments_of_other_types_are_other_arguments() -> None:
    """1, 1.0 and True are equal, but a tool may well answer them differently."""
    keys = {
        argument_key(args, kwargs)
        for args, kwargs in [
            ((1,), {}), ((1.0,), {}), ((True,), {}), (("1",), {}), ((b"1",), {}), (([1],), {}), (((1,),), {}),
            (((True,),), {}), (({1},), {}), ((frozenset({1}),), {}), ((1, 1), {}), ((), {"a": 1}), ((), {"b": 1}),
            ((), {}), ((None,), {}), (("a", 1), {}), ((OrderedDict(a=1),), {}), (({"a": 1},), {}), (([["a", 1]],), {}),
        ]
    }  # fmt: skip
    assert len(keys) == 19


def test_what_makes_no_key_is_passed_on_and_counted(otel_perf_capture: Capture) -> None:
    """The function runs each time; the cache says how often."""

    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

    @cached(name="bypassed")
    def use(thing: Unhashable) -> int:
        return 1

    circle: list[Any] = []
    circle.append(circle)
    assert [use(Unhashable()), use(circle)] == [1, 1]  # type: ignore[arg-type]
    found = cache_of(use).stats()
    assert (found.bypassed, found.lookups, found.hit_ratio) == (2, 0, None)
    (point,) = [
        point
        for point in otel_perf_capture.metrics()["otel_perf.cache.requests"]
        if point.attributes["otel_perf.cache.name"] == "bypassed"
    ]
    assert (point.attributes["otel_perf.cache.result"], point.value) == ("bypass", 2)


def test_a_key_of_ones_own() -> None:
    """Only what counts is looked at; what the function for it raises is the caller's to see."""

    @cached(key=lambda text, **_: text.strip().lower())
    def embed(text: str, *, trace_id: int) -> str:
        return f"{text} {trace_id}"

    assert embed("Hello ", trace_id=1) == embed("hello", trace_id=2) == "Hello  1"
    with pytest.raises(AttributeError):
        embed(5, trace_id=1)  # type: ignore[arg-type]


def test_methods_are_kept_by_object() -> None:
    """Two objects have results of their own; class and static methods work below their decorators."""

    class Index:
        def __init__(self, name: str) -> None:
            self.name = name

        @cached
        def find(self, word: str) -> str:
            return f"{word} in {self.name}"

        @staticmethod
        @cached
        def plain(word: str) -> str:
            return word

        @classmethod
        @cached
        def named(cls, word: str) -> str:
            return cls.__name__ + word

    first, second = Index("first"), Index("second")
    assert [first.find("a"), second.find("a"), first.find("a")] == ["a in first", "a in second", "a in first"]
    assert [Index.plain("a"), Index.named("b")] == ["a", "Indexb"]
    held = weakref.ref(first)
    del first
    gc.collect()
    assert held() is not None
    cache_of(Index.find).clear()
    gc.collect()
    assert held() is None


def test_functions_that_share_a_cache_do_not_share_results() -> None:
    """The function is part of the key, not its name alone."""
    shared: ResultCache[Any, Any] = ResultCache("shared", max_entries=10)

    @cached(cache=shared)
    def plus(number: int) -> int:
        return number + 1

    @cached(cache=shared)
    def minus(number: int) -> int:
        return number - 1

    assert [plus(1), minus(1), plus(1)] == [2, 0, 2]
    assert [cached(cache=shared)(lambda number, by=by: number * by)(1) for by in (5, 6)] == [5, 6]
    assert len(shared) == 4


def test_results_that_outlive_the_process_have_keys_that_do(tmp_path: Path) -> None:
    """The same arguments find the result in a new cache with the same file; an object makes no such key."""
    file = CacheFile(tmp_path / "cache.json")
    calls: list[Any] = []

    def begin() -> Any:
        cache: ResultCache[Any, Any] = ResultCache("kept", file=file)

        @cached(cache=cache)
        def work(*args: Any, **options: Any) -> int:
            calls.append(args)
            return len(calls)

        return cache, work

    cache, work = begin()
    arguments = ([1, {"a": {2.5, None}}], "x")
    assert work(*arguments, flag=True) == 1
    assert work(object()) == 2
    cache.close()
    cache, work = begin()
    assert work(*arguments, flag=True) == 1
    assert work(*arguments, flag=1) == 3
    assert cache.stats().bypassed == 0


def test_negative_results_and_bounds_are_those_of_the_cache() -> None:
    """The options reach it."""
    calls: list[int] = []

    @cached(max_entries=2, negative_ttl_seconds=60)
    def fail(number: int) -> int:
        calls.append(number)
        raise LookupError(number)

    for number in (1, 1, 2, 3, 1):
        with pytest.raises(LookupError):
            fail(number)
    assert calls == [1, 2, 3, 1]


def test_generators_and_classes_are_refused() -> None:
    """What they give can be used only once, or is meant to be another each time."""

    def numbers() -> Iterator[int]:
        yield 1

    async def async_numbers() -> Any:
        yield 1

    for wrong in (numbers, async_numbers, Path, 5):
        with pytest.raises(TypeError, match="@cached"):
            cached(wrong)  # type: ignore[call-overload]


# -- with @otel_perf.tool --------------------------------------------------------------------------------------------


def test_below_tool_every_call_is_a_call_and_its_span_says_whether_it_hit(otel_perf_capture: Capture) -> None:
    """The first was computed, the second was there; for coroutines too."""

    @otel_perf.tool
    @cached
    def search(query: str) -> str:
        return query

    @otel_perf.tool
    @cached
    async def asearch(query: str) -> str:
        return query

    for _ in range(2):
        assert search("a") == "a"
        assert asyncio.run(asearch("a")) == "a"
    hits = [(span.name, (span.attributes or {})["otel_perf.cache.hit"]) for span in otel_perf_capture.spans]
    assert hits == [
        ("execute_tool search", False),
        ("execute_tool asearch", False),
        ("execute_tool search", True),
        ("execute_tool asearch", True),
    ]


def test_above_tool_only_the_misses_are_calls(otel_perf_capture: Capture) -> None:
    """A hit runs no tool; the span of the call around it says so."""

    @cached
    @otel_perf.tool
    def search(query: str) -> str:
        return query

    with otel_perf.tool_call("turn"):
        assert [search("a"), search("a")] == ["a", "a"]
    assert [call.tool for call in otel_perf_capture.calls] == ["search", "turn"]
    assert (otel_perf_capture.span("execute_tool turn").attributes or {})["otel_perf.cache.hit"] is True


def test_threads_share_one_computation() -> None:
    """Of the function that is decorated, too."""
    gate, calls = threading.Barrier(4), []

    @cached
    def slow(number: int) -> int:
        calls.append(number)
        return number

    def ask() -> None:
        gate.wait(20)
        slow(1)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert calls == [1]


# -- keys, in general ----------------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(-3, 3)
    | st.text("ab", max_size=2)
    | st.binary(max_size=1),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3)
    ),
    max_leaves=6,
)


def typed(value: Any) -> Any:
    """A value with the types of all its parts, to be compared."""
    if isinstance(value, list | tuple):
        return type(value), [typed(part) for part in value]
    if isinstance(value, dict):
        return dict, {key: typed(part) for key, part in value.items()}
    return type(value), value


@given(VALUES, VALUES)
def test_keys_are_equal_exactly_when_values_and_types_are(first: Any, second: Any) -> None:
    """Also as texts, up to the sign of zero."""
    same = typed(first) == typed(second)
    assert (argument_key((first,), {}) == argument_key((second,), {})) == same
    if "0.0" not in repr(first):
        assert (text_key(argument_key((first,), {})) == text_key(argument_key((second,), {}))) == same


def test_an_object_makes_no_key_that_outlives_the_process() -> None:
    """Its equality may end with it."""
    with pytest.raises(KeylessError):
        text_key(argument_key((object(),), {}))
