"""Arguments, results and exception texts on the span: nothing unless asked for, redacted when asked.

Everything is turned into text while the call runs, never kept by reference, and within bounds: a 50 MB argument costs
what its bounded beginning costs. Generators, coroutines and iterators are told by their type and never consumed.
"""

import inspect
import json
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias, cast, get_args

from opentelemetry import trace

from otel_perf.core.guard import guard
from otel_perf.tracing.exceptions import describe_exception
from otel_perf.tracing.failure_text import message_of, stack_of
from otel_perf.tracing.redacted_copy import class_of
from otel_perf.tracing.redaction import Redactor
from otel_perf.tracing.span import origin
from otel_perf.tracing.values import clean_text

__all__ = ["CaptureLevel", "CapturePolicy", "CaptureSetting", "capture_setting", "record_failure"]

CaptureLevel: TypeAlias = Literal["off", "shape", "summary", "full"]
"""``shape``: types and sizes. ``summary``: 200 characters, redacted. ``full``: everything, redacted and bounded."""

LEVELS: Final = get_args(CaptureLevel)

ARGUMENTS: Final = "gen_ai.tool.call.arguments"
RESULT: Final = "gen_ai.tool.call.result"
"""Names of the OpenTelemetry GenAI conventions."""

SUMMARY_CHARACTERS: Final = 200
SUMMARY_ITEMS: Final = 50
FULL_CHARACTERS: Final = 64 * 1024
FULL_ITEMS: Final = 1000
MAX_NAME: Final = 128
MAX_ARGUMENTS: Final = 64

_SIZED: Final = (str, bytes, bytearray, dict, list, tuple, set, frozenset, deque)
_SHAPED: Final = frozenset(("numpy", "pandas", "polars", "torch"))


