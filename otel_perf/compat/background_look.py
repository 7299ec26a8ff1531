"""The monitor's one thread: it gets things ready, then looks every so often until it is told to stop."""

import os
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Final

from otel_perf.compat.forks import ForkSafeLock, renew_in_child
from otel_perf.core.background import background_thread
from otel_perf.core.guard import guard

__all__ = ["BackgroundLook"]

THREAD_NAME: Final = "otel_perf-monitor"
LONGEST_HOLD_SECONDS: Final = 2.0
"""How long a fork waits for the thread: an import takes a fraction of it, and nothing may wait without a bound."""
FIRST_SECONDS: Final = 1.0
"""The first look is at most so long after the start, in which the application has better things to do."""


class BackgroundLook:
    """Started and stopped any number of times, by any thread; never more than one thread at a time."""

    def __init__(self, look: Callable[[], object]) -> None:
        """Nothing runs.

        Args:
            look: Called every so often, on the thread.
        """
        self._look = look
        self._lock = ForkSafeLock()
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._interval_seconds = FIRST_SECONDS
        self._busy = threading.Lock()
        self._held = False
        renew_in_child(self)
        _looks.add(self)

    @property
    def running(self) -> bool:
        """Whether the thread is there."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def start(self, prepare: Callable[[], object], interval_seconds: float) -> bool:
        """Start the thread, unless it runs.

        Args:
            prepare: Called first, on the thread.
            interval_seconds: Time between two looks.

        Returns:
            Whether it was started by this call.
        """
        with self._lock:
            if self.running:
                return False
            stop, ready = self._stop, self._ready = threading.Event(), threading.Event()
            self._interval_seconds = interval_seconds
            self._thread = background_thread(partial(self._run, stop, ready, prepare, interval_seconds), THREAD_NAME)
            if guard.call("monitor.start", self._started, self._thread) is None:
                self._thread = None
                return False
            return True

    @staticmethod
    def _started(thread: threading.Thread) -> bool:
        thread.start()  # raises where no thread can be started any more
        return True

    def wait_until_ready(self, timeout_seconds: float) -> bool:
        """Wait until ``prepare`` has returned; false when it has not, or nothing runs."""
        return self.running and self._ready.wait(max(0.0, timeout_seconds))

    def stop(self, timeout_seconds: float) -> bool:
        """End the thread; false when it did not end in time."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._stop.set()
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(max(0.0, timeout_seconds))
        return not thread.is_alive()

    def hold_for_fork(self) -> None:
        """Let no look be under way: a child would find what it imports half imported and locked for ever."""
        if self._thread is not threading.current_thread() and self._busy.acquire(timeout=LONGEST_HOLD_SECONDS):
            self._held = True

    def go_on(self) -> None:
        """The fork is done."""
        if self._held:
            self._held = False
            self._busy.release()

    def after_fork_in_child(self) -> None:
        """Go on in the child, whose pipeline is renewed by itself; the parent's thread is not here."""
        self._busy, self._held = threading.Lock(), False
        if self._thread is not None:
            self._thread = None
            self.start(_nothing, self._interval_seconds)

    def _run(
        self, stop: threading.Event, ready: threading.Event, prepare: Callable[[], object], interval_seconds: float
    ) -> None:
        with self._busy:
            guard.call("monitor.start", prepare)
        ready.set()
        pause = min(FIRST_SECONDS, interval_seconds)
        while not stop.wait(pause):
            with self._busy:
                guard.call("monitor.look", self._look)
            pause = interval_seconds


def _nothing() -> None:
    return None


_looks: Final[weakref.WeakSet[BackgroundLook]] = weakref.WeakSet()


def _before_fork() -> None:
    for look in tuple(_looks):
        guard.call("fork", look.hold_for_fork)


def _after_fork_in_parent() -> None:
    for look in tuple(_looks):
        guard.call("fork", look.go_on)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent)
