"""Rows: what surrounds a call: remote parents, sampling, baggage, propagators, logs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import baggage, propagate, trace
from opentelemetry.context import Context, attach, detach, get_current, get_value, set_value
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

import otel_perf
from tests.behaviour.subjects import Subject
from tests.behaviour.table import Area

AREA = Area("Surroundings")
TRACE_ID, SPAN_ID = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331


def remote(*, sampled: bool, state: TraceState | None = None) -> Context:
    """A context whose current span is in another process."""
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return trace.set_span_in_context(NonRecordingSpan(SpanContext(TRACE_ID, SPAN_ID, True, flags, state)))


class Inside:
    """A block in which a context is current."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __enter__(self) -> None:
        self._token = attach(self._context)

    def __exit__(self, *_: object) -> None:
        detach(self._token)


@AREA.same(("its trace", "its child", "remote", "exported"))
def remote_parent(subject: Subject) -> tuple[str, ...]:
    """A call under a sampled parent in another process goes on with its trace."""
    with Inside(remote(sampled=True)), subject.call("tool"):
        pass
    span = subject.span("tool")
    assert span.parent is not None
    return (
        "its trace" if span.context.trace_id == TRACE_ID else "another trace",
        "its child" if span.parent.span_id == SPAN_ID else "no child",
        "remote" if span.parent.is_remote else "local",
        "exported",
    )


@AREA.same(("not recording", "unsampled", "its trace", "nothing"))
def unsampled_remote_parent(subject: Subject) -> tuple[str, ...]:
    """Under an unsampled parent nothing is recorded or exported, and the decision is passed on."""
    with Inside(remote(sampled=False)), subject.call("outer") as span:
        context = span.get_span_context()
        span.set_attribute("ignored", 1)
        with subject.call("inner"), subject.library.start_as_current_span("query"):
            pass
    return (
        "recording" if span.is_recording() else "not recording",
        "sampled" if context.trace_flags.sampled else "unsampled",
        "its trace" if context.trace_id == TRACE_ID else "another trace",
        subject.tree(),
    )


@AREA.same("vendor=value")
def trace_state(subject: Subject) -> str:
    """The trace state of a remote parent is kept and passed on."""
    state = TraceState([("vendor", "value")])
    with Inside(remote(sampled=True, state=state)), subject.call("outer"), subject.call("inner") as span:
        return span.get_span_context().trace_state.to_header()


@AREA.same("query, root")
def root_context_given_by_hand(subject: Subject) -> str:
    """Another library that asks for a root span with ``context=Context()`` gets one, inside a call too."""
    with subject.call("root"):
        subject.library.start_span("query", context=Context()).end()
    return subject.tree()


@AREA.same(({"user": "1"}, {"user": "1", "step": "2"}, {"user": "1"}))
def baggage_untouched(subject: Subject) -> tuple[Any, ...]:
    """Baggage passes into a call, can be added to inside, and is outside what it was."""
    with Inside(baggage.set_baggage("user", "1")):
        with subject.call("tool"):
            inside = dict(baggage.get_all())
            with Inside(baggage.set_baggage("step", "2")), subject.call("inner"):
                added = dict(baggage.get_all())
        return inside, added, dict(baggage.get_all())


@AREA.same(("kept", "kept"))
def other_context_values(subject: Subject) -> tuple[str, str]:
    """Values that others have put into the context pass through a call."""
    with Inside(set_value("somebody's key", "kept")):
        with subject.call("tool"):
            inside = get_value("somebody's key")
        return str(inside), str(get_value("somebody's key"))


@AREA.same("00-(trace of the call)-(span of the call)-01")
def inject(subject: Subject) -> str:
    """W3C ``traceparent`` that the configured propagator writes inside a call."""
    carrier: dict[str, str] = {}
    with subject.call("tool"):
        propagate.inject(carrier)
    version, trace_id, span_id, flags = carrier["traceparent"].split("-")
    context = subject.span("tool").context
    assert (trace_id, span_id) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    # The second bit says that the trace id is random (W3C Trace Context level 2).
    return f"{version}-(trace of the call)-(span of the call)-{int(flags, 16) & 1:02x}"


