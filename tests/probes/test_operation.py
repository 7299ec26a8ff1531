"""``measure()``: blocks and decorators, their spans, results and failures."""

import asyncio
import gc
import inspect
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import otel_perf
from otel_perf.core.guard import guard
from otel_perf.core.intake import intake
from otel_perf.core.operation_signals import OPERATION_SECONDS
from otel_perf.core.records import Failure, Tool
from otel_perf.meters.adopted import AdoptedMeters
from otel_perf.meters.fold import ToolMeters
from otel_perf.meters.sources import MetricSources
from otel_perf.probes.interactions import command
from otel_perf.probes.operation import Measure, measure
from otel_perf.probes.operation_result import OperationResult
from otel_perf.testing.capture import Capture
from otel_perf.testing.recording import recording
from tests.meters.calls import ended_call, points_of


def result_of(run: Any) -> OperationResult:
    """The result of a run or of a ``measure`` object, which must be there."""
    assert isinstance(run.result, OperationResult)
    return run.result


@pytest.mark.feature("S0-13")
def test_a_block_is_a_span_and_has_a_result(otel_perf_capture: Capture) -> None:
    """``with`` gives the run; its result is there after the block, and says what its span says."""
    with measure("load") as run:
        assert run.result is None
    result = result_of(run)

    span = otel_perf_capture.span("load")
    assert result.success
    assert (result.outcome, result.error_type) == ("ok", None)
    assert result.duration_seconds == (span.end_time - span.start_time) / 1e9  # type: ignore[operator]
    assert (result.start_unix_ns, result.end_unix_ns) == (span.start_time, span.end_time)
    assert span.context is not None
    assert (result.trace_id, result.span_id) == (f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}")
    assert dict(span.attributes or {})["otel_perf.operation.name"] == "load"
    assert not guard.counts["operation.end"]


@pytest.mark.feature("S0-13")
def test_an_async_block_is_a_span_and_has_a_result(otel_perf_capture: Capture) -> None:
    """``async with`` does the same."""

    async def main() -> None:
        async with measure("load") as run, otel_perf.tool_call("inner"):
            await asyncio.sleep(0)
        assert result_of(run).success

    asyncio.run(main())

    assert otel_perf_capture.tree() == "load\n  execute_tool inner"


@pytest.mark.feature("S0-13")
@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_exception_passes_unchanged_and_marks_the_result(otel_perf_capture: Capture, asynchronous: bool) -> None:
    """The same exception object leaves the block; result, span and metric say failed."""
    error = ValueError("no")
    block = measure("load")

    async def asynchronously() -> None:
        async with block:
            raise error

    def plainly() -> None:
        with block:
            raise error

    with pytest.raises(ValueError, match="no") as caught:
        asyncio.run(asynchronously()) if asynchronous else plainly()

    assert caught.value is error
    result = result_of(block)
    assert not result.success
    assert (result.outcome, result.error_type) == ("error", "ValueError")
    assert (otel_perf_capture.span("load").attributes or {})["error.type"] == "ValueError"
    (point,) = otel_perf_capture.metrics()["otel_perf.operation.duration"]
    assert point.attributes == {
        "otel_perf.operation.name": "load",
        "otel_perf.outcome": "error",
        "error.type": "ValueError",
    }
    assert point.sum == pytest.approx(result.duration_seconds)


@pytest.mark.feature("S0-35")
def test_a_command_in_an_operation_is_its_child(otel_perf_capture: Capture) -> None:
    """Nesting makes parents and children, with tools below."""
    with measure("request"), command("build"), otel_perf.tool_call("compile"):
        pass

    assert otel_perf_capture.tree() == "request\n  command build\n    execute_tool compile"
    assert [(call.tool, call.caller) for call in otel_perf_capture.calls] == [
        ("compile", "command build"),
        ("command build", "request"),
        ("request", None),
    ]


@measure("plain", memory=False)
def plain(x: int, *, y: int = 2) -> tuple[int, int]:
    """What it is for."""
    return x, y


@measure("coroutine", memory=False)
async def coroutine(x: int) -> int:
    """What it is for."""
    await asyncio.sleep(0)
    return x


@measure("generator", memory=False)
def generator(x: int) -> Iterator[int]:
    """What it is for."""
    yield from range(x)


@measure("async_generator", memory=False)
async def async_generator(x: int) -> AsyncIterator[int]:
    """What it is for."""
    for number in range(x):
        await asyncio.sleep(0)
        yield number


class Shop:
    """A class with measured methods."""

    @measure
    def sell(self, item: str) -> str:
        """Sell."""
        return item

    @classmethod
    @measure("open")
    def open(cls) -> type:
        """Open."""
        return cls

    @measure("static")
    @staticmethod
    def static(item: str) -> str:
        """Give back."""
        return item


