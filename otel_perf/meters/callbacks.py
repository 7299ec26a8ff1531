"""The application's observable callbacks, run on threads of ours and remembered.

The SDK runs callbacks inside a collection, with a lock held that ``create_observable_*`` needs: one that hangs stops
every reader and the application with it. Here a collection only reads what the callbacks returned last.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from typing import Any, Final

from opentelemetry.metrics import CallbackOptions, Observation

from otel_perf.core import clock
from otel_perf.core.background import background_thread
from otel_perf.core.guard import guard, logger

__all__ = ["CachedCallback", "CallbackRunner"]

PATIENCE_SECONDS: Final = 0.1
"""A callback that takes longer is late: the others go on without it, on another thread."""

REFRESH_SECONDS: Final = 0.4
"""All callbacks together; a collection goes on with last values after that."""

FRESH_SECONDS: Final = 1.0
"""A reader that the application added gets values of this age without a refresh of their own."""

THREAD_LIMIT: Final = 8
"""Threads in all. Callbacks that hang for good hold one each; beyond, all keep their last values."""

THREAD_NAME: Final = "otel_perf-callbacks"


class CachedCallback:
    """One callback and what it returned last. Called as a callback itself, it waits 0.1 s at most.

    Attributes:
        instrument: Name of the instrument, for the log.
        queued: Whether it is asked to run, or runs.
        started_ns: Monotonic start of the present run; ``None`` while it does not run.
        told_late: Whether the log has a line about the present run.
    """

    def __init__(self, instrument: str, function: Any, freshen: Callable[[], None]) -> None:
        """Wrap a callback or, as OpenTelemetry allows, a generator that is sent the options.

        Args:
            instrument: Name of the instrument.
            function: The application's callback or generator.
            freshen: Called before each answer; has the callbacks run if nobody did lately.
        """
        self.instrument = instrument
        self._freshen = freshen
        self._function: Callable[[CallbackOptions], Iterable[Observation]] = (
            _from_generator(function) if isinstance(function, Generator) else function
        )
        self._values: Sequence[Observation] = ()
        self._answered_ns = clock.monotonic_ns()
        self.started_ns: int | None = None
        self.queued = False
        self.told_late = False

    def __call__(self, options: CallbackOptions) -> Sequence[Observation]:
        """What the callback returned last; nothing before its first answer."""
        del options  # the callback is given options of its own when it runs
        self._freshen()
        return self._values

    def run(self) -> None:
        """Call the application's function and keep its answer. An exception is its own, and leaves the last answer."""
        self.started_ns = clock.monotonic_ns()
        try:
            values = guard.call(f"callback of {self.instrument}", self._answer)
            if values is not None:
                self._values = values
                self._answered_ns = clock.monotonic_ns()
                self.told_late = False
        except SystemExit as leaving:
            # It would end this thread, not the process: an error like any other.
            guard.report(f"callback of {self.instrument}", leaving)
        finally:
            self.queued = False
            self.started_ns = None

    def _answer(self) -> list[Observation]:
        return list(self._function(CallbackOptions(timeout_millis=REFRESH_SECONDS * 1000)))

    def late(self, now_ns: int) -> bool:
        """Whether it runs for longer than anybody waits."""
        started = self.started_ns
        return started is not None and now_ns - started > PATIENCE_SECONDS * 1e9

    def age_seconds(self, now_ns: int) -> float:
        """Seconds since its last answer."""
        return (now_ns - self._answered_ns) / 1e9


