"""What the behaviour table compares: the same body under a plain SDK span, and as a tool call of ours."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Span, StatusCode

import otel_perf
from otel_perf.core.guard import guard
from otel_perf.core.ledger import CallBalance
from otel_perf.runtime import active
from otel_perf.testing.recording import recording

F = TypeVar("F", bound=Callable[..., Any])
PREFIX = "execute_tool "


class Subject(ABC):
    """One way to record a tool call; a row of the table runs against each."""

    title: str
    library: trace.Tracer
    """The tracer of another library, on the same provider."""

    @abstractmethod
    def call(self, name: str, attributes: Mapping[str, Any] | None = None) -> AbstractContextManager[Span]:
        """A block that is a tool call."""

    @abstractmethod
    def tool(self, name: str) -> Callable[[F], F]:
        """A decorator that makes each call of a function a tool call."""

    @abstractmethod
    def spans(self) -> list[ReadableSpan]:
        """The spans that were exported, in the order of their ends."""

    def span(self, name: str) -> ReadableSpan:
        """The only exported span of that name."""
        (found,) = (span for span in self.spans() if short(span) == name)
        return found

    def tree(self) -> str:
        """The exported spans as ``outer(first, second(inner))``: siblings by name, ``!`` behind a failed one."""
        spans = sorted(self.spans(), key=short)
        known = {span.context.span_id for span in spans}

        def below(above: int | None) -> str:
            return ", ".join(
                f"{short(span)}{'!' * (span.status.status_code is StatusCode.ERROR)}{bracketed(span)}"
                for span in spans
                if (span.parent.span_id if span.parent and span.parent.span_id in known else None) == above
            )

        def bracketed(span: ReadableSpan) -> str:
            inside = below(span.context.span_id)
            return f"({inside})" if inside else ""

        return below(None) or "nothing"


def short(span: ReadableSpan) -> str:
    """The name of a span's tool, or the whole name of another library's span."""
    return span.name.removeprefix(PREFIX)


class SdkSpans(Subject):
    """``tracer.start_as_current_span("execute_tool x")`` around the body."""

    title = "OpenTelemetry SDK"

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._tracer = self.provider.get_tracer("application")
        self.library = self.provider.get_tracer("library")

    def call(self, name: str, attributes: Mapping[str, Any] | None = None) -> AbstractContextManager[Span]:
        return self._tracer.start_as_current_span(PREFIX + name, attributes=attributes)

    def spans(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def tool(self, name: str) -> Callable[[F], F]:
        def decorate(function: Any) -> Any:
            for kind, wrap in (
                (inspect.isasyncgenfunction, self._async_generator),
                (inspect.isgeneratorfunction, self._generator),
                (inspect.iscoroutinefunction, self._coroutine),
            ):
                if kind(function):
                    return wrap(name, function)
            return self._function(name, function)

        return decorate

    def _function(self, name: str, function: Any) -> Any:
        def spanned(*args: Any, **kwargs: Any) -> Any:
            with self.call(name):
                return function(*args, **kwargs)

        return spanned

    def _coroutine(self, name: str, function: Any) -> Any:
        async def spanned(*args: Any, **kwargs: Any) -> Any:
            with self.call(name):
                return await function(*args, **kwargs)

        return spanned

    def _generator(self, name: str, function: Any) -> Any:
        def spanned(*args: Any, **kwargs: Any) -> Any:
            with self.call(name):
                return (yield from function(*args, **kwargs))

        return spanned

    def _async_generator(self, name: str, function: Any) -> Any:
        async def spanned(*args: Any, **kwargs: Any) -> Any:
            with self.call(name):
                steps = function(*args, **kwargs)
                step = steps.asend(None)
                while True:
                    try:
                        item = await step
                    except StopAsyncIteration:
                        return
                    try:
                        step = steps.asend((yield item))
                    except GeneratorExit:
                        await steps.aclose()
                        raise
                    except BaseException as thrown:
                        step = steps.athrow(thrown)

        return spanned


class OurCalls(Subject):
    """``otel_perf.tool_call("x")`` and ``@otel_perf.tool("x")``, on a provider of our own."""

    title = "otel_perf"

    def __init__(self, library: trace.Tracer, spans: Callable[[], list[ReadableSpan]]) -> None:
        self.library = library
        self._spans = spans

    def call(self, name: str, attributes: Mapping[str, Any] | None = None) -> AbstractContextManager[Span]:
        return otel_perf.tool_call(name, attributes=attributes)

    def tool(self, name: str) -> Callable[[F], F]:
        return otel_perf.tool(name)

    def spans(self) -> list[ReadableSpan]:
        return self._spans()


@contextmanager
def sdk_spans() -> Iterator[Subject]:
    """The plain SDK."""
    subject = SdkSpans()
    yield subject
    subject.provider.shutdown()


@contextmanager
def our_calls() -> Iterator[Subject]:
    """Ours as ``instrument()`` sets it up when there is no provider: deferred spans."""
    errors = guard.total()
    with recording(deterministic=False) as capture:
        handle = active.current()
        assert handle is not None
        status = handle.status()
        assert (status.provider, status.spans) == ("owned", "deferred")
        yield OurCalls(trace.get_tracer("library"), lambda: capture.spans)
        assert_accounted(handle.status().calls, [short(span) for span in capture.spans])
        assert capture.open_calls == ()
    assert guard.total() == errors


@contextmanager
def our_calls_adopted() -> Iterator[Subject]:
    """Ours on the application's own provider: tool spans go through its tracer, and to its exporter."""
    errors = guard.total()
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with otel_perf.instrument(tracer_provider=provider) as handle:
        status = handle.status()
        assert (status.provider, status.spans) == ("adopted", "sdk")
        yield OurCalls(provider.get_tracer("library"), lambda: list(exporter.get_finished_spans()))
        handle.flush()
        assert_accounted(handle.status().calls, [short(span) for span in exporter.get_finished_spans()])
        assert handle.status().open_calls == ()
    provider.shutdown()
    assert guard.total() == errors


def assert_accounted(calls: CallBalance, names: list[str]) -> None:
    """Every recorded call and every span of another library was exported once."""
    assert calls.balanced
    assert calls.span_recorded + calls.foreign_spans == len(names), names


SUBJECTS: dict[str, Callable[[], AbstractContextManager[Subject]]] = {
    "sdk": sdk_spans,
    "otel_perf": our_calls,
    "otel_perf on the application's provider": our_calls_adopted,
}
