"""Scores of evaluations, given now or minutes later, on the trace and span that were evaluated."""

from math import isfinite
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, runtime_checkable

from opentelemetry import trace as trace_api
from opentelemetry.trace import SpanContext

from otel_perf.core.custom_metrics import as_number
from otel_perf.core.events import Event, emit
from otel_perf.core.guard import guard, logger
from otel_perf.core.kpi_signals import EVALUATION_RESULT, EVALUATION_RESULTS, EVALUATION_SCORE, REJECTED
from otel_perf.core.kpis import told
from otel_perf.core.recording import record
from otel_perf.tracing.capture import capture_setting
from otel_perf.tracing.span import origin
from otel_perf.tracing.values import clean_text

if TYPE_CHECKING:
    from otel_perf.core.records import AttributeValue

__all__ = ["Evaluated", "HasContext", "record_score"]

LONGEST_NAME: Final = 128
LONGEST_LABEL: Final = 128
LONGEST_ID: Final = 256
LONGEST_EXPLANATION: Final = 4096
TRACEPARENT_PARTS: Final = 4
TRACE_DIGITS: Final = 32
SPAN_DIGITS: Final = 16


@runtime_checkable
class HasContext(Protocol):
    """A span: one of ours or any OpenTelemetry span."""

    def get_span_context(self) -> SpanContext:
        """Its identifiers."""
        ...


Evaluated: TypeAlias = str | int | SpanContext | HasContext
"""A trace or a span: its hexadecimal digits (32, or 16), its number, a ``traceparent`` header, its context, a span."""


def record_score(  # noqa: PLR0913 - each is an attribute of the conventions' event, keyword only
    name: str,
    value: float | None = None,
    *,
    label: str | None = None,
    explanation: str | None = None,
    trace: Evaluated | None = None,
    span: Evaluated | None = None,
    response_id: str | None = None,
) -> None:
    """Record the result of an evaluation. Never raises, never blocks.

    It leaves the process as the event ``gen_ai.evaluation.result`` (a log record of OTLP) with the identifiers of
    what was evaluated, however long ago that ended, and is counted in ``otel_perf.evaluation.score``.

    >>> with otel_perf.agent("helper") as turn:
    ...     answer = ask()
    >>> otel_perf.record_score("faithfulness", 0.92, trace=turn)
    >>> otel_perf.record_score("thumbs", label="up", trace="4bf92f3577b34da6a3ce929d0e0e4736")

    Args:
        name: What was evaluated, such as ``relevance``; a few names, not one per answer.
        value: The score on your own scale. A value that is no finite number is left out and counted.
        label: The result in a word, such as ``pass``.
        explanation: Why. Sent since it is given here, whatever ``capture`` says; redacted, at most 4,096 characters.
        trace: The trace that was evaluated; the current one when ``trace`` and ``span`` are left out.
        span: The span that was evaluated, if it was one.
        response_id: ``gen_ai.response.id`` of the answer.
    """
    guard.call("capture.score", _record_score, str(name), value, label, explanation, (trace, span, response_id))


def _record_score(
    name: str, value: object, label: object, explanation: object, about: tuple[object, object, object]
) -> None:
    trace, span, response_id = about
    name = clean_text(name, LONGEST_NAME) or "unnamed"
    score = _score(value, name)
    word = None if label is None else clean_text(str(label), LONGEST_LABEL)
    if score is None and word is None:
        if value is None:
            _tell(name, "a score needs a value or a label; not recorded")
        return
    attributes: dict[str, AttributeValue] = {"gen_ai.evaluation.name": name}
    if score is not None:
        attributes["gen_ai.evaluation.score.value"] = float(score)
        record(EVALUATION_SCORE, score, name)
    if word is not None:
        attributes["gen_ai.evaluation.score.label"] = word
    record(EVALUATION_RESULTS, 1, name, word)
    if explanation is not None:
        attributes["gen_ai.evaluation.explanation"] = _explained(str(explanation))
    if response_id is not None:
        attributes["gen_ai.response.id"] = clean_text(str(response_id), LONGEST_ID)
    trace_id, span_id, flags = _place(name, trace, span)
    emit(Event(EVALUATION_RESULT, attributes, trace_id, span_id, flags))


def _score(value: object, name: str) -> float | None:
    if value is None:
        return None
    number = as_number(value)
    if number is not None and isfinite(number):
        return number
    record(REJECTED, 1, "evaluation", "not_a_number" if number is None else "not_finite")
    _tell(name, "the score is no finite number; left out")
    return None


def _explained(text: str) -> str:
    limit = max(1, min(LONGEST_EXPLANATION, origin.attribute_length_limit))
    return clean_text(capture_setting.redactor.redact_text(text, limit), limit)


def _tell(name: str, rule: str) -> None:
    if told.first(f"score {name}", rule):
        logger.warning("otel_perf: record_score(%r): %s", name, rule)


# -- which trace, which span -------------------------------------------------------------------------------------------


def _place(name: str, trace: object, span: object) -> tuple[int, int, int]:
    """Trace id, span id and flags; 0 for what is not known."""
    if trace is None and span is None:
        return _of_context(trace_api.get_current_span().get_span_context())
    trace_id, own_span_id, flags = (0, 0, 0) if trace is None else _read(trace, TRACE_DIGITS)
    if span is not None:
        span_trace_id, span_id, span_flags = _read(span, SPAN_DIGITS)
        trace_id, own_span_id, flags = trace_id or span_trace_id, span_id, flags or span_flags
    missed = (trace is not None and not trace_id) or (span is not None and not own_span_id)
    if missed:
        record(REJECTED, 1, "evaluation", "unknown_trace")
        _tell(name, "trace or span is not an id, a traceparent, a span or its context; recorded without it")
    return trace_id, own_span_id, flags


def _of_context(context: SpanContext) -> tuple[int, int, int]:
    if not context.is_valid:
        return 0, 0, 0
    return context.trace_id, context.span_id, int(context.trace_flags)


def _read(place: object, digits: int) -> tuple[int, int, int]:
    """What a caller may name a trace (32 digits) or a span (16 digits) by."""
    if isinstance(place, HasContext):
        place = place.get_span_context()
    if isinstance(place, SpanContext):
        return _of_context(place)
    number = _number(place, digits)
    if number is not None:
        return (number, 0, 0) if digits == TRACE_DIGITS else (0, number, 0)
    return _traceparent(place) if isinstance(place, str) else (0, 0, 0)


def _number(place: object, digits: int) -> int | None:
    """An id as a number, when it is one: positive, and no longer than its kind."""
    if isinstance(place, str):
        place = _hexadecimal(place.strip(), digits)
    if isinstance(place, int) and not isinstance(place, bool) and 0 < place < 1 << (4 * digits):
        return place
    return None


def _hexadecimal(text: str, digits: int) -> int:
    try:
        return int(text, 16) if len(text) == digits and text.isalnum() else 0
    except ValueError:
        return 0


def _traceparent(text: str) -> tuple[int, int, int]:
    """The parts of a W3C ``traceparent`` header."""
    parts = text.strip().split("-")
    if len(parts) < TRACEPARENT_PARTS:
        return 0, 0, 0
    trace_id, span_id = _hexadecimal(parts[1], TRACE_DIGITS), _hexadecimal(parts[2], SPAN_DIGITS)
    return (trace_id, span_id, _hexadecimal(parts[3], 2)) if trace_id and span_id else (0, 0, 0)
