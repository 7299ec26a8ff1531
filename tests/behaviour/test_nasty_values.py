"""Every public function with every nasty value: nothing raises, nothing is consumed, everything can be sent (T-48)."""

import contextlib
import gc
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

import otel_perf
from otel_perf.runtime.handle import Handle
from otel_perf.tracing import propagation, threads
from tests.sinks.http_sink import HttpSink, http_sink
from tests.tracing.nasty_values import NASTY

Entry = Callable[[Any], object]
LARGE = 5_000_000


async def never_awaited() -> None:
    """A coroutine that nobody awaits."""


VALUES: dict[str, Callable[[], Any]] = {
    **{name: make for name, make in NASTY.items() if not name.startswith("50 MB")},
    "5 MB of text": lambda: "x" * LARGE,
    "5 MB of bytes": lambda: b"x" * LARGE,
    "live coroutine": never_awaited,
    "negative": lambda: -1,
    "false": lambda: False,
    "empty text": lambda: "",
    "text": lambda: "text",
}


def in_a_call(act: Callable[[Any], object]) -> object:
    """Do it with the span of an open call."""
    with otel_perf.tool_call("tool") as span:
        return act(span)


def block(made: Any) -> None:
    """Enter a block and use its span."""
    with made as span:
        span.set_attribute("inside", 1)


def decorated(name: Any, **more: Any) -> object:
    """Decorate with these arguments, and call; what can be called is no name but decorated itself."""
    made = otel_perf.tool(name, **more)
    return None if callable(name) else made(lambda: 1)()


def passing(level: Any, value: Any) -> object:
    """Hand a value in and out of a captured call, by position, by name and as surplus."""
    function = otel_perf.tool("tool", capture=level)(lambda first, *rest, **more: first)
    function(value)
    function(1, value, named=value)
    return function(first=value)


def failing(level: Any, value: Any) -> None:
    """Leave a captured call by an exception with the value in it."""

    @otel_perf.tool("tool", capture=level)
    def fails() -> None:
        raise ValueError(value)

    with contextlib.suppress(ValueError):
        fails()


CALLS: dict[str, Entry] = {
    "tool: target": otel_perf.tool,
    "tool: name": decorated,
    "tool: function": otel_perf.tool("name"),
    "tool: agent": lambda value: decorated("tool", agent=value),
    "tool: attributes": lambda value: decorated("tool", attributes=value),
    "tool: attribute": lambda value: decorated("tool", attributes={"key": value}),
    "tool: capture": lambda value: decorated("tool", capture=value),
    "tool_call: name": lambda value: block(otel_perf.tool_call(value)),
    "tool_call: attributes": lambda value: block(otel_perf.tool_call("tool", attributes=value)),
    "tool_call: attribute": lambda value: block(otel_perf.tool_call("tool", attributes={"key": value})),
    "agent: name": lambda value: block(otel_perf.agent(value)),
    "agent: conversation_id": lambda value: block(otel_perf.agent("a", conversation_id=value)),
    "agent: session_id": lambda value: block(otel_perf.agent("a", session_id=value)),
    "agent: user_id": lambda value: block(otel_perf.agent("a", user_id=value)),
    "agent: attributes": lambda value: block(otel_perf.agent("a", attributes=value)),
    "agent: attribute": lambda value: block(otel_perf.agent("a", attributes={"key": value})),
    "agent: function": otel_perf.agent("a"),
    **{
        f"arguments and result: {level}": lambda value, level=level: passing(level, value)
        for level in ("off", "shape", "summary", "full")
    },
    **{f"exception: {level}": lambda value, level=level: failing(level, value) for level in ("off", "summary", "full")},
    "inject": propagation.inject,
    "extract": propagation.extract,
    "extract: header": lambda value: propagation.extract({"traceparent": value, "baggage": value, "other": value}),
    "attached": lambda value: propagation.attached(value).__enter__(),
    "inject_environment": propagation.inject_environment,
    "extract_environment": propagation.extract_environment,
    "extract_environment: value": lambda value: propagation.extract_environment({"TRACEPARENT": value}),
    "bind_process": propagation.bind_process,
    "bind": threads.bind,
}
"""What works with spans of any provider."""

SPAN: dict[str, Callable[[Any, Any], object]] = {
    "set_attribute: key": lambda span, value: span.set_attribute(value, 1),
    "set_attribute: value": lambda span, value: span.set_attribute("key", value),
    "set_attributes": lambda span, value: span.set_attributes(value),
    "set_attributes: value": lambda span, value: span.set_attributes({"key": value}),
    "add_event: name": lambda span, value: span.add_event(value),
    "add_event: attributes": lambda span, value: span.add_event("event", value),
    "add_event: attribute": lambda span, value: span.add_event("event", {"key": value}),
    "add_event: timestamp": lambda span, value: span.add_event("event", timestamp=value),
    "add_link: context": lambda span, value: span.add_link(value),
    "add_link: attributes": lambda span, value: span.add_link(span.get_span_context(), value),
    "add_link: attribute": lambda span, value: span.add_link(span.get_span_context(), {"key": value}),
    "update_name": lambda span, value: span.update_name(value),
    "set_status: status": lambda span, value: span.set_status(value),
    "set_status: description": lambda span, value: span.set_status(otel_status(), value),
    "record_exception: exception": lambda span, value: span.record_exception(value),
    "record_exception: argument": lambda span, value: span.record_exception(ValueError(value)),
    "record_exception: attributes": lambda span, value: span.record_exception(ValueError(), value),
    "record_exception: timestamp": lambda span, value: span.record_exception(ValueError(), timestamp=value),
    "record_exception: escaped": lambda span, value: span.record_exception(ValueError(), escaped=value),
    "end": lambda span, value: span.end(value),
}
"""What the span of a call of ours can be given."""

