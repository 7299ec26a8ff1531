"""SIGTERM and SIGHUP as an orderly end: ``SystemExit`` in the main thread, so that ``atexit`` delivers what is left.

Only on request (``handle_sigterm=True``): signals belong to the application. A handler that is there already is called
instead of raising. Neither happens in the middle of our own code, where an exception would lose a call, leave a span
current or a lock held: the signal is then put off to the end of the call, and where that does not come at once it is
sent again a moment later, by a thread that waits for nothing else.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, Final

from otel_perf.core import clock
from otel_perf.core.background import background_thread
from otel_perf.core.guard import guard, logger
from otel_perf.runtime.interruption import Patience, frame_of_application, frame_of_ours

__all__ = ["Termination"]

AGAIN_SECONDS: Final = 0.0005
LATE_SECONDS: Final = 1.0
"""An application that has not ended so long after ``SystemExit`` has threads to wait for, or much to tidy up. What is
there is delivered then, and a further signal is heard; until then it is taken for the same one, sent twice."""

SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))

PASSED_ON_SECONDS: Final = 10.0
NEXT_SECONDS: Final = 0.2
"""The application's own handler usually begins an end that ``atexit`` does not see (uvicorn sends itself the signal
again): for ten seconds what there is leaves five times a second."""

# Words to the thread, besides the number of a signal to send again.
STOP: Final = 0
RAISED: Final = -1
PASSED_ON: Final = -2

LOOPS: Final = ("asyncio", "uvloop")
"""Modules whose own handler only marks that the signal came (the loop reads of it from a pipe), and never raises. It
is not put off: sending the signal again would run the application's callback twice."""