@pytest.mark.feature("S0-14")
def test_a_decorated_function_stays_what_it_was() -> None:
    """Name, documentation, module, signature and kind of function are kept."""
    for function in (plain, coroutine, generator, async_generator):
        assert function.__doc__ == "What it is for."
        assert function.__module__ == __name__
        assert function.__name__ == function.__wrapped__.__name__  # type: ignore[attr-defined]
        assert inspect.signature(function) == inspect.signature(function.__wrapped__)  # type: ignore[attr-defined]
    assert inspect.iscoroutinefunction(coroutine)
    assert inspect.isgeneratorfunction(generator)
    assert inspect.isasyncgenfunction(async_generator)


@pytest.mark.feature("S0-14")
def test_each_kind_of_function_gives_what_it_gave_and_is_one_span_per_call(otel_perf_capture: Capture) -> None:
    """Results are identical; a call, an await, a whole iteration are one operation each."""

    async def main() -> None:
        assert await coroutine(5) == 5
        assert [number async for number in async_generator(3)] == [0, 1, 2]

    token = object()
    assert measure("identity")(lambda: token)() is token
    assert plain(1, y=3) == (1, 3)
    assert list(generator(3)) == [0, 1, 2]
    asyncio.run(main())
    assert Shop().sell("tea") == "tea"
    assert Shop.open() is Shop
    assert Shop.static("x") == "x"

    assert [call.tool for call in otel_perf_capture.calls] == [
        "identity", "plain", "generator", "coroutine", "async_generator", "Shop.sell", "open", "static",
    ]  # fmt: skip
    assert {call.outcome for call in otel_perf_capture.calls} == {"ok"}


@pytest.mark.feature("S0-14")
def test_an_exception_leaves_a_decorated_function_unchanged(otel_perf_capture: Capture) -> None:
    """The object that was raised is the object that is caught, out of each kind of function."""
    error = KeyError("k")

    @measure("f")
    def function() -> None:
        raise error

    @measure("c")
    async def later() -> None:
        await asyncio.sleep(0)
        raise error

    @measure("g")
    def numbers() -> Iterator[int]:
        yield 1
        raise error

    with pytest.raises(KeyError) as first:
        function()
    with pytest.raises(KeyError) as second:
        asyncio.run(later())
    with pytest.raises(KeyError) as third:
        list(numbers())

    assert first.value is second.value is third.value is error
    assert [(call.tool, call.error_type) for call in otel_perf_capture.calls] == [
        ("f", "KeyError"), ("c", "KeyError"), ("g", "KeyError"),
    ]  # fmt: skip


def test_a_coroutine_takes_values_exceptions_and_cancellation(otel_perf_capture: Capture) -> None:
    """What is thrown into a measured coroutine arrives in it, and it may go on."""
    seen: list[str] = []

    @measure("patient")
    async def patient() -> str:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            seen.append("cancelled")
        return "went on"

    @measure("obedient")
    async def obedient() -> None:
        await asyncio.sleep(3600)

    async def main() -> None:
        tasks = [asyncio.create_task(patient()), asyncio.create_task(obedient())]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        assert await tasks[0] == "went on"
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]

    asyncio.run(main())

    assert seen == ["cancelled"]
    assert {(call.tool, call.outcome) for call in otel_perf_capture.calls} == {
        ("patient", "ok"),
        ("obedient", "cancelled"),
    }


def test_a_generator_is_never_the_parent_of_what_its_consumer_does(otel_perf_capture: Capture) -> None:
    """The span is current inside the generator only."""

    @measure("numbers")
    def numbers() -> Iterator[int]:
        with otel_perf.tool_call("inside"):
            pass
        yield 1

    for _ in numbers():
        with otel_perf.tool_call("consumer"):
            pass

    assert otel_perf_capture.tree().splitlines() == ["numbers", "  execute_tool inside", "execute_tool consumer"]


def test_one_object_serves_many_threads_tasks_and_itself(otel_perf_capture: Capture) -> None:
    """Runs that overlap do not get mixed up: each ends what it began."""
    block = measure("shared", memory=False)
    barrier = threading.Barrier(4)

    def run(number: int) -> bool:
        with block as outer:
            barrier.wait()
            with block as inner:
                barrier.wait()
            assert inner.result is not None
            assert outer.result is None
            assert number >= 0
        return result_of(outer).duration_seconds > result_of(inner).duration_seconds

    async def tasks() -> None:
        async def one(delay: int) -> None:
            async with block as mine:
                for _ in range(delay):
                    await asyncio.sleep(0)
                assert mine.result is None
            assert mine.result is not None

        await asyncio.gather(*(one(number % 5) for number in range(20)))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(run, range(4)))
    asyncio.run(tasks())

    assert len(otel_perf_capture.calls) == 28
    assert otel_perf_capture.balance.calls == 28


