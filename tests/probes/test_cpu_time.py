"""CPU time where threads, tasks and generators are about: exact, or absent with the reason."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from otel_perf.probes.operation import measure
from otel_perf.probes.operation_result import OperationResult


def burn(seconds: float) -> None:
    """Use that much CPU time on this thread."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_a_measured_coroutine_has_its_own_cpu_time_only() -> None:
    """Two tasks on one loop: each is told what it used itself."""
    results: dict[str, OperationResult] = {}

    async def work(seconds: float) -> None:
        for _ in range(4):
            burn(seconds / 4)
            await asyncio.sleep(0)

    def measured(name: str) -> "object":
        return measure(name, memory=False, on_result=lambda result: results.__setitem__(name, result))(work)

    async def main() -> None:
        await asyncio.gather(measured("long")(0.08), measured("short")(0.02))  # type: ignore[operator]

    asyncio.run(main())

    assert results["long"].cpu_seconds == pytest.approx(0.08, abs=0.012)
    assert results["short"].cpu_seconds == pytest.approx(0.02, abs=0.012)


def test_a_block_during_which_other_tasks_ran_has_no_cpu_time() -> None:
    """Their time would be in it; the reason says what to do instead."""

    async def main() -> None:
        async with measure("waited", memory=False) as waited:
            await asyncio.sleep(0.02)
        async with measure("went through", memory=False) as through:
            burn(0.02)
        with measure("plain block", memory=False) as plain:
            await asyncio.sleep(0.02)
        for run in (waited, plain):
            assert run.result is not None
            assert run.result.cpu_seconds is None
            assert "decorate" in run.result.absent["cpu_seconds"]
        assert through.result is not None
        assert through.result.cpu_seconds == pytest.approx(0.02, abs=0.01)

    asyncio.run(main())


def test_a_generator_has_the_cpu_time_of_its_steps() -> None:
    """What the consumer does between them is not in it."""
    results: list[OperationResult] = []

    @measure("steps", memory=False, on_result=results.append)
    def steps() -> Iterator[None]:
        burn(0.01)
        yield
        burn(0.01)

    for _ in steps():
        burn(0.03)

    (result,) = results
    assert result.cpu_seconds == pytest.approx(0.02, abs=0.01)
    assert result.duration_seconds > 0.03


def test_an_async_generator_has_the_cpu_time_of_its_steps() -> None:
    """The same, with awaits inside."""
    results: list[OperationResult] = []

    @measure("steps", memory=False, on_result=results.append)
    async def steps() -> AsyncIterator[None]:
        burn(0.01)
        await asyncio.sleep(0)
        yield
        burn(0.01)

    async def main() -> None:
        async for _ in steps():
            burn(0.03)

    asyncio.run(main())

    (result,) = results
    assert result.cpu_seconds == pytest.approx(0.02, abs=0.01)
    assert result.duration_seconds > 0.03


def test_a_block_that_ends_on_another_thread_has_no_cpu_time() -> None:
    """Two threads' clocks cannot be subtracted."""
    block = measure("moves", memory=False)
    run = block.__enter__()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: (time.sleep(0.02), block.__exit__(None, None, None))).result()
    assert run.result is not None
    assert run.result.cpu_seconds is None
    assert "thread" in run.result.absent["cpu_seconds"]
    assert run.result.thread != threading.current_thread().name


def test_sleeping_is_no_cpu_time() -> None:
    """What was used is told, however little, when the operation lasted long enough."""
    with measure("sleep", memory=False) as run:
        time.sleep(0.05)
    assert run.result is not None
    assert run.result.cpu_utilization is not None
    assert run.result.cpu_utilization < 0.5