class CallbackRunner:
    """Runs callbacks before a collection, and goes on without those that do not answer in time."""

    def __init__(self) -> None:
        """Start without a thread; the first refresh starts one if there is a callback."""
        self._callbacks: list[CachedCallback] = []
        self._begin()

    def _begin(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._refreshing = threading.Lock()
        self._queue: deque[CachedCallback] = deque()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._epoch = 0
        self._refreshed_ns: int | None = None

    def add(self, instrument: str, function: Any) -> CachedCallback:
        """Take in a callback of the application; what it returns is a callback that never waits."""
        cached = CachedCallback(instrument, function, self._freshen)
        with self._changed:
            self._callbacks.append(cached)
        return cached

    def _freshen(self) -> None:
        """For readers that are not ours. One wait of 0.1 s at most, since the SDK holds a lock meanwhile."""
        refreshed = self._refreshed_ns
        if refreshed is None or clock.monotonic_ns() - refreshed > FRESH_SECONDS * 1e9:
            self.refresh(PATIENCE_SECONDS)

    def refresh(self, budget_seconds: float = REFRESH_SECONDS) -> None:
        """Run all callbacks that do not run already; wait for them, but not for late ones, and not above the budget."""
        if not self._callbacks or not self._refreshing.acquire(timeout=budget_seconds):
            return
        try:
            self._refresh(budget_seconds)
        finally:
            self._refreshed_ns = clock.monotonic_ns()
            self._refreshing.release()
        self._tell_late()

    def _refresh(self, budget_seconds: float) -> None:
        end_ns = clock.monotonic_ns() + int(budget_seconds * 1e9)
        with self._changed:
            asked = [callback for callback in self._callbacks if not callback.queued]
            for callback in asked:
                callback.queued = True
            self._queue.extend(asked)
            self._changed.notify_all()
            while (now := clock.monotonic_ns()) < end_ns and self._can_go_on(now):
                self._changed.wait(min(PATIENCE_SECONDS / 2, (end_ns - now) / 1e9))

    def _can_go_on(self, now_ns: int) -> bool:
        """Whether there is a callback to wait for, and a thread that runs it: one more when all are held up."""
        if not any(callback.queued and not callback.late(now_ns) for callback in self._callbacks):
            return False
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        held_up = sum(callback.late(now_ns) for callback in self._callbacks)
        if len(self._threads) > held_up:
            return True
        if len(self._threads) >= THREAD_LIMIT:
            return False
        thread = background_thread(partial(self._work, self._epoch), THREAD_NAME)
        self._threads.append(thread)
        thread.start()
        return True

    def _work(self, epoch: int) -> None:
        while (callback := self._next_callback(epoch)) is not None:
            callback.run()
            with self._changed:
                self._changed.notify_all()

    def _next_callback(self, epoch: int) -> CachedCallback | None:
        """Wait for a callback to run; ``None`` when the thread has to end."""
        with self._changed:
            while not self._queue and epoch == self._epoch and not self._superfluous():
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            return self._queue.popleft() if self._queue and epoch == self._epoch else None

    def _superfluous(self) -> bool:
        """Whether another thread waits for work already: one is enough once nothing hangs."""
        return self._idle > 0

    def _tell_late(self) -> None:
        now = clock.monotonic_ns()
        for callback in list(self._callbacks):
            if callback.late(now) and not callback.told_late:
                callback.told_late = True
                logger.warning(
                    "otel_perf: the callback of instrument %r has not returned for %.1f s; its last value is exported",
                    callback.instrument,
                    callback.age_seconds(now),
                )

    def stale_seconds(self) -> dict[str, float]:
        """By instrument, how old the values are of those whose callback has not returned; empty when all have."""
        now = clock.monotonic_ns()
        return {
            callback.instrument: callback.age_seconds(now) for callback in list(self._callbacks) if callback.late(now)
        }

    def rest(self, timeout_seconds: float = 1.0) -> None:
        """End the threads; the next refresh starts one again.

        A thread held by a callback that hangs is left behind: it is a daemon, and ends when the callback does.
        """
        with self._changed:
            self._epoch += 1
            for callback in self._queue:
                callback.queued = False
            self._queue.clear()
            self._changed.notify_all()
            threads, self._threads = self._threads, []
        now = clock.monotonic_ns()
        if any(callback.late(now) for callback in self._callbacks):
            timeout_seconds = min(timeout_seconds, PATIENCE_SECONDS)
        end_ns = now + int(timeout_seconds * 1e9)
        for thread in threads:
            thread.join(max(0.0, (end_ns - clock.monotonic_ns()) / 1e9))

    def after_fork_in_child(self) -> None:
        """Start again without threads, keeping the callbacks: those that ran belong to the parent."""
        for callback in self._callbacks:
            callback.queued = False
            callback.started_ns = None
        self._begin()


def _from_generator(
    generator: Generator[Iterable[Observation], CallbackOptions, None],
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    """A generator as a callback: it was advanced to its first ``yield``; an exhausted one has nothing to say."""
    started = False

    def send(options: CallbackOptions) -> Iterable[Observation]:
        nonlocal started
        if not started:
            started = True
            next(generator, None)
        try:
            return generator.send(options)
        except StopIteration:
            return ()

    return send
