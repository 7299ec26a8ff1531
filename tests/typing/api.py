"""The public API as a user's type checker sees it. Checked by mypy --strict, never run.

A ``type: ignore`` here is an expectation: mypy reports it when the error is not there.
"""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, TypeVar, assert_type

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span

import otel_perf
from otel_perf import Handle
from otel_perf.probes.operation_result import OperationResult
from otel_perf.probes.operation_run import Operation
from otel_perf.runtime.performance import Performance

T = TypeVar("T")

# --- @tool keeps signatures ------------------------------------------------------


@otel_perf.tool
def bare(x: int, *, loud: bool = False) -> str:
    return str(x) * (2 if loud else 1)


@otel_perf.tool("search", agent="researcher", attributes={"index": "docs", "depth": 3}, capture="shape")
def with_arguments(query: str, limit: int = 10) -> list[str]:
    return [query] * limit


@otel_perf.tool()
def empty_brackets(x: float) -> float:
    return x


@otel_perf.tool
async def coroutine(url: str) -> bytes:
    return url.encode()


@otel_perf.tool("fetch")
async def coroutine_with_arguments(url: str) -> bytes:
    return url.encode()


@otel_perf.tool
def generator(n: int) -> Iterator[int]:
    yield from range(n)


@otel_perf.tool
async def async_generator(n: int) -> AsyncIterator[int]:
    for i in range(n):
        yield i


@otel_perf.tool
def generic(x: T) -> T:
    return x


assert_type(bare(1, loud=True), str)
bare("one")  # type: ignore[arg-type]
bare(1, quiet=True)  # type: ignore[call-arg]

assert_type(with_arguments("q", limit=3), list[str])
with_arguments(3)  # type: ignore[arg-type]

assert_type(empty_brackets(1.5), float)
assert_type(generator(3), Iterator[int])
assert_type(async_generator(3), AsyncIterator[int])
assert_type(generic("text"), str)


async def awaits() -> None:
    """What a decorated coroutine function gives is awaited as before."""
    assert_type(await coroutine("u"), bytes)
    assert_type(await coroutine_with_arguments("u"), bytes)
    await coroutine(1)  # type: ignore[arg-type]
    task: Coroutine[Any, Any, bytes] = coroutine("u")
    assert_type(await asyncio.create_task(task), bytes)


class Toolbox:
    """Methods of every kind."""

    @otel_perf.tool
    def method(self, x: int) -> str:
        return str(x)

    @otel_perf.tool("named")
    def method_with_arguments(self, x: int) -> str:
        return str(x)

    @classmethod
    @otel_perf.tool
    def of_class(cls, x: int) -> str:
        return f"{cls}{x}"

    @staticmethod
    @otel_perf.tool
    def static(x: int) -> str:
        return str(x)

    @otel_perf.tool
    async def async_method(self, x: int) -> str:
        return str(x)


assert_type(Toolbox().method(1), str)
assert_type(Toolbox().method_with_arguments(1), str)
assert_type(Toolbox.of_class(1), str)
assert_type(Toolbox.static(1), str)
Toolbox().method("one")  # type: ignore[arg-type]
Toolbox().method_with_arguments("one")  # type: ignore[arg-type]

assert_type(otel_perf.tool(functools.partial(bare, 1))(), str)

as_callback: Callable[[str], list[str]] = with_arguments


# --- blocks ----------------------------------------------------------------------


def blocks() -> None:
    """A block gives a span; its keyword arguments are checked."""
    with otel_perf.tool_call("read", attributes={"path": "a.txt"}) as call:
        assert_type(call, Span)
        call.set_attribute("bytes", 3)
    with otel_perf.agent("planner", conversation_id="c", session_id="s", user_id="u", attributes={"team": "x"}) as turn:
        assert_type(turn, Span)
    with otel_perf.suppress(), contextlib.ExitStack() as stack:
        stack.enter_context(otel_perf.tool_call("inner"))
    otel_perf.tool_call(3)  # type: ignore[arg-type]
    otel_perf.agent("planner", conversation=3)  # type: ignore[call-arg]


async def async_blocks() -> None:
    """The same blocks in coroutines."""
    async with otel_perf.tool_call("read") as call, otel_perf.agent("planner"), otel_perf.suppress():
        assert_type(call, Span)


@otel_perf.agent("planner")
def turn_function(question: str) -> int:
    return len(question)


assert_type(turn_function("q"), int)
turn_function(1)  # type: ignore[arg-type]


# --- measure -----------------------------------------------------------------------


@otel_perf.measure
def measured_bare(x: int) -> str:
    return str(x)


@otel_perf.measure("load", memory=False, tracemalloc=False, reset_peak=False, attributes={"index": "docs"})
async def measured_coroutine(x: int) -> bytes:
    return bytes(x)


@otel_perf.measure("numbers")
def measured_generator(x: T) -> Iterator[T]:
    yield x


assert_type(measured_bare(1), str)
measured_bare("one")  # type: ignore[arg-type]
assert_type(measured_generator("a"), Iterator[str])
otel_perf.measure("load", memory="yes")  # type: ignore[call-overload]


async def measured_blocks() -> None:
    """A block gives the run, whose result is there after it."""
    with otel_perf.measure("load") as run:
        assert_type(run, Operation)
        run.set_attribute("rows", 3)
    async with otel_perf.measure("load", context_mode="FANCY") as run:
        assert_type(run.result, OperationResult | None)
    assert_type(await measured_coroutine(1), bytes)


# --- instrument and its handle ---------------------------------------------------

handle = otel_perf.instrument(
    service_name="agent",
    service_version="1.0",
    environment="test",
    endpoint="http://127.0.0.1:4318",
    protocol="http/protobuf",
    headers={"x-key": "value"},
    capture="off",
    sampling_ratio=0.5,
    set_global=False,
    handle_sigterm=False,
    strict=False,
)
assert_type(handle, Handle)
assert_type(handle.flush(1.0), bool)
assert_type(handle.flush(timeout=1.0), bool)
assert_type(handle.shutdown(), bool)
assert_type(handle.shutdown(timeout=1.0), bool)
status = handle.status()
assert_type(handle.performance(), Performance)

with otel_perf.instrument() as entered:
    assert_type(entered, Handle)

otel_perf.instrument(service_name=3)  # type: ignore[arg-type]
otel_perf.instrument(protocol="udp")  # type: ignore[arg-type]

# --- indicators, scores, custom metrics --------------------------------------------

otel_perf.record_kpi("f1_score", 0.9, model="m", agent=None)
otel_perf.record_kpi("f1_score", "0.9")  # type: ignore[arg-type]
otel_perf.record_score("relevance", 0.5, trace="4bf92f3577b34da6a3ce929d0e0e4736", span=7)
otel_perf.record_score("thumbs", label="up", trace=trace.get_current_span(), explanation="kind", response_id="r")
otel_perf.record_score("thumbs", trace=1.5)  # type: ignore[arg-type]
otel_perf.record_custom_metric("docs", 1, {"source": "wiki", "shard": 3}, "counter", unit="{document}")
otel_perf.record_custom_metric("docs", 1, kind="summary")  # type: ignore[arg-type]

# --- the processor alone, on anybody's provider ----------------------------------

TracerProvider().add_span_processor(otel_perf.PerfSpanProcessor())