REST: dict[str, Entry] = {
    "PerfSpanProcessor.on_start": lambda value: otel_perf.PerfSpanProcessor().on_start(value, value),
    "PerfSpanProcessor.on_end": lambda value: otel_perf.PerfSpanProcessor().on_end(value),
    "PerfSpanProcessor.force_flush": lambda value: otel_perf.PerfSpanProcessor().force_flush(value),
    "Settings": lambda value: otel_perf.Settings(service_name=value, endpoint=value, sampling_ratio=value),
    "instrument: again": lambda value: otel_perf.instrument(service_name=value, endpoint=value),
}

ARGUMENTS = [name for name in inspect.signature(otel_perf.instrument).parameters if name != "settings"]
EVERYWHERE = {**CALLS, **{f"span: {name}": act for name, act in SPAN.items()}, **REST}


def otel_status() -> Any:
    """``ERROR``, which takes a description."""
    from opentelemetry.trace import StatusCode

    return StatusCode.ERROR


class Lines(logging.Handler):
    """Keeps what our logger says."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, object]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.getMessage(), record.exc_info and record.exc_info[0]))


@contextlib.contextmanager
def told() -> Iterator[list[tuple[str, object]]]:
    """What our logger says inside: each line, and the class of the exception that it tells of."""
    logger, handler = logging.getLogger("otel_perf"), Lines()
    logger.addHandler(handler)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)


READERS = ("extract", "attached")
"""They take pairs of headers from any iterable, generators included."""


def assert_harmless(act: Entry, *, reads: bool = False) -> None:
    """Do it with every value; all that raise, or consume the value, are named at once."""
    harm = {}
    for name, make in VALUES.items():
        value = make()
        try:
            act(value)
        except Exception as error:
            harm[name] = f"{type(error).__name__}"
        if not reads and inspect.isgenerator(value) and inspect.getgeneratorstate(value) != inspect.GEN_CREATED:
            harm[name] = "consumed"
        if inspect.iscoroutine(value):
            if name == "live coroutine" and inspect.getcoroutinestate(value) != inspect.CORO_CREATED:
                harm[name] = "consumed"
            value.close()
    assert not harm


@pytest.fixture(scope="module")
def sink() -> Iterator[HttpSink]:
    """A local OTLP receiver."""
    with http_sink() as running:
        yield running


@pytest.fixture
def handle(sink: HttpSink) -> Iterator[Handle]:
    """Instrumented, on a provider of our own; at the end everything was sent, and nothing was lost on the way."""
    with otel_perf.instrument(endpoint=sink.url) as made:
        assert made.status().spans == "deferred"
        yield made
        assert_delivered(made)


@pytest.fixture
def adopted(sink: HttpSink) -> Iterator[Handle]:
    """Instrumented, on the application's provider."""
    with otel_perf.instrument(endpoint=sink.url, tracer_provider=TracerProvider(shutdown_on_exit=False)) as made:
        assert made.status().spans == "sdk"
        yield made
        assert_delivered(made)


def assert_delivered(handle: Handle) -> None:
    """Every call became a span that could be encoded, and arrived."""
    assert handle.flush(30)
    status = handle.status()
    (spans,) = (entry for entry in status.destinations if entry.signal == "traces")
    assert status.balanced
    assert spans.lost == 0, spans
    assert spans.exported == spans.accepted


@pytest.mark.parametrize("entry", CALLS)
def test_calls(entry: str, handle: Handle) -> None:
    """Decorators, blocks, agents, captured values and carriers, with our own spans; one line per kind of trouble."""
    with told() as lines:
        assert_harmless(CALLS[entry], reads=entry in READERS)
    assert len(lines) == len(set(lines))


@pytest.mark.parametrize("entry", CALLS)
def test_calls_on_the_applications_provider(entry: str, adopted: Handle) -> None:
    """The same through SDK spans."""
    assert_harmless(CALLS[entry], reads=entry in READERS)


@pytest.mark.parametrize("entry", CALLS)
def test_calls_switched_off(entry: str) -> None:
    """The same before ``instrument()``."""
    assert_harmless(CALLS[entry], reads=entry in READERS)


@pytest.mark.parametrize("entry", SPAN)
def test_the_span(entry: str, handle: Handle) -> None:
    """Every method of the span."""
    assert_harmless(lambda value: in_a_call(lambda span: SPAN[entry](span, value)))


@pytest.mark.parametrize("entry", REST)
def test_the_rest(entry: str, handle: Handle) -> None:
    """The processor, settings, and ``instrument()`` repeated."""
    assert_harmless(REST[entry])


@pytest.mark.parametrize("method", ["flush", "shutdown"])
def test_time_limits(method: str) -> None:
    """``flush()`` and ``shutdown()`` with any time limit; a shut down pipeline leaves no thread."""

    def act(value: Any) -> None:
        with otel_perf.instrument() as made:
            getattr(made, method)(value)

    assert_harmless(act)


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_instrument(argument: str) -> None:
    """Every argument of ``instrument()``: it falls back, and runs."""

    def act(value: Any) -> None:
        try:
            made = otel_perf.instrument(**{argument: value})
        except otel_perf.core.errors.ConfigurationError:
            assert argument == "strict"
            return
        with made:
            with otel_perf.tool_call("tool"):
                pass
            made.shutdown(0.5)

    with told():
        assert_harmless(act)
    gc.collect()


def test_there_are_enough_combinations() -> None:
    """At least six hundred, each function and each value being different."""
    assert len(EVERYWHERE) * len(VALUES) >= 600
