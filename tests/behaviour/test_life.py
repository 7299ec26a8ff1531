"""From ``instrument()`` to ``shutdown()``, again and again, from any thread (T-28)."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry import trace

import otel_perf
from otel_perf.core.intake import intake
from otel_perf.runtime.handle import Handle
from tests.sinks.http_sink import HttpSink, http_sink

THREADS = 8
TIMES = 10


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    """A local OTLP receiver."""
    with http_sink() as running:
        yield running


def our_threads() -> list[str]:
    """Names of the threads that we run."""
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("otel_perf"))


def at_the_same_time(count: int, act: Callable[[], Any]) -> list[Any]:
    """Do it on several threads that start together."""
    barrier = threading.Barrier(count, timeout=30)

    def run() -> Any:
        barrier.wait()
        return act()

    with ThreadPoolExecutor(count) as pool:
        return [future.result(60) for future in [pool.submit(run) for _ in range(count)]]


def test_instrument_from_many_threads_is_one_handle(sink: HttpSink) -> None:
    """Ten times from each of eight threads: one handle, one set of threads, and one call is one span at the sink."""

    def instrument() -> list[Handle]:
        return [otel_perf.instrument(endpoint=sink.url, service_name="life") for _ in range(TIMES)]

    handles = {id(handle): handle for made in at_the_same_time(THREADS, instrument) for handle in made}
    (handle,) = handles.values()
    with handle:
        threads = our_threads()
        with otel_perf.tool_call("once"):
            pass
        assert handle.flush(10)
        assert otel_perf.instrument() is handle
        assert our_threads() == threads

        assert len(threads) == len(set(threads))
        assert dict(sink.span_names) == {"execute_tool once": 1}
        assert handle.status().balanced
    assert our_threads() == []


def test_instrument_shutdown_instrument(sink: HttpSink) -> None:
    """Each life is its own: its calls arrive once, and no thread of it is left."""
    for life in range(5):
        handle = otel_perf.instrument(endpoint=sink.url)
        assert handle.status().state == "running"
        with otel_perf.tool_call(f"life {life}"):
            pass
        assert handle.shutdown(10)
        assert our_threads() == []
        assert handle.status().state == "shut down"

    assert dict(sink.span_names) == {f"execute_tool life {life}": 1 for life in range(5)}
    assert sink.doubled == 0


def test_each_life_has_its_own_sampler(sink: HttpSink) -> None:
    """Also for the spans of other libraries, whose tracers outlive it."""
    tracer = trace.get_tracer("library")
    seen = []
    for sampler in ("always_on", "always_off", "always_on"):
        life = otel_perf.instrument(endpoint=sink.url, sampler=sampler)
        with life, otel_perf.tool_call("tool"), tracer.start_as_current_span("query") as span:
            seen.append(span.is_recording())

    assert seen == [True, False, True]
    assert dict(sink.span_names) == {"execute_tool tool": 2, "query": 2}


def test_shutdown_from_many_threads(sink: HttpSink) -> None:
    """Shut down by eight threads at once: nothing raises, nothing is lost, and the next life begins."""
    handle = otel_perf.instrument(endpoint=sink.url)
    for _ in range(100):
        with otel_perf.tool_call("once"):
            pass
    at_the_same_time(THREADS, lambda: handle.shutdown(10))

    assert sink.wait_until(lambda: sink.spans == 100)
    assert our_threads() == []
    with otel_perf.instrument(endpoint=sink.url) as following:
        assert following is not handle


def test_a_handle_after_its_end(sink: HttpSink) -> None:
    """Every method of a handle that was shut down gives an answer, and a second end does nothing."""
    with otel_perf.instrument(endpoint=sink.url) as handle, otel_perf.tool_call("once"):
        pass

    assert handle.shutdown()
    assert handle.flush()
    status = handle.status()
    assert (status.state, status.balanced, status.calls.span_recorded) == ("shut down", True, 1)
    assert {entry.name: entry.count for entry in handle.summary().tools} == {"once": 1}


def test_a_call_across_the_end(sink: HttpSink) -> None:
    """A call that is open while the pipeline ends goes on unharmed; it ends later, so the next life delivers it."""
    handle = otel_perf.instrument(endpoint=sink.url)
    before = intake.disabled
    with otel_perf.tool_call("across") as span:
        handle.shutdown(10)
        span.set_attribute("key", 1)
        with otel_perf.tool_call("afterwards"):
            pass

    assert intake.disabled == before + 1
    assert dict(sink.span_names) == {}
    with otel_perf.instrument(endpoint=sink.url) as following:
        following.flush(10)
        assert dict(sink.span_names) == {"execute_tool across": 1}
        assert following.status().balanced


def test_calls_before_instrument_only_run(sink: HttpSink) -> None:
    """A function decorated and called before ``instrument()`` is recorded from then on."""

    @otel_perf.tool
    def search() -> str:
        return "found"

    before = intake.disabled
    assert search() == "found"
    assert intake.disabled == before + 1
    with otel_perf.instrument(endpoint=sink.url) as handle:
        assert search() == "found"
        handle.flush(10)

        assert dict(sink.span_names) == {"execute_tool search": 1}
