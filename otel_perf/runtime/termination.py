"""SIGTERM and SIGHUP as an orderly end: ``SystemExit`` in the main thread, so that ``atexit`` delivers what is left.

Only on request (``handle_sigterm=True``): signals belong to the application. A handler that is there already is called
instead of raising. ``SystemExit`` is not raised in the middle of our own code, where it would lose a call or leave a
span current: the signal is then sent again a moment later, by a thread that waits for nothing else.
"""

import os
import select
import signal
import sysconfig
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any, Final

import opentelemetry.trace

from otel_perf.core import clock
from otel_perf.core.guard import logger

__all__ = ["Termination"]

AGAIN_SECONDS: Final = 0.0005
GIVE_WAY_NS: Final = 200_000_000
"""How long a signal is put off for our own code; a tool that is itself library code looks like ours from outside."""

SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))

OURS: Final = str(Path(__file__).parents[1]) + os.sep
BETWEEN: Final = (
    str(Path(opentelemetry.trace.__file__).parents[1]) + os.sep,
    sysconfig.get_path("stdlib") + os.sep,
)
"""Code that ours calls: whose it is at the moment is decided by who called it."""
SITE_PACKAGES: Final = sysconfig.get_path("purelib") + os.sep


def is_ours(frame: FrameType | None) -> bool:
    """Whether the interrupted code is ours, or was called by ours."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(OURS):
            return True
        if not file.startswith(BETWEEN) and not file.startswith("<"):
            return False
        if file.startswith(SITE_PACKAGES) and not file.startswith(BETWEEN[0]):
            return False
        frame = frame.f_back
    return False


class Termination:
    """The handlers and the thread that sends a signal again."""

    def __init__(self) -> None:
        """Nothing is installed before ``install``."""
        self._previous: dict[int, Any] = {}
        self._pipe: tuple[int, int] | None = None
        self._thread: threading.Thread | None = None
        self._first_ns: int | None = None
        self._ending = False

    def install(self) -> None:
        """Put the handlers in place; from another thread than the main one this is not possible, and is told."""
        if threading.current_thread() is not threading.main_thread():
            logger.warning("otel_perf: handle_sigterm needs instrument() on the main thread; signals are left alone")
            return
        for number in SIGNALS:
            previous = signal.getsignal(number)
            if previous is signal.SIG_IGN or previous is None:
                continue
            self._previous[number] = previous
            signal.signal(number, self._handle)
        self._pipe = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK) if hasattr(os, "pipe2") else os.pipe()
        self._start_thread()

    def _start_thread(self) -> None:
        self._thread = threading.Thread(target=self._send_again, name="otel_perf-signals", daemon=True)
        self._thread.start()

    def uninstall(self) -> None:
        """Give the signals back, unless somebody has put a handler of his own over ours."""
        pipe, self._pipe = self._pipe, None
        if threading.current_thread() is threading.main_thread():
            for number, previous in self._previous.items():
                if signal.getsignal(number) == self._handle:
                    signal.signal(number, previous)
        if pipe is None:
            return
        os.write(pipe[1], b"\0")
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1.0)
        for end in pipe:
            os.close(end)

    def after_fork_in_child(self) -> None:
        """A pipe and a thread of the child's own."""
        if self._pipe is None:
            return
        for end in self._pipe:
            os.close(end)
        self._pipe = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK) if hasattr(os, "pipe2") else os.pipe()
        self._first_ns = None
        self._start_thread()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = clock.monotonic_ns()
        if self._first_ns is None:
            self._first_ns = now
        if is_ours(frame) and now - self._first_ns < GIVE_WAY_NS and self._pipe is not None:
            os.write(self._pipe[1], bytes((number,)))
            return
        self._first_ns = None
        previous = self._previous.get(number)
        if callable(previous):
            previous(number, frame)
        elif not self._ending:
            self._ending = True
            raise SystemExit(128 + number)

    def _send_again(self) -> None:
        pipe = self._pipe
        while pipe is not None:
            select.select([pipe[0]], [], [])
            number = os.read(pipe[0], 1)[0]
            if number == 0:
                return
            time.sleep(AGAIN_SECONDS)
            signal.pthread_kill(threading.main_thread().ident or 0, number)
