"""Rows: the span's own interface: attributes, events, links, status, name, end."""

from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from tests.behaviour.rows_failures import UnprintableError, caught
from tests.behaviour.subjects import Subject
from tests.behaviour.table import Area

AREA = Area("The span")
ELSEWHERE = SpanContext(0x1234, 0x5678, is_remote=True, trace_flags=TraceFlags(1))


def own(span: ReadableSpan) -> dict[str, Any]:
    """The attributes that the application set."""
    ours = ("gen_ai.", "otel_perf.", "error.")
    return {key: value for key, value in (span.attributes or {}).items() if not key.startswith(ours)}


@AREA.same({"text": "a", "whole": 1, "fraction": 1.5, "truth": True, "texts": ("a", "b"), "bytes": b"\x00"})
def attributes(subject: Subject) -> dict[str, Any]:
    """Attributes of every type are kept; the type of a ``bool`` too."""
    with subject.call("tool", {"text": "a"}) as span:
        span.set_attribute("whole", 1)
        span.set_attributes({"fraction": 1.5, "truth": True})
        span.set_attribute("texts", ["a", "b"])
        span.set_attribute("bytes", b"\x00")
    return own(subject.span("tool"))


@AREA.same({"key": "last"})
def attribute_set_again(subject: Subject) -> dict[str, Any]:
    """The last value counts."""
    with subject.call("tool", {"key": "first"}) as span:
        span.set_attribute("key", 2)
        span.set_attribute("key", "last")
    return own(subject.span("tool"))


@AREA.same({"inner": 1})
def attribute_through_the_current_span(subject: Subject) -> dict[str, Any]:
    """``trace.get_current_span()`` anywhere below is the call's span."""

    @subject.tool("tool")
    def tool() -> None:
        deep()

    def deep() -> None:
        trace.get_current_span().set_attribute("inner", 1)

    tool()
    return own(subject.span("tool"))


@AREA.same([])
def list_given_as_attribute_is_copied(subject: Subject) -> list[str]:
    """A list that is changed after it was given does not change the attribute."""
    values: list[str] = []
    with subject.call("tool") as span:
        span.set_attribute("values", values)
        values.append("later")
    return list(own(subject.span("tool"))["values"])


@AREA.own_span_only(
    sdk="a72 … a199, 128 kept",
    ours="a0 … a127, 128 kept",
    why="the SDK drops the oldest, which are those that say what the span is",
)
def too_many_attributes(subject: Subject) -> str:
    """Which of 200 attributes are kept under the default limit of 128."""
    with subject.call("tool") as span:
        for number in range(200):
            span.set_attribute(f"a{number}", number)
    kept = sorted(int(key[1:]) for key in own(subject.span("tool")))
    return f"a{kept[0]} … a{kept[-1]}, {len(kept)} kept"


@AREA.own_span_only(sdk=100_000, ours=4096, why="values are bounded by default (`OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`)")
def length_of_a_long_text(subject: Subject) -> int:
    """Characters kept of a text of 100,000."""
    with subject.call("tool") as span:
        span.set_attribute("text", "x" * 100_000)
    return len(own(subject.span("tool"))["text"])


@AREA.own_span_only(sdk="RuntimeError", ours="nothing", why="nothing of ours raises into the application")
def attribute_whose_str_raises(subject: Subject) -> str:
    """What ``set_attribute`` with an object whose ``__str__`` raises throws into the application."""

    def sets() -> None:
        with subject.call("tool") as span:
            span.set_attribute("key", UnprintableError())

    left = caught(sets)
    return "nothing" if left is None else type(left).__name__


@AREA.same([("first", {}), ("second", {"k": 1}), ("third", {})])
def events(subject: Subject) -> list[tuple[str, dict[str, Any]]]:
    """Events keep their order and attributes."""
    with subject.call("tool") as span:
        span.add_event("first")
        span.add_event("second", {"k": 1})
        trace.get_current_span().add_event("third")
    return [(event.name, dict(event.attributes or {})) for event in subject.span("tool").events]