def test_before_instrument_a_block_is_measured_and_recorded_nowhere() -> None:
    """The result is there for whoever asked for it; the call is counted as disabled."""
    before = intake.disabled
    with measure("early") as run:
        pass
    assert result_of(run).trace_id is None
    assert result_of(run).rss_before_bytes
    assert intake.disabled == before + 1


def test_results_are_handed_to_a_listener_whose_errors_stay_here(otel_perf_capture: Capture) -> None:
    """``on_result`` gets each result; an exception in it is counted, and the application goes on."""
    results: list[OperationResult] = []

    @measure("heard", on_result=results.append)
    def heard() -> None:
        pass

    def broken(_result: OperationResult) -> None:
        raise RuntimeError("listener")

    heard()
    heard()
    before = guard.counts["operation.on_result"]
    with measure("broken", on_result=broken):
        pass

    assert [result.name for result in results] == ["heard", "heard"]
    assert guard.counts["operation.on_result"] == before + 1


def test_nothing_is_left_for_the_garbage_collector(otel_perf_capture: Capture) -> None:
    """A run is freed when its last user lets go, failed or not: no circle, no table that keeps it."""
    gc.collect()
    gc.disable()
    try:
        seen: list[weakref.ref[Any]] = []

        def use() -> None:
            with measure("block", memory=False, on_result=lambda _: None) as run:
                seen.append(weakref.ref(run))

        def fail() -> None:
            with pytest.raises(ValueError, match="no"), command("failing") as run:
                seen.append(weakref.ref(run))
                raise ValueError("no")

        use()
        fail()
        assert [ref() for ref in seen] == [None, None]
    finally:
        gc.enable()


def test_in_suppress_and_under_a_sampler_that_takes_nothing() -> None:
    """Suppressed work is not recorded at all; unsampled work is measured, without a span."""
    with recording(sampling_ratio=0.0) as capture:
        with otel_perf.suppress(), measure("hidden") as hidden:
            pass
        with measure("unsampled") as unsampled:
            pass
        assert hidden.result is not None
        assert unsampled.result is not None
        assert [call.tool for call in capture.calls] == ["unsampled"]
        assert not capture.spans
        (point,) = capture.metrics()["otel_perf.operation.duration"]
        assert point.attributes["otel_perf.operation.name"] == "unsampled"


@pytest.mark.feature("S0-13", "S0-35")
def test_on_somebody_elses_providers_it_is_their_span_and_their_metric() -> None:
    """On an adopted provider the operation is an SDK span with the same attributes, their meters get the metric."""
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers, meters = TracerProvider(), MeterProvider([reader], shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    with (
        otel_perf.instrument(service_name="tested", tracer_provider=tracers, set_global=False),
        pytest.raises(OSError, match="gone"),
        measure("load", attributes={"rows": 3}) as run,
    ):
        raise OSError("gone")
    (span,) = exporter.get_finished_spans()
    assert span.name == "load"
    found = dict(span.attributes or {})
    assert found["rows"] == 3
    assert found["otel_perf.operation.name"] == "load"
    assert found["error.type"] == "OSError"
    assert found["otel_perf.memory.rss"] == result_of(run).rss_after_bytes
    assert result_of(run).duration_seconds == (span.end_time - span.start_time) / 1e9  # type: ignore[operator]

    adopted = AdoptedMeters(meters, ToolMeters(), MetricSources(), "0.0")
    adopted.on_calls([ended_call(Tool("load", kind="operation"), failure=Failure("error", "OSError"))])
    (point,) = points_of(reader.get_metrics_data(), "otel_perf.operation.duration")
    assert (point.count, point.explicit_bounds) == (1, OPERATION_SECONDS)
    assert dict(point.attributes) == {
        "otel_perf.operation.name": "load",
        "otel_perf.outcome": "error",
        "error.type": "OSError",
    }


def test_names_and_attributes_of_any_kind_are_made_safe(otel_perf_capture: Capture) -> None:
    """Nothing that is passed at run time raises; a name is cut to 128 characters."""
    with measure("x" * 500, attributes={"fine": 1, "odd": object()}) as run:
        run.set_attribute("late", True)
    (span,) = otel_perf_capture.spans
    assert span.name.startswith("x" * 100)
    assert len(span.name) <= 128
    assert {"fine", "late"} <= set(span.attributes or {})


def test_it_says_what_it_is() -> None:
    """``repr`` names it; a result prints as one line with units."""
    block = measure("load")
    with block as run:
        assert repr(run) == "<Operation 'load': running>"
    assert isinstance(block, Measure)
    assert repr(block) == "measure('load')"
    assert "MiB" in str(run.result)
    assert otel_perf.measure is measure
