"""The benchmarker: results that are kept, their statistics, and the file they go to."""

import asyncio
import inspect
import json
import math
import stat
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import otel_perf
from otel_perf.compat.benchmark_result import EXPORT_SCHEMA, BenchmarkResult
from otel_perf.compat.benchmarker import PerformanceBenchmarker, benchmarker
from otel_perf.compat.summary_statistics import describe_seconds
from otel_perf.probes.operation_schema import OPERATION_SCHEMA
from otel_perf.testing.capture import Capture


def refuse(constant: str) -> NoReturn:
    """NaN or an infinity is no JSON."""
    raise AssertionError(constant)


@pytest.fixture
def bench() -> PerformanceBenchmarker:
    """A benchmarker of this test's own."""
    return PerformanceBenchmarker()


# -- measuring ---------------------------------------------------------------------------------------------------------


@pytest.mark.feature("S0-13")
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_block_has_a_span_and_a_result(
    bench: PerformanceBenchmarker, otel_perf_capture: Capture, *, asynchronous: bool
) -> None:
    """``with`` and ``async with`` alike: one span, one result that names it."""

    async def main() -> None:
        async with bench.measure_operation("my_operation"):
            await asyncio.sleep(0)

    if asynchronous:
        asyncio.run(main())
    else:
        with bench.measure_operation("my_operation"):
            pass

    span = otel_perf_capture.span("my_operation")
    (result,) = bench.results
    assert span.context is not None
    assert (result.name, result.span_id) == ("my_operation", f"{span.context.span_id:016x}")
    assert (result.start_unix_ns, result.end_unix_ns) == (span.start_time, span.end_time)
    assert (result.success, result.error) == (True, None)


@pytest.mark.feature("S0-13")
@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_exception_passes_and_fails_the_result(bench: PerformanceBenchmarker, *, asynchronous: bool) -> None:
    """What was raised arrives as the same object; the result is marked failed, with its class."""
    thrown = LookupError("nobody")

    async def main() -> None:
        async with bench.measure_operation("failing"):
            raise thrown

    with pytest.raises(LookupError) as caught:
        if asynchronous:
            asyncio.run(main())
        else:
            with bench.measure_operation("failing"):
                raise thrown

    (result,) = bench.results
    assert caught.value is thrown
    assert (result.success, result.error, result.outcome) == (False, "LookupError", "error")
    assert bench.get_summary_statistics()["failed_operations"] == 1


def test_results_are_kept_when_nothing_is_recorded(bench: PerformanceBenchmarker) -> None:
    """Without ``instrument()`` a block is measured all the same; it has no span."""
    with bench.measure_operation("alone"):
        pass

    (result,) = bench.results
    assert result.duration > 0
    assert result.trace_id is None


@pytest.mark.feature("S0-14")
def test_a_function_stays_what_it_was(bench: PerformanceBenchmarker, otel_perf_capture: Capture) -> None:
    """Name, signature, docstring and return value of a decorated function are its own."""
    answer = object()

    def find(where: str, *, deep: bool = False) -> object:
        """Look for it."""
        del where, deep
        return answer

    measured = bench.benchmark(find)

    assert measured("here", deep=True) is answer
    assert (measured.__name__, measured.__doc__, measured.__wrapped__) == ("find", "Look for it.", find)  # type: ignore[attr-defined]
    assert inspect.signature(measured) == inspect.signature(find)
    assert [result.name for result in bench.results] == ["find"]
    assert otel_perf_capture.tree() == "find"


@pytest.mark.feature("S0-14")
def test_every_kind_of_function_can_be_decorated(bench: PerformanceBenchmarker, otel_perf_capture: Capture) -> None:
    """Coroutine functions, generators, async generators and methods give what they gave, and one result per call."""

    @bench.benchmark("coroutine")
    async def coroutine(value: int) -> int:
        await asyncio.sleep(0)
        return value + 1

    @bench.benchmark("generator")
    def generator(count: int) -> Iterator[int]:
        yield from range(count)

    @bench.benchmark("async generator")
    async def async_generator(count: int) -> AsyncIterator[int]:
        for value in range(count):
            yield value

    class Service:
        @bench.benchmark
        def method(self, value: int) -> tuple["Service", int]:
            return self, value

        @bench.benchmark("class method")
        @classmethod
        def make(cls) -> type["Service"]:
            return cls

    async def main() -> tuple[int, list[int]]:
        return await coroutine(1), [value async for value in async_generator(3)]

    service = Service()
    assert asyncio.run(main()) == (2, [0, 1, 2])
    assert list(generator(3)) == [0, 1, 2]
    assert service.method(4) == (service, 4)
    assert Service.make() is Service
    names = ["coroutine", "async generator", "generator", "Service.method", "class method"]
    assert [result.name for result in bench.results] == names
    assert [span.name for span in otel_perf_capture.spans] == names