@AREA.same(("1234567890", "the second lies within the span"))
def time_of_an_event(subject: Subject) -> tuple[str, str]:
    """An event has the time it was given, or the time of its making."""
    with subject.call("tool") as span:
        span.add_event("given", timestamp=1234567890)
        span.add_event("made")
    exported = subject.span("tool")
    given, made = exported.events
    within = exported.start_time <= made.timestamp <= exported.end_time
    return str(given.timestamp), "the second lies within the span" if within else "outside"


@AREA.same(["exception.escaped", "exception.message: bad", "exception.stacktrace", "exception.type: ValueError"])
def record_exception(subject: Subject) -> list[str]:
    """``record_exception`` called by the application keeps message and stack: that call is explicit."""
    with subject.call("tool") as span:
        try:
            raise ValueError("bad")
        except ValueError as error:
            span.record_exception(error)
    (event,) = subject.span("tool").events
    shown = ("exception.message", "exception.type")
    return sorted(f"{key}: {value}" if key in shown else key for key, value in event.attributes.items())


@AREA.same([("1234/5678", {"why": "batch"})])
def links(subject: Subject) -> list[tuple[str, dict[str, Any]]]:
    """A link keeps the other span's context and its attributes."""
    with subject.call("tool") as span:
        span.add_link(ELSEWHERE, {"why": "batch"})
    return [
        (f"{link.context.trace_id:x}/{link.context.span_id:x}", dict(link.attributes or {}))
        for link in subject.span("tool").links
    ]


@AREA.same(0)
def link_to_nothing(subject: Subject) -> int:
    """A link with an invalid context and no attributes is ignored."""
    with subject.call("tool") as span:
        span.add_link(trace.INVALID_SPAN_CONTEXT)
    return len(subject.span("tool").links)


@AREA.same("linked")
def another_span_links_to_the_call(subject: Subject) -> str:
    """Another library's span can link to the call."""
    with subject.call("tool") as span:
        context = span.get_span_context()
    subject.library.start_span("follows", links=[Link(context)]).end()
    (link,) = subject.span("follows").links
    return "linked" if link.context.span_id == subject.span("tool").context.span_id else "lost"


def status_after(subject: Subject, *statuses: Any) -> str:
    """The exported status after some were set."""
    with subject.call("tool") as span:
        for status in statuses:
            span.set_status(*status) if isinstance(status, tuple) else span.set_status(status)
    status = subject.span("tool").status
    return status.status_code.name + (f": {status.description}" if status.description else "")


@AREA.same("UNSET")
def status_untouched(subject: Subject) -> str:
    """A call that ends well has no status."""
    return status_after(subject)


@AREA.same("OK")
def status_ok_is_final(subject: Subject) -> str:
    """After ``OK`` neither ``ERROR`` nor ``UNSET`` counts."""
    return status_after(subject, StatusCode.OK, (StatusCode.ERROR, "too late"), StatusCode.UNSET)


@AREA.same("ERROR: bad")
def status_unset_is_ignored(subject: Subject) -> str:
    """``UNSET`` does not take an ``ERROR`` back."""
    return status_after(subject, Status(StatusCode.ERROR, "bad"), StatusCode.UNSET)


@AREA.same("OK")
def status_ok_after_error(subject: Subject) -> str:
    """``OK`` takes an ``ERROR`` back, and its description goes."""
    return status_after(subject, Status(StatusCode.ERROR, "bad"), StatusCode.OK)


@AREA.same("ERROR: second")
def status_error_again(subject: Subject) -> str:
    """The last ``ERROR`` counts."""
    return status_after(subject, (StatusCode.ERROR, "first"), (StatusCode.ERROR, "second"))


