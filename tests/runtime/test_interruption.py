"""Where a signal may become an exception, and where it has to come again."""

import asyncio.base_events
import selectors
import sys
from types import FrameType
from typing import Any

import pytest

from otel_perf.core import clock
from otel_perf.runtime import interruption
from otel_perf.runtime.interruption import LOOP_NS, Patience


def frame_in(file: str) -> FrameType:
    """A frame whose code is in a file."""
    names: dict[str, Any] = {"sys": sys}
    exec(compile("def here():\n    return sys._getframe()", file, "exec"), names)  # noqa: S102 - made up here
    frame = names["here"]()
    assert isinstance(frame, FrameType)
    return frame


def test_the_event_loop_is_not_interrupted_between_two_callbacks() -> None:
    """An exception there would lose a callback, and ``asyncio.run()`` would wait for its task for ever."""
    assert Patience().puts_off(frame_in(asyncio.base_events.__file__))


@pytest.mark.parametrize("file", [selectors.__file__, "/the/application.py"])
def test_a_loop_that_waits_and_the_application_are(file: str) -> None:
    """While the loop waits for something to happen, no callback is under way."""
    assert not Patience().puts_off(frame_in(file))


def test_a_loop_that_is_never_seen_outside_is_interrupted_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fifth of a second is long enough for every loop that runs anything."""
    now = [clock.monotonic_ns()]
    monkeypatch.setattr(interruption.clock, "monotonic_ns", lambda: now[0])
    patience = Patience()
    assert patience.puts_off(frame_in(asyncio.base_events.__file__))
    now[0] += LOOP_NS - 1
    assert patience.puts_off(frame_in(asyncio.base_events.__file__))
    now[0] += 1
    assert not patience.puts_off(frame_in(asyncio.base_events.__file__))