@pytest.mark.feature("S0-14")
def test_a_failing_function_raises_its_own_exception(bench: PerformanceBenchmarker) -> None:
    """The very object that was raised leaves the decorated function."""
    thrown = KeyError("x")

    @bench.benchmark
    def fail() -> None:
        raise thrown

    with pytest.raises(KeyError) as caught:
        fail()

    assert caught.value is thrown
    assert [result.error for result in bench.results] == ["KeyError"]


# -- keeping -----------------------------------------------------------------------------------------------------------


@pytest.mark.feature("S0-16")
def test_instances_are_isolated(bench: PerformanceBenchmarker) -> None:
    """What one benchmarker measured no other one has, the global one included."""
    other, before = PerformanceBenchmarker(), len(benchmarker)
    with bench.measure_operation("mine"):
        pass

    assert isinstance(benchmarker, PerformanceBenchmarker)
    assert (len(bench), len(other), len(benchmarker)) == (1, 0, before)
    assert other.get_summary_statistics()["total_operations"] == 0


def test_the_history_is_bounded_and_says_what_left_it() -> None:
    """The newest results stay; those that left are counted."""
    bench = PerformanceBenchmarker(max_results=3)
    for number in range(5):
        with bench.measure_operation(f"run {number}", memory=False):
            pass

    statistics = bench.get_summary_statistics()
    assert [result.name for result in bench.results] == ["run 2", "run 3", "run 4"]
    assert (statistics["total_operations"], statistics["forgotten_operations"]) == (3, 2)
    bench.clear()
    assert (len(bench), bench.get_summary_statistics()["forgotten_operations"]) == (0, 0)


def test_a_size_that_keeps_nothing_is_refused() -> None:
    """A mistake of the program is told where it is made."""
    with pytest.raises(ValueError, match="positive"):
        PerformanceBenchmarker(0)


def test_threads_lose_no_result(bench: PerformanceBenchmarker) -> None:
    """Eight threads at once."""
    gate = threading.Barrier(8)

    def work(_number: int) -> None:
        gate.wait()
        for _ in range(50):
            with bench.measure_operation("shared", memory=False):
                pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    assert bench.get_summary_statistics()["operations"]["shared"]["count"] == 400


@pytest.mark.feature("S0-17")
def test_a_result_says_everything_and_survives_json(bench: PerformanceBenchmarker) -> None:
    """Every number of a run that used CPU and memory, and what comes back from JSON equals what went in."""
    with pytest.raises(OSError, match="late"), bench.measure_operation("busy"):
        kept = [bytes(1_000_000) for _ in range(20)]
        while sum(range(20_000)) and len(kept) < 400:
            kept.append(b"")
        raise OSError("late")

    (result,) = bench.results
    assert (result.name, result.success, result.error) == ("busy", False, "OSError")
    assert result.start < result.end
    assert result.duration == result.duration_seconds > 0.01
    assert result.cpu is not None
    assert result.cpu > 0
    assert result.rss_before_bytes is not None
    assert result.rss_after_bytes is not None
    assert result.rss_peak_bytes is not None
    assert result.rss_peak_bytes >= max(result.rss_before_bytes, result.rss_after_bytes)
    assert str(result.peak_method) in result.method
    assert "thread CPU clock" in result.method
    assert BenchmarkResult.from_json(result.to_json()) == result
    jsonschema.validate(json.loads(result.to_json()), OPERATION_SCHEMA)


def test_a_result_without_numbers_says_why() -> None:
    """What could not be measured is ``None``, and the method gives the reason."""
    bare = BenchmarkResult(
        name="bare", start_unix_ns=1, end_unix_ns=2, duration_seconds=1e-9, absent={"cpu_seconds": "too short"}
    )

    assert (bare.cpu, bare.rss_peak_bytes) == (None, None)
    assert bare.method == "duration: monotonic clock; CPU: too short; memory peak: not measured"
    assert BenchmarkResult.from_json(bare.to_json()) == bare


# -- statistics --------------------------------------------------------------------------------------------------------


