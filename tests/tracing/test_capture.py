import functools
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from otel_perf.core.guard import guard
from otel_perf.core.records import Scope, Tool
from otel_perf.tracing.capture import (
    FULL_CHARACTERS,
    CaptureLevel,
    CapturePolicy,
    capture_setting,
    record_failure,
    serialize,
    shape_of,
)
from otel_perf.tracing.redaction import Redactor
from otel_perf.tracing.span import ToolSpan, origin

ARGUMENTS, RESULT = "gen_ai.tool.call.arguments", "gen_ai.tool.call.result"
CANARY = "ghp_CANARYcanaryCANARYcanaryCANARYcanary"


@pytest.fixture(autouse=True)
def _default_setting() -> Iterator[None]:
    """Every test starts and ends with nothing captured."""
    capture_setting.reset()
    limit = origin.attribute_length_limit
    yield
    capture_setting.reset()
    origin.attribute_length_limit = limit


def made_span(*, sampled: bool = True) -> Any:
    """A span of ours that is running."""
    span = ToolSpan.__new__(ToolSpan)
    span.tool = Tool("search")
    span.parent = span.caller = span.context = span.details = span.end_ns = span.failure = span.readable = None
    span.start_ns = 0
    span.scope = Scope(sampled=sampled)
    return span


def sdk_span() -> Any:
    """A span of the SDK."""
    return TracerProvider(shutdown_on_exit=False).get_tracer("x").start_span("x")


def search(query: str, limit: int = 10, *, password: str = "") -> list[str]:
    """A function to be captured."""
    return [query] * limit


def captured(level: CaptureLevel | None, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What is on the span about a call's arguments, as JSON."""
    span = made_span()
    CapturePolicy(level, function).arguments(span, args, kwargs)
    text = span.attributes.get(ARGUMENTS)
    return None if text is None else json.loads(text)


def test_nothing_is_captured_by_default() -> None:
    """Without being asked, neither arguments nor results nor exception texts are on the span."""
    for policy in (CapturePolicy(None, search), CapturePolicy("off", search)):
        for span in (made_span(), sdk_span()):
            before = dict(span.attributes)
            policy.arguments(span, ("secret",), {"limit": 2})
            policy.result(span, ["secret"])
            policy.failure(span, ValueError("secret"))
            record_failure(span, ValueError("secret"))
            assert dict(span.attributes) == before
            assert not span.events


@pytest.mark.serial
def test_switched_off_it_costs_next_to_nothing() -> None:
    """Off, arguments and result together cost less than half a microsecond of CPU time."""
    policy, span = CapturePolicy(None, search), made_span()
    spent = []
    for _ in range(10):
        start = time.thread_time()
        for _ in range(10_000):
            policy.arguments(span, (), {})
            policy.result(span, None)
        spent.append((time.thread_time() - start) / 10_000)
    assert min(spent) < 0.5e-6


def test_a_tools_own_level_wins_over_the_setting() -> None:
    """The setting holds for tools that say nothing; ``off`` is an opt-out that stays."""
    capture_setting.level = "full"
    assert captured(None, search, "x") == {"query": "x"}
    assert captured("off", search, "x") is None
    assert captured("shape", search, "x") == {"query": {"type": "str", "length": 1}}
    capture_setting.level = "off"
    assert captured("full", search, "x") == {"query": "x"}


def test_an_unknown_level_captures_nothing() -> None:
    """A misspelled level is never taken for permission."""
    capture_setting.level = "full"
    assert captured("everything", search, "x") is None  # type: ignore[arg-type]


def test_shape_tells_types_and_sizes_and_no_content() -> None:
    """Types and sizes of every argument, and of the result; no character of a value."""
    span = made_span()
    policy = CapturePolicy("shape", search)
    policy.arguments(span, ("CANARY", 7), {"password": "CANARY"})
    policy.result(span, ["CANARY", "CANARY"])
    assert json.loads(span.attributes[ARGUMENTS]) == {
        "query": {"type": "str", "length": 6},
        "limit": {"type": "int"},
        "password": {"type": "str", "length": 6},
    }
    assert json.loads(span.attributes[RESULT]) == {"type": "list", "length": 2}
    assert "CANARY" not in str(span.attributes)


class Odd(list):  # type: ignore[type-arg]
    """A list that lies about its length."""

    def __len__(self) -> int:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, {"type": "NoneType"}),
        (b"abc", {"type": "bytes", "length": 3}),
        ({"a": 1}, {"type": "dict", "length": 1}),
        ((1, 2), {"type": "tuple", "length": 2}),
        ({1}, {"type": "set", "length": 1}),
        (deque([1]), {"type": "collections.deque", "length": 1}),
        (range(5), {"type": "range"}),
        (ValueError("x"), {"type": "ValueError"}),
        ((number for number in ()), {"type": "generator"}),
    ],
)
def test_shapes_of_values(value: object, expected: object) -> None:
    """Builtin containers have a length, everything else a type."""
    assert shape_of(value) == expected


