"""Where the main thread was when a signal came, and whether an exception may be raised there."""

import sysconfig
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple

import opentelemetry.trace

from otel_perf.core import clock

__all__ = ["Patience", "frame_of_application", "frame_of_ours"]

STANDSTILL_NS: Final = 50_000_000
"""Our code never takes that long over one step, unless it waits, or runs the application's code, and may be left."""
LOOP_NS: Final = 200_000_000
"""So long a signal waits for asyncio to run a coroutine, or to wait; then it interrupts the loop itself."""


def _folder(path: Path | str) -> str:
    return str(Path(path)) + ("\\" if "\\" in str(path) else "/")


OURS: Final = _folder(Path(__file__).parents[1])
OPENTELEMETRY: Final = _folder(Path(opentelemetry.trace.__file__).parents[1])
STANDARD_LIBRARY: Final = _folder(sysconfig.get_path("stdlib"))
INSTALLED: Final = tuple(_folder(sysconfig.get_path(name)) for name in ("purelib", "platlib"))
ASYNCIO: Final = _folder(Path(STANDARD_LIBRARY) / "asyncio")
"""Takes callbacks out of its queue and runs them: an exception in between loses the callback, and the task that it
would have woken waits for ever, in ``asyncio.run()`` too, which cancels the tasks and waits for them. In a coroutine of
the application's, and in the selector, an exception is safe."""


def frame_of_ours(frame: FrameType | None) -> FrameType | None:
    """The frame of ours that runs, or has called what runs; ``None`` when it is the application's code.

    The standard library and OpenTelemetry work for whoever called them.
    """
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(OURS):
            return frame
        if not _works_for_its_caller(file):
            return None
        frame = frame.f_back
    return None


def frame_of_application(frame: FrameType | None) -> FrameType | None:
    """The innermost frame that is not ours."""
    while frame is not None and frame.f_code.co_filename.startswith(OURS):
        frame = frame.f_back
    return frame


def _works_for_its_caller(file: str) -> bool:
    if file.startswith((OPENTELEMETRY, "<")):
        return True
    return file.startswith(STANDARD_LIBRARY) and not file.startswith(INSTALLED)


class _Place(NamedTuple):
    frame: FrameType
    instruction: int


class Patience:
    """Waits for our code to be left, however long that takes, as long as it moves; and for asyncio's, a moment.

    What stands still is waiting (a flush), or has called a tool that is library code itself and looks like ours.
    """

    def __init__(self) -> None:
        """Nothing has been put off."""
        self._place: _Place | None = None
        self._since_ns = 0
        self._in_loop_since_ns: int | None = None

    def puts_off(self, frame: FrameType | None) -> bool:
        """Whether a signal that interrupted ``frame`` is to come again later."""
        ours = frame_of_ours(frame)
        if ours is None:
            return self._is_in_the_loop(frame)
        place = _Place(ours, ours.f_lasti)
        now = clock.monotonic_ns()
        if place != self._place:
            self._place, self._since_ns = place, now
        return now - self._since_ns < STANDSTILL_NS

    def _is_in_the_loop(self, frame: FrameType | None) -> bool:
        if frame is None or not frame.f_code.co_filename.startswith(ASYNCIO):
            return False
        now = clock.monotonic_ns()
        if self._in_loop_since_ns is None:
            self._in_loop_since_ns = now
        return now - self._in_loop_since_ns < LOOP_NS