@pytest.mark.feature("S0-19", "S0-20")
def test_statistics_are_those_of_the_results(bench: PerformanceBenchmarker) -> None:
    """Per operation and over all, from the durations of the very results that are kept."""
    for number in range(100):
        with bench.measure_operation("even" if number % 2 == 0 else "odd", memory=False):
            pass

    statistics = bench.get_summary_statistics()
    everything = [result.duration for result in bench.results]
    assert abs(statistics["duration_stats"]["avg_seconds"] - sum(everything) / 100) < 1e-9
    shown = f"Average duration: {statistics['duration_stats']['avg_seconds']:.4f}s"
    assert float(shown.removeprefix("Average duration: ").removesuffix("s")) == round(sum(everything) / 100, 4)
    for name in ("even", "odd"):
        mine = sorted(result.duration for result in bench.get_results(name))
        found = statistics["operations"][name]
        assert (found["count"], found["min_seconds"], found["max_seconds"]) == (50, mine[0], mine[-1])
        assert abs(found["avg_seconds"] - sum(mine) / 50) < 1e-9
        assert (found["p50_seconds"], found["p95_seconds"], found["p99_seconds"]) == (mine[24], mine[47], mine[49])
        assert found["failed"] == 0


def test_no_result_has_no_statistics(bench: PerformanceBenchmarker) -> None:
    """Nothing was measured, so there is no mean, no percentile and no rate of success."""
    statistics = bench.get_summary_statistics()

    assert statistics["duration_stats"]["avg_seconds"] is None
    assert (statistics["success_rate"], statistics["memory_stats"]["peak_bytes"]) == (None, None)
    assert statistics["operations"] == {}


@pytest.mark.feature("S0-19")
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300))
def test_described_durations_are_exact(durations: list[float]) -> None:
    """Mean to the last digit, and percentiles by their definition, for any durations in any order."""
    found = describe_seconds(durations)

    assert found["avg_seconds"] == math.fsum(durations) / len(durations)
    assert (found["count"], found["min_seconds"], found["max_seconds"]) == (
        len(durations), min(durations), max(durations),
    )  # fmt: skip
    for percent in (50, 95, 99):
        value = found[f"p{percent}_seconds"]
        assert value in durations
        assert 100 * sum(each <= value for each in durations) >= percent * len(durations)
        assert 100 * sum(each < value for each in durations) < percent * len(durations)


# -- the file ----------------------------------------------------------------------------------------------------------


@pytest.mark.feature("S0-15")
def test_the_exported_file_is_strict_json_and_fits_its_schema(bench: PerformanceBenchmarker, tmp_path: Path) -> None:
    """No NaN, valid by the schema that is shipped, readable by its owner alone; a second export replaces the first."""
    with bench.measure_operation("short"):
        pass
    with pytest.raises(ValueError, match="x"), bench.measure_operation("Ümlaut \ud800", memory=False):
        raise ValueError("x")

    path = bench.export_results(tmp_path / "results.json")
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)

    jsonschema.Draft202012Validator.check_schema(EXPORT_SCHEMA)
    jsonschema.validate(document, EXPORT_SCHEMA)
    assert [BenchmarkResult.from_json(json.dumps(entry)) for entry in document["results"]] == bench.results
    assert document["statistics"] == bench.get_summary_statistics()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    bench.clear()
    bench.export_results(path)
    empty = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    jsonschema.validate(empty, EXPORT_SCHEMA)
    assert empty["results"] == []
    assert [each.name for each in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.feature("S0-15")
def test_the_schema_refuses_what_is_no_export() -> None:
    """A schema that accepts anything would show nothing."""
    good = PerformanceBenchmarker().to_dict()

    for bad in ({**good, "version": 2}, {**good, "results": [{"name": "x"}]}, {**good, "statistics": {}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, EXPORT_SCHEMA)


def test_a_file_that_cannot_be_written_is_told(bench: PerformanceBenchmarker, tmp_path: Path) -> None:
    """The export was asked for, so its failure is an ``OSError`` of the caller's."""
    with pytest.raises(OSError, match="nowhere"):
        bench.export_results(tmp_path / "nowhere" / "results.json")


def test_measuring_while_a_pipeline_runs_goes_to_the_metrics(
    bench: PerformanceBenchmarker, otel_perf_capture: Capture
) -> None:
    """Each run is in ``otel_perf.operation.duration``, and nested ones are children."""
    with bench.measure_operation("outer"), otel_perf.tool_call("search"), bench.measure_operation("inner"):
        pass

    points = otel_perf_capture.metrics()["otel_perf.operation.duration"]
    assert {point.attributes["otel_perf.operation.name"]: point.count for point in points} == {"outer": 1, "inner": 1}
    assert otel_perf_capture.tree() == "outer\n  execute_tool search\n    inner"