def test_the_shape_of_a_lying_container_is_its_own() -> None:
    """The real length is told, and no method of a subclass is called."""
    assert shape_of(Odd([1, 2])) == {"type": f"{__name__}.Odd", "length": 2}


def test_arrays_and_frames_are_told_by_their_extent() -> None:
    """What has a ``shape`` in the known libraries shows it."""
    array = type("ndarray", (), {"__module__": "numpy", "shape": (3, 4)})()
    assert shape_of(array) == {"type": "numpy.ndarray", "shape": [3, 4]}
    lazy = type("Delayed", (), {"__module__": "numpy", "shape": ("?", 4)})()
    assert shape_of(lazy) == {"type": "numpy.Delayed"}


def test_a_summary_is_two_hundred_characters() -> None:
    """However long the arguments, at most 200 characters are kept, cut between characters, redacted before the cut."""
    span = made_span()
    policy = CapturePolicy("summary", search)
    for text in ("x" * 10_000, "é漢😀" * 5000, "\ud800" * 300, f"{'x' * 170} {CANARY}", CANARY * 300):
        policy.arguments(span, (text,), {"password": "CANARY"})
        kept = span.attributes[ARGUMENTS]
        assert len(kept) <= 200
        kept.encode()
        assert "CANARY" not in kept
        assert "canary" not in kept
    policy.arguments(span, ("short",), {"limit": 3})
    assert span.attributes[ARGUMENTS] == '{"query": "short", "limit": 3}'


def test_full_is_redacted_json() -> None:
    """Full capture keeps values of every kind; the secrets in them are gone."""
    span = made_span()
    policy = CapturePolicy("full", search)
    policy.arguments(span, ({"a": [1, 2.5, None, True]}, f"use {CANARY}"), {"password": "CANARY"})
    assert json.loads(span.attributes[ARGUMENTS]) == {
        "query": {"a": [1, 2.5, None, True]},
        "limit": "use [REDACTED:github-token]",
        "password": "[REDACTED:key]",
    }
    policy.result(span, {"rows": ["a", "b"]})
    assert json.loads(span.attributes[RESULT]) == {"rows": ["a", "b"]}


@pytest.mark.parametrize("limit", [200, 4096, 1_000_000])
def test_full_is_json_within_the_attribute_limit(limit: int) -> None:
    """Large values are cut inside, so that the text is within the limit and still parses."""
    origin.attribute_length_limit = limit
    for value in (
        "x" * 1_000_000,
        ["word"] * 100_000,
        {f"key-{index}": '"quoted"\n' * 5 for index in range(1000)},
        "\n" * 1_000_000,
    ):
        text = serialize(value, "full")
        assert len(text) <= min(limit, FULL_CHARACTERS)
        assert len(text) > min(limit, FULL_CHARACTERS) // 20
        json.loads(text)


@pytest.mark.serial
def test_a_huge_argument_costs_a_bounded_beginning() -> None:
    """50 MB of text or ten million elements cost less than 20 ms of CPU time at every level."""
    values = ["x" * 50_000_000, [0] * 10_000_000, {"a": b"x" * 50_000_000}]
    for level in ("shape", "summary", "full"):
        for value in values:
            spent = []
            for _ in range(3):
                span, start = made_span(), time.thread_time()
                CapturePolicy(level, search).arguments(span, (value,), {})
                spent.append(time.thread_time() - start)
                assert ARGUMENTS in span.attributes
            assert min(spent) < 0.02


def test_values_are_taken_at_call_time() -> None:
    """What happens to an argument after the call was captured is not seen."""
    span, value = made_span(), [1, 2]
    CapturePolicy("full", search).arguments(span, (value,), {})
    value.append(3)
    assert json.loads(span.attributes[ARGUMENTS]) == {"query": [1, 2]}


def test_generators_coroutines_and_iterators_are_not_consumed() -> None:
    """Lazy arguments and results are told by their type; the tool gets them untouched."""

    async def coroutine() -> int:
        return 1

    generator, iterator, waiting = (n for n in [1, 2]), iter([1, 2]), coroutine()
    span = made_span()
    policy = CapturePolicy("full", search)
    policy.arguments(span, (generator, iterator), {"password": waiting})
    policy.result(span, generator)
    told = json.loads(span.attributes[ARGUMENTS])
    assert told["query"] == "<generator>"
    assert told["limit"] == "<list_iterator>"
    assert list(generator) == [1, 2]
    assert list(iterator) == [1, 2]
    waiting.close()