@AREA.same("client(server)")
def inject_and_extract(subject: Subject) -> str:
    """A call that another process makes under the injected headers is a child."""
    carrier: dict[str, str] = {}
    with subject.call("client"):
        propagate.inject(carrier)
    with Inside(propagate.extract(carrier, Context())), subject.call("server"):
        pass
    return subject.tree()


@AREA.same("00")
def inject_unsampled(subject: Subject) -> str:
    """Flags of a ``traceparent`` written inside a call that is sampled out."""
    carrier: dict[str, str] = {}
    with Inside(remote(sampled=False)), subject.call("tool"):
        propagate.inject(carrier)
    return f"{int(carrier['traceparent'][-2:], 16) & 1:02x}"


@AREA.same({})
def inject_outside(subject: Subject) -> dict[str, str]:
    """Outside of calls nothing is injected."""
    with subject.call("tool"):
        pass
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier


class Correlation(logging.Filter):
    """Puts the current span's identifiers on each record, as contrib's logging instrumentation does."""

    def filter(self, record: logging.LogRecord) -> bool:
        span: Any = trace.get_current_span()
        context = span.get_span_context()
        record.ids = (context.trace_id, context.span_id) if context.is_valid else None
        record.service = getattr(getattr(span, "resource", None), "attributes", {}).get("service.name")
        return True


class Kept(logging.Handler):
    """Keeps log records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def logger_with(handler: logging.Handler) -> Iterator[logging.Logger]:
    """The application's logger, with one handler."""
    logger = logging.getLogger("tests.behaviour")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield logger
    finally:
        logger.removeHandler(handler)


@AREA.same(("outer", "inner", "outer", "none"))
def log_correlation(subject: Subject) -> tuple[str, ...]:
    """The call that a log line belongs to, read off the current span by a filter."""
    handler = Kept()
    handler.addFilter(Correlation())
    with logger_with(handler) as logger, subject.call("outer"):
        logger.info("1")
        with subject.call("inner"):
            logger.info("2")
        logger.info("3")
    with logger_with(handler) as logger:
        logger.info("4")
    names = {(span.context.trace_id, span.context.span_id): span.name[13:] for span in subject.spans()}
    return tuple(names.get(record.ids, "none") for record in handler.records)


@AREA.same(("the call's ids", "no ids"))
def log_record_factory(subject: Subject) -> tuple[str, str]:
    """The same through a log record factory, which runs on the thread that logs."""
    seen = []
    before = logging.getLogRecordFactory()

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        context = trace.get_current_span().get_span_context()
        seen.append(context.span_id if context.is_valid else None)
        return before(*args, **kwargs)

    logging.setLogRecordFactory(factory)
    try:
        with logger_with(logging.NullHandler()) as logger:
            with subject.call("tool"):
                logger.info("inside")
            logger.info("outside")
    finally:
        logging.setLogRecordFactory(before)
    inside, outside = seen
    own = subject.span("tool").context.span_id
    return "the call's ids" if inside == own else "others", "no ids" if outside is None else "ids"


@AREA.same("outer")
def suppressed(subject: Subject) -> str:
    """Inside ``otel_perf.suppress()`` neither calls nor another library's spans are recorded (parent-based sampler)."""
    query = subject.library.start_as_current_span
    with subject.call("outer"), otel_perf.suppress(), subject.call("inside"), query("query"):
        pass
    return subject.tree()


@AREA.same("unchanged")
def context_is_restored(subject: Subject) -> str:
    """The context after a call is the very object it was before."""
    before = get_current()
    with subject.call("outer"), subject.call("inner"):
        pass
    return "unchanged" if get_current() is before else "changed"
