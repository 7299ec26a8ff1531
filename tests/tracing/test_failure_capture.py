"""What a failure leaves on the span follows the tool's own level, and nothing by default."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import otel_perf
from otel_perf.testing.recording import recording

SECRET = "the message"


def fails() -> None:
    """Raise."""
    raise ValueError(SECRET)


async def fails_async() -> None:
    """Raise in a coroutine."""
    raise ValueError(SECRET)


def fails_in_steps() -> Iterator[int]:
    """Raise after the first step."""
    yield 1
    raise ValueError(SECRET)


def drive(traced: Callable[..., Any]) -> None:
    """Call any of the three until it raises."""
    result = traced()
    if hasattr(result, "send") and not hasattr(result, "__next__"):
        result.send(None)
    else:
        list(result)


@pytest.mark.parametrize("function", [fails, fails_async, fails_in_steps])
@pytest.mark.parametrize(
    ("everywhere", "here", "captured"),
    [("off", None, False), ("off", "full", True), ("full", None, True), ("full", "off", False), ("shape", None, False)],
)
def test_the_level_of_the_tool_decides(
    function: Callable[..., Any], everywhere: str, here: Any, captured: bool
) -> None:
    """The exception's text is on the span only where the tool's level, or else the general one, asks for it."""
    with recording(capture=everywhere) as capture:
        with pytest.raises(ValueError, match=SECRET):
            drive(otel_perf.tool("failing", capture=here)(function))
        (span,) = capture.spans

    assert (span.attributes or {})["error.type"] == "ValueError"
    assert [event.name for event in span.events] == (["exception"] if captured else [])
    assert (SECRET in str([dict(event.attributes or {}) for event in span.events])) is captured


@pytest.mark.parametrize(("everywhere", "captured"), [("off", False), ("summary", True)])
def test_a_block_follows_the_general_level(everywhere: str, captured: bool) -> None:
    """``tool_call`` has no level of its own."""
    with recording(capture=everywhere) as capture:
        with pytest.raises(ValueError, match=SECRET), otel_perf.tool_call("failing"):
            fails()
        (span,) = capture.spans

    assert bool(span.events) is captured


def test_a_block_that_is_open_at_shutdown_still_ends() -> None:
    """Its call is recorded although recording was switched off meanwhile."""
    with recording() as capture:
        block = otel_perf.tool_call("long")
        block.__enter__()
        from otel_perf.core.intake import intake

        intake.switch_off()
        block.__exit__(None, None, None)

        assert [call.tool for call in capture.calls] == ["long"]