class Termination:
    """The handlers, and the thread that sends a signal again.

    A handler runs on the main thread between any two steps of its code, and may itself be interrupted by another. It
    therefore takes no lock: words to the thread go through a ``SimpleQueue``, whose ``put`` may be entered twice.
    """

    def __init__(self, deliver: Callable[[], object], ask: Callable[[], None]) -> None:
        """Nothing is installed before ``install``.

        Args:
            deliver: Called on a thread of ours when the application takes its time to end: delivers what is there.
            ask: Sees to it that ``end_of_call`` is called at the end of the present call; it takes no lock.
        """
        self._deliver = deliver
        self._ask = ask
        self._put_off: int | None = None
        self._below: dict[int, Any] = {}  # by signal: the handler that was there before ours
        self._above: dict[int, Any] = {}  # by signal: one that was put over ours, while ours waits on top of it
        self._words: SimpleQueue[int] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._patience = Patience()
        self._shutting_down = self._process_ends = False
        self._owed: int | None = None
        self._raised_ns: int | None = None

    def install(self) -> None:
        """Put the handlers in place; where that is not possible it is told."""
        if threading.current_thread() is not threading.main_thread():
            logger.warning("otel_perf: handle_sigterm needs instrument() on the main thread; signals are left alone")
            return
        self._start_thread()
        try:
            for number in SIGNALS:
                below = signal.getsignal(number)
                if below is not signal.SIG_IGN and below is not None:
                    self._below[number] = _without_ours(below, number)
                    signal.signal(number, self._handle)
        except ValueError:
            logger.warning("otel_perf: signals cannot be handled in a subinterpreter; they are left alone")
            self._stop_thread()

    def begin_shutdown(self, *, process_ends: bool) -> None:
        """From here to ``uninstall`` a signal waits, for a shutdown on the main thread must not be left half done.

        At the end of the process it asks for what happens anyway.
        """
        self._shutting_down = threading.current_thread() is threading.main_thread()
        self._process_ends = process_ends

    def uninstall(self) -> None:
        """Give the signals back, unless somebody has put a handler of his own over ours.

        A signal that came meanwhile is obeyed now: by the application's handler, or by ``SystemExit`` from here.
        """
        self._stop_thread()
        self._shutting_down = False
        if threading.current_thread() is not threading.main_thread():
            return
        for number, below in self._below.items():
            if signal.getsignal(number) == self._handle:
                signal.signal(number, self._above.pop(number, below))
        owed, self._owed = self._owed, None
        if owed is None:
            return
        if callable(signal.getsignal(owed)):
            signal.raise_signal(owed)
        elif not self._process_ends:
            raise SystemExit(128 + owed)

    def _deliver_now(self) -> None:
        if not self._shutting_down:
            guard.call("signals", self._deliver)

    def after_fork_in_child(self) -> None:
        """A thread of the child's own."""
        if self._thread is None:
            return
        self._words = SimpleQueue()
        self._patience = Patience()
        self._owed = self._put_off = self._raised_ns = None
        self._shutting_down = self._process_ends = False
        self._start_thread()

    def _start_thread(self) -> None:
        self._thread = background_thread(self._send_again, "otel_perf-signals")
        self._thread.start()

    def _stop_thread(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            self._words.put(STOP)
            thread.join(1.0)

    # -- on the main thread ----------------------------------------------------------------------------------------

    def _handle(self, number: int, frame: FrameType | None) -> None:
        below = self._below.get(number)
        if callable(below) and str(getattr(below, "__module__", "")).startswith(LOOPS):
            self._words.put(PASSED_ON)
            below(number, frame)
        elif self._shutting_down and frame_of_ours(frame) is not None:
            self._owed = number
        elif self._thread is not None and self._patience.puts_off(frame):
            self._stay_on_top(number)
            self._put_off = number
            self._words.put(number)
            self._ask()
        else:
            self._obey(number, frame)

    def end_of_call(self) -> None:
        """A call has ended, and nothing of ours is to do but to return: obey what was put off. Any thread may ask."""
        number = self._put_off
        if number is not None and threading.get_ident() == threading.main_thread().ident and not self._shutting_down:
            self._obey(number, frame_of_application(sys._getframe()))  # noqa: SLF001 - documented, for such uses

    def _stay_on_top(self, number: int) -> None:
        """A handler that was put over ours, and has called ours, shall not be called again for the same signal."""
        top = signal.getsignal(number)
        if top != self._handle:
            self._above[number] = top
            signal.signal(number, self._handle)

    def _obey(self, number: int, frame: FrameType | None) -> None:
        self._patience = Patience()
        self._put_off = None
        if number in self._above:
            signal.signal(number, self._above.pop(number))
        below = self._below.get(number)
        if callable(below):
            self._words.put(PASSED_ON)
            below(number, frame)
        elif not self._same_again():
            self._words.put(RAISED)
            raise SystemExit(128 + number)

    def _same_again(self) -> bool:
        """Supervisors send a signal to the process and to its group: its clean-up is not to be interrupted by that."""
        now = clock.monotonic_ns()
        if self._raised_ns is not None and now - self._raised_ns < LATE_SECONDS * 1e9:
            return True
        self._raised_ns = now
        return False

    # -- on the thread of its own ----------------------------------------------------------------------------------

    def _send_again(self) -> None:
        words = self._words
        deliveries = 0
        wait_seconds = LATE_SECONDS
        while True:
            try:
                word = words.get(timeout=wait_seconds if deliveries else None)
            except Empty:
                deliveries -= 1
                self._deliver_now()
                continue
            if word == STOP:
                return
            if word == RAISED:
                deliveries, wait_seconds = 1, LATE_SECONDS
            elif word == PASSED_ON:
                self._deliver_now()
                deliveries, wait_seconds = int(PASSED_ON_SECONDS / NEXT_SECONDS), NEXT_SECONDS
            else:
                time.sleep(AGAIN_SECONDS)
                if self._put_off == word:  # not obeyed meanwhile
                    _send_to_main_thread(word)


def _send_to_main_thread(number: int) -> None:
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        signal.raise_signal(number)


def _without_ours(handler: Any, number: int) -> Any:
    """The handler below those of ours that an earlier pipeline could not take away (it ended on another thread)."""
    while isinstance(owner := getattr(handler, "__self__", None), Termination):
        handler = owner._below.get(number, signal.SIG_DFL)  # noqa: SLF001 - of the same class
    return handler