class Service:
    """Its methods are tools."""

    def method(self, a: int, *rest: int, b: int = 0, **more: int) -> None:
        """Take everything."""

    @classmethod
    def of(cls, a: int) -> None:
        """Take one."""

    @staticmethod
    def static(a: int) -> None:
        """Take one."""

    def __call__(self, a: int) -> None:
        """Take one."""


def test_arguments_are_named_by_the_signature() -> None:
    """Positional arguments get their parameter's name, ``self`` and ``cls`` are left out, surplus ones are counted."""
    service = Service()
    method = captured("full", Service.method, service, 1, 2, 3, b=4, c=5)
    assert method == {"a": 1, "args[2]": 2, "args[3]": 3, "b": 4, "c": 5}
    assert captured("full", Service.of.__func__, Service, 1) == {"a": 1}
    assert captured("full", Service.static, 1) == {"a": 1}
    assert captured("full", service, 1) == {"a": 1}
    assert captured("full", functools.partial(search, "x"), 5) == {"limit": 5}
    assert captured("full", print, "x", end="") == {"args[0]": "x", "end": ""}
    assert captured("full", dict.get, {"a": 1}, "a") in ({"key": "a"}, {"args[0]": {"a": 1}, "args[1]": "a"})
    assert captured("full", search) == {}


def test_arguments_that_do_not_fit_the_signature_are_told_all_the_same() -> None:
    """The tool's own ``TypeError`` is the application's; capture names what it can."""
    assert captured("full", search, 1, 2, 3, nonsense=4) == {"query": 1, "limit": 2, "args[2]": 3, "nonsense": 4}


def test_a_thousand_arguments_are_bounded() -> None:
    """Past 64 positional and 64 named arguments, the rest is counted."""
    kwargs = {f"k{index}": 1 for index in range(1000)}
    told = captured("shape", lambda *args, **kwargs: None, *range(1000), **kwargs)
    assert len(told) == 129
    full = captured("full", lambda *args, **kwargs: None, *range(1000), **kwargs)
    assert full["…"] == "1872 more"


def test_names_from_the_outside_are_redacted_in_shapes_too() -> None:
    """A secret as the name of a keyword argument does not pass, even where only shapes are told."""
    assert captured("shape", lambda **kwargs: None, **{CANARY: 1}) == {"[REDACTED:github-token]": {"type": "int"}}


def test_an_unsampled_or_ended_span_costs_no_serialising() -> None:
    """What nobody will see is not made into text."""
    touched = []
    capture_setting.redactor = Redactor(hook=lambda text: touched.append(text) or text)  # type: ignore[func-returns-value]
    span = made_span(sampled=False)
    for policy in (CapturePolicy("full", search), CapturePolicy("summary", search)):
        policy.arguments(span, ("x",), {})
        policy.result(span, "x")
        policy.failure(span, ValueError("x"))
    assert touched == []


def test_a_redactor_that_fails_drops_the_value() -> None:
    """The value is not on the span, the placeholder is, and the error is counted."""
    capture_setting.redactor = Redactor(hook=lambda text: 1 / 0)  # type: ignore[arg-type,return-value]
    before = guard.counts["redaction"]
    span = made_span()
    CapturePolicy("full", search).arguments(span, ("CANARY",), {})
    assert "CANARY" not in span.attributes[ARGUMENTS]
    assert "<redaction failed>" in span.attributes[ARGUMENTS]
    assert guard.counts["redaction"] > before


class BrokenSpan:
    """A span of a provider that fails."""

    def is_recording(self) -> bool:
        return True

    def set_attribute(self, key: str, value: object) -> None:
        raise RuntimeError

    add_event = set_attribute


def test_a_failing_span_never_reaches_the_application() -> None:
    """Whatever the span does, capture returns."""
    policy, span = CapturePolicy("full", search), BrokenSpan()
    policy.arguments(span, ("x",), {})  # type: ignore[arg-type]
    policy.result(span, "x")  # type: ignore[arg-type]
    policy.failure(span, ValueError("x"))  # type: ignore[arg-type]
    capture_setting.level = "full"
    record_failure(span, ValueError("x"))  # type: ignore[arg-type]


