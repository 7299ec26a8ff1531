"""Several threads at the same span, at the same moment."""

import gc
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from otel_perf.core.intake import FULLY_SAMPLED
from otel_perf.core.records import Tool
from otel_perf.tracing import span as span_module
from otel_perf.tracing.span import ToolSpan

THREADS = 8
ROUNDS = 500
TOOL = Tool("raced")


@pytest.fixture(autouse=True)
def _switch_often() -> Iterator[None]:
    """Threads take turns as often as they can, so that a race shows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def begin(parent: ToolSpan | None = None) -> ToolSpan:
    """A call that runs, below another one."""
    call = ToolSpan()
    call.tool, call.scope, call.start_ns = TOOL, FULLY_SAMPLED, 1
    call.parent = call.caller = parent
    call.end_ns = call.failure = call.context = call.details = call.readable = None
    return call


def all_at_once(calls: Sequence[Any], act: Callable[[int, Any], Any]) -> list[list[Any]]:
    """What ``act`` gives for each call on each of several threads, which come to every call together."""
    found: list[list[Any]] = [[] for _ in range(THREADS)]
    barrier = threading.Barrier(THREADS)

    def run(number: int) -> None:
        for call in calls:
            barrier.wait()
            found[number].append(act(number, call))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.parametrize("has_gil", [True, False])
def test_no_first_attribute_is_lost(monkeypatch: pytest.MonkeyPatch, *, has_gil: bool) -> None:
    """Every thread sets the first attribute of a span: all are there afterwards, with either way to make its place."""
    monkeypatch.setattr(span_module, "HAS_GIL", has_gil)
    calls = [begin() for _ in range(ROUNDS)]

    all_at_once(calls, lambda number, call: call.set_attribute(f"thread.{number}", number))

    assert {len(call.details) for call in calls if call.details is not None} == {THREADS}
    assert all(call.details is not None for call in calls)


def test_all_threads_see_the_same_identifiers() -> None:
    """The identifiers of a call and of those around it are made once, whoever asks first, from wherever."""
    roots = [begin() for _ in range(ROUNDS)]
    chains = [(root, middle := begin(root), begin(middle)) for root in roots]

    found = all_at_once(chains, lambda number, chain: chain[number % 3].get_span_context())

    for position, chain in enumerate(chains):
        made = [call.get_span_context() for call in chain]
        assert all(found[number][position] is made[number % 3] for number in range(THREADS))
        assert len({context.trace_id for context in made}) == 1
        assert len({context.span_id for context in made}) == 3


def test_nothing_keeps_a_call_alive() -> None:
    """What several threads made at once is handed over whole: the call goes when its last user goes."""
    calls = [begin() for _ in range(ROUNDS)]
    left = [weakref.ref(call) for call in calls]

    def use(number: int, call: ToolSpan) -> None:
        call.get_span_context()
        call.set_attribute("number", number)

    all_at_once(calls, use)
    calls.clear()
    gc.collect()

    assert not [reference for reference in left if reference() is not None]