class CaptureSetting:
    """What is captured where a tool does not say otherwise; set by ``instrument()``.

    Attributes:
        level: ``off`` until somebody asks for more.
        redactor: Takes the secrets out of what is captured.
        hook: The application's own redaction, over our rules; kept for a redactor that is made anew.
    """

    __slots__ = ("hook", "level", "redactor")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Capture nothing, redact by the default rules."""
        self.level: CaptureLevel = "off"
        self.hook: Callable[[str], str] | None = None
        self.redactor = Redactor()


capture_setting: Final = CaptureSetting()


class CapturePolicy:
    """What is captured of the calls of one function.

    Args:
        level: The function's own level; ``None`` to follow ``capture_setting``. An unknown level captures nothing.
        function: Where the names of positional arguments come from; looked at when first needed.
    """

    __slots__ = ("_function", "_names", "level")

    def __init__(self, level: CaptureLevel | None, function: Callable[..., Any] | None = None) -> None:
        self.level: CaptureLevel | None = "off" if level is not None and level not in LEVELS else level
        self._function = function
        self._names: tuple[str, ...] | None = None

    def arguments(self, span: trace.Span, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Put ``gen_ai.tool.call.arguments`` on the span, a JSON object by argument names."""
        level = self.level or capture_setting.level
        if level != "off":
            guard.call("capture.arguments", self._arguments, span, level, args, kwargs)

    def result(self, span: trace.Span, result: object) -> None:
        """Put ``gen_ai.tool.call.result`` on the span, as JSON."""
        level = self.level or capture_setting.level
        if level != "off":
            guard.call("capture.result", self._result, span, level, result)

    def failure(self, span: trace.Span, error: BaseException) -> None:
        """Record the exception on the span, when the level asks for texts."""
        level = self.level or capture_setting.level
        if level in ("summary", "full"):
            guard.call("capture.failure", _record_failure, span, level, error)

    def _arguments(self, span: trace.Span, level: CaptureLevel, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not span.is_recording():
            return
        named = self._named(args, kwargs)
        if level == "shape":
            known = self._names or ()
            shapes = {name if name in known else _foreign_name(name): shape_of(value) for name, value in named.items()}
            span.set_attribute(ARGUMENTS, _dump(shapes))
        else:
            span.set_attribute(ARGUMENTS, serialize(named, level))

    def _result(self, span: trace.Span, level: CaptureLevel, result: object) -> None:
        if span.is_recording():
            span.set_attribute(RESULT, _dump(shape_of(result)) if level == "shape" else serialize(result, level))

    def _named(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, object]:
        """Every argument by its name; ``self`` and ``cls`` left out, surplus ones by their position."""
        names = self._names
        if names is None:
            names = self._names = _positional_names(self._function)
        named: dict[str, object] = {}
        for position, value in enumerate(args[:MAX_ARGUMENTS]):
            name = names[position] if position < len(names) else f"args[{position}]"
            if position or name not in ("self", "cls"):
                named[name] = value
        for name in list(kwargs)[:MAX_ARGUMENTS]:
            named[name] = kwargs[name]
        surplus = max(len(args) - MAX_ARGUMENTS, 0) + max(len(kwargs) - MAX_ARGUMENTS, 0)
        if surplus:
            named["…"] = f"{surplus} more"
        return named


def record_failure(span: trace.Span, error: BaseException) -> None:
    """Add the ``exception`` event with redacted texts, when ``capture_setting`` asks for texts (summary, full).

    The message is never part of the span's status. The stack comes with ``full`` only.
    """
    level = capture_setting.level
    if level in ("summary", "full"):
        guard.call("capture.failure", _record_failure, span, level, error)


def _record_failure(span: trace.Span, level: CaptureLevel, error: BaseException) -> None:
    if not span.is_recording():
        return
    redact = capture_setting.redactor.redact_text
    limit = SUMMARY_CHARACTERS if level == "summary" else _full_limit()
    event = {
        "exception.type": describe_exception(type(error)),
        "exception.message": _cut(redact(message_of(error), limit + 1), limit),
    }
    if level == "full":
        event["exception.stacktrace"] = _cut(redact(stack_of(error), limit + 1), limit)
    span.add_event("exception", event)


def serialize(value: object, level: CaptureLevel) -> str:
    """JSON of a redacted copy of ``value``, as long as ``level`` allows (cut JSON need not parse)."""
    redactor = capture_setting.redactor
    if level == "summary":
        return _cut(_dump(redactor.redact_value(value, SUMMARY_CHARACTERS, SUMMARY_ITEMS)), SUMMARY_CHARACTERS)
    limit = _full_limit()
    # Quotes, names and escapes come on top of the texts; with less of them the JSON is whole.
    for share in (1, 2, 8):
        text = _dump(redactor.redact_value(value, limit // share, FULL_ITEMS // share))
        if len(text) <= limit:
            break
    return _cut(text, limit)


def shape_of(value: object) -> dict[str, object]:
    """Type and size of a value: characters of text, bytes of bytes, members of a container; nothing is called."""
    kind = type(value)
    shape: dict[str, object] = {"type": class_of(kind)}
    for base in _SIZED:
        if issubclass(kind, base):
            shape["length"] = base.__len__(cast("Any", value))
            return shape
    if kind.__module__.partition(".")[0] in _SHAPED:
        extent = getattr(value, "shape", None)
        if isinstance(extent, tuple) and all(isinstance(size, int) for size in extent):
            shape["shape"] = list(extent)
    return shape


def _full_limit() -> int:
    return max(min(FULL_CHARACTERS, origin.attribute_length_limit), 1)


_dump: Final = json.JSONEncoder(ensure_ascii=False).encode


def _cut(text: str, limit: int) -> str:
    """At most ``limit`` characters that UTF-8 can carry, the last one an ellipsis when something was cut."""
    return clean_text(text if len(text) <= limit else f"{text[: limit - 1]}…", limit)


def _foreign_name(name: str) -> str:
    """A name that the signature does not have: it came by ``**kwargs``, so from anywhere."""
    return capture_setting.redactor.redact_text(name, MAX_NAME)


def _positional_names(function: Callable[..., Any] | None) -> tuple[str, ...]:
    """Names of the parameters that positional arguments fill, up to the variable ones."""
    if function is None:
        return ()
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a builtin without a signature
        return ()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(parameter.name for parameter in parameters if parameter.kind in positional)