class Unprintable(Exception):
    """Raises when it is printed."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """The exception after it went through two frames."""

    def inner() -> None:
        raise error from cause

    try:
        inner()
    except BaseException as caught:
        return caught
    raise AssertionError


def failure_event(level: CaptureLevel, error: BaseException) -> dict[str, Any]:
    """The attributes of the event that is recorded of an exception."""
    capture_setting.level = level
    span = made_span()
    record_failure(span, error)
    (event,) = span.events
    assert event.name == "exception"
    return dict(event.attributes)


def test_a_summary_of_a_failure_has_type_and_message() -> None:
    """The message is redacted and bounded; no stack, and no status text."""
    event = failure_event("summary", raised(ValueError(f"at postgres://u:CANARY@h/db {CANARY} {'x' * 1000}")))
    assert event["exception.type"] == "ValueError"
    assert event["exception.message"].startswith("at postgres://[REDACTED:url]@h/db [REDACTED:github-token]")
    assert len(event["exception.message"]) == 200
    assert set(event) == {"exception.type", "exception.message"}


def test_full_capture_of_a_failure_has_a_redacted_stack() -> None:
    """Frames and causes are told without source lines; the secrets in messages are gone."""
    event = failure_event("full", raised(KeyError("outer"), raised(ValueError(f"password={CANARY}"))))
    stack = event["exception.stacktrace"]
    assert (
        stack.index("ValueError: password=[REDACTED:github-token]")
        < stack.index("direct cause")
        < stack.index("KeyError")
    )
    assert "in inner" in stack
    assert __file__ in stack
    assert "CANARY" not in str(event)
    assert "raise error" not in stack


@pytest.mark.parametrize("level", ["summary", "full"])
def test_an_unprintable_exception_is_told_by_its_type(level: CaptureLevel) -> None:
    """An exception whose ``__str__`` raises, anywhere in a chain or group, gets a placeholder."""
    event = failure_event(level, raised(Unprintable(), Unprintable()))
    assert event["exception.message"] == "<unprintable Unprintable>"
    group = failure_event(level, ExceptionGroup("several", [Unprintable(), ValueError("x")] * 20))
    assert group["exception.message"].startswith("several")


def test_chains_that_bite_their_tail_and_deep_stacks_end() -> None:
    """A cycle of causes and a recursion of thousands of frames stay small."""
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert failure_event("full", first)["exception.stacktrace"].count("ValueError") == 2

    def dive(depth: int) -> None:
        if depth:
            dive(depth - 1)
        raise ValueError("deep")

    with pytest.raises(ValueError, match="deep") as caught:
        dive(500)
    origin.attribute_length_limit = 1_000_000
    stack = failure_event("full", caught.value)["exception.stacktrace"]
    assert stack.count("in dive") == 50


@pytest.mark.parametrize("level", ["off", "shape"])
def test_no_text_of_a_failure_is_kept_without_being_asked(level: CaptureLevel) -> None:
    """Below ``summary`` an exception leaves no event."""
    capture_setting.level = level
    span = made_span()
    record_failure(span, ValueError("CANARY"))
    CapturePolicy(level, search).failure(span, ValueError("CANARY"))
    assert not span.events


def test_spans_of_the_sdk_are_captured_on_as_well() -> None:
    """Arguments, result and failure land on a span of another provider by the same calls."""
    span = sdk_span()
    policy = CapturePolicy("full", search)
    policy.arguments(span, (CANARY,), {"limit": 2})
    policy.result(span, "\ud800 lone")
    policy.failure(span, ValueError("message"))
    span.end()
    assert isinstance(span, ReadableSpan)
    assert span.attributes is not None
    assert json.loads(str(span.attributes[ARGUMENTS])) == {"query": "[REDACTED:github-token]", "limit": 2}
    str(span.attributes[RESULT]).encode()
    assert [event.name for event in span.events] == ["exception"]
    assert span.status.status_code is trace.StatusCode.UNSET


@given(st.recursive(st.none() | st.text() | st.integers() | st.floats() | st.binary(), st.lists, max_leaves=20))
def test_any_argument_is_captured_without_an_error(value: object) -> None:
    """At every level any value gives JSON that can be encoded, and no internal error."""
    before = guard.total()
    for level in ("shape", "summary", "full"):
        span = made_span()
        policy = CapturePolicy(level, search)
        policy.arguments(span, (value,), {})
        policy.result(span, value)
        span.attributes[ARGUMENTS].encode()
        span.attributes[RESULT].encode()
    assert guard.total() == before


def test_many_threads_share_a_policy() -> None:
    """The names are found once, whoever asks first."""
    policy, failures = CapturePolicy("full", search), []

    def work() -> None:
        for _ in range(50):
            span = made_span()
            policy.arguments(span, ("x", 1), {})
            if json.loads(span.attributes[ARGUMENTS]) != {"query": "x", "limit": 1}:
                failures.append(span)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