@AREA.same("OK")
def status_ok_and_then_an_exception(subject: Subject) -> str:
    """An application that has said ``OK`` is believed, even when an exception leaves."""

    def fails() -> None:
        with subject.call("tool") as span:
            span.set_status(StatusCode.OK)
            raise ValueError

    caught(fails)
    return subject.span("tool").status.status_code.name


@AREA.same("the new name")
def update_name(subject: Subject) -> str:
    """``update_name`` renames the exported span."""
    with subject.call("tool") as span:
        span.update_name("the new name")
    (exported,) = subject.spans()
    return exported.name


@AREA.same(("recording", "not recording"))
def is_recording(subject: Subject) -> tuple[str, str]:
    """``is_recording()`` in the call and after it."""
    with subject.call("tool") as span:
        inside = span.is_recording()
    words = {True: "recording", False: "not recording"}
    return words[inside], words[span.is_recording()]


@AREA.same(({}, 0, 0, "UNSET", "tool"))
def touched_after_the_end(subject: Subject) -> tuple[dict[str, Any], int, int, str, str]:
    """After the end nothing changes: attributes, events, links, status, name."""
    with subject.call("tool") as span:
        pass
    span.set_attribute("late", 1)
    span.set_attributes({"later": 2})
    span.add_event("late")
    span.add_link(ELSEWHERE)
    span.set_status(StatusCode.ERROR, "late")
    span.update_name("late")
    span.record_exception(ValueError("late"))
    exported = subject.span("tool")
    return own(exported), len(exported.events), len(exported.links), exported.status.status_code.name, "tool"


@AREA.own_span_only(
    sdk={}, ours={"after": 1}, why="the block ends the call; an `end()` in its middle would make two different ends"
)
def ended_by_hand(subject: Subject) -> dict[str, Any]:
    """Attributes that are set between a call of ``span.end()`` and the end of the block."""
    with subject.call("tool") as span:
        span.end()
        span.set_attribute("after", 1)
    return own(subject.span("tool"))


@AREA.same(("valid", "stable", "the exported one", "local", "sampled"))
def span_context(subject: Subject) -> tuple[str, ...]:
    """Identifiers: valid, the same each time, and the ones that are exported."""
    with subject.call("tool") as span:
        first, second = span.get_span_context(), trace.get_current_span().get_span_context()
    exported = subject.span("tool").context
    return (
        "valid" if first.is_valid else "invalid",
        "stable" if first == second == span.get_span_context() else "changing",
        "the exported one" if (first.trace_id, first.span_id) == (exported.trace_id, exported.span_id) else "another",
        "remote" if first.is_remote else "local",
        "sampled" if first.trace_flags.sampled else "unsampled",
    )


@AREA.same(("INTERNAL", "ended after it began", "inside its parent"))
def kind_and_times(subject: Subject) -> tuple[str, str, str]:
    """Kind, and times in order."""
    with subject.call("outer"), subject.call("inner"):
        pass
    outer, inner = subject.span("outer"), subject.span("inner")
    return (
        inner.kind.name,
        "ended after it began" if inner.start_time <= inner.end_time else "ended before",
        "inside its parent" if outer.start_time <= inner.start_time and inner.end_time <= outer.end_time else "outside",
    )


@AREA.same(("execute_tool tool", SpanKind.INTERNAL, 1, "no end yet", "UNSET", 1, 1, True, True))
def read_off_the_current_span(subject: Subject) -> tuple[Any, ...]:
    """What libraries read off the current span, as they do of the SDK's spans."""
    with subject.call("tool", {"k": 1}) as given:
        given.add_event("e")
        given.add_link(ELSEWHERE)
        span: Any = trace.get_current_span()
        return (
            span.name,
            span.kind,
            dict(span.attributes)["k"],
            "no end yet" if span.end_time is None else "ended",
            span.status.status_code.name,
            len(span.events),
            len(span.links),
            span.start_time > 0,
            span.resource is not None and span.instrumentation_scope is not None and isinstance(span, trace.Span),
        )
