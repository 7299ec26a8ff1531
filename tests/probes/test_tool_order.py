"""Tools one after the other, side by side, and on other threads: siblings, overlap, parents."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

import otel_perf
from otel_perf.probes.operation import measure
from otel_perf.runtime import active
from otel_perf.testing.capture import Capture
from otel_perf.testing.recording import recording


def children_of(capture: Capture, name: str) -> list[Any]:
    """The spans right below the only span of a name, by their start."""
    parent = capture.span(name).context
    assert parent is not None
    found = [span for span in capture.spans if span.parent is not None and span.parent.span_id == parent.span_id]
    return sorted(found, key=lambda span: span.start_time or 0)


@otel_perf.tool
def step(number: int) -> int:
    """A tool."""
    return number


@otel_perf.tool
async def slow_step(started: asyncio.Barrier) -> None:
    """A tool that ends only when all have begun."""
    await started.wait()


@pytest.mark.feature("S4-37")
def test_tools_one_after_the_other_are_siblings_that_do_not_overlap() -> None:
    """Same parent, each begins after the one before has ended."""
    with recording(deterministic=False) as capture:
        with measure("turn"):
            for number in range(10):
                step(number)
        spans = children_of(capture, "turn")
        assert len(spans) == 10
        assert all(before.end_time <= after.start_time for before, after in pairwise(spans))


@pytest.mark.feature("S4-38")
def test_tools_side_by_side_overlap_each_with_the_right_parent() -> None:
    """``gather`` inside two turns at once: every tool is below its own turn, and all overlap."""

    async def turn(name: str) -> None:
        started = asyncio.Barrier(3)
        async with measure(name):
            await asyncio.gather(*(slow_step(started) for _ in range(3)))

    async def main() -> None:
        await asyncio.gather(turn("first"), turn("second"))

    with recording(deterministic=False) as capture:
        asyncio.run(main())
        for name in ("first", "second"):
            spans = children_of(capture, name)
            assert len(spans) == 3
            assert max(span.start_time for span in spans) <= min(span.end_time for span in spans)


def test_a_measured_piece_of_a_tool_is_the_tools_time() -> None:
    """Where a turn went: an operation counts as what it is a part of, and as the application's own elsewhere."""
    with recording() as capture:
        with measure("request"), otel_perf.tool_call("search"), measure("parse"), measure("inner"):
            pass
        assert len(capture.calls) == 4
        handle = active.current()
        assert handle is not None
        assert handle.engine is not None
        (trace,) = handle.engine.look().slowest
        parts = {node.name: node.part for node in (trace.root, *trace.nodes)}
    assert parts == {"request": "own", "search": "tools", "parse": "tools", "inner": "tools"}


@pytest.mark.feature("S4-41")
def test_work_on_an_executor_keeps_its_parent(tmp_path: Any) -> None:
    """``run_in_executor`` carries the context, so that the tool is below the operation that started it."""

    async def main() -> None:
        async with measure("turn"):
            loop = asyncio.get_running_loop()
            await asyncio.gather(*(loop.run_in_executor(None, step, number) for number in range(3)))

    with otel_perf.instrument(service_name="tested", set_global=False, state_folder=tmp_path) as handle:
        asyncio.run(main())
        handle.flush(5)
        summary = handle.summary()
    (turn,) = summary.tree
    assert turn.name == "turn"
    assert [(child.name, child.calls) for child in turn.children] == [("step", 3)]
