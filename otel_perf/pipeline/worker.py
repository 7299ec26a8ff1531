"""The worker: takes records out of the intake and hands them to the subscribers. It never does I/O."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, Literal, Protocol

from otel_perf.core import clock
from otel_perf.core.background import background_thread
from otel_perf.core.guard import guard
from otel_perf.core.intake import ForeignEnd, Intake
from otel_perf.core.ledger import CallBalance
from otel_perf.core.records import ToolCall
from otel_perf.pipeline.event_flow import EventFlow
from otel_perf.pipeline.measurement_flow import MeasurementFlow
from otel_perf.pipeline.open_calls import OpenCalls
from otel_perf.pipeline.order import by_end, take_in_order
from otel_perf.tracing.digest import digest

__all__ = ["Carrier", "Reader", "Worker"]

SLICE: Final = 16
"""Records between two pauses: 16 take about 50 us, so an event loop never waits long for the interpreter lock."""
BIG_SLICE: Final = 128
BACKLOG: Final = 2048
"""Above this many waiting records the slices grow, or a busy application would starve the worker."""
ASSIST: Final = 4
"""Records that an application thread handles when the queue is full: some 40 us, and more than the one it brings."""
ASSIST_WAIT_SECONDS: Final = 0.0005
PAUSE_SECONDS: Final = 0.00002
"""A real sleep: only that lets a waiting thread have the interpreter lock before we take it again."""
BUSY_WAIT_SECONDS: Final = 0.05
QUIET_WAIT_SECONDS: Final = 1.0
QUIET_AFTER_NS: Final = 5_000_000_000
SECOND_NS: Final = 1_000_000_000
TURN_NS: Final = 50_000_000
"""Draining goes on no longer than this before the clocks are compared and hung calls are looked for."""
STUCK_SECONDS: Final = 1.0
"""A slice takes a millisecond. Whoever waits longer for its end leaves the time that is left to the destinations."""


class Reader(Protocol):
    """A part that reads every record. Called on the worker, under its lock; must not block and must not do I/O."""

    def on_starts(self, calls: Sequence[ToolCall]) -> None:
        """Calls that began."""
        ...

    def on_calls(self, calls: Sequence[ToolCall]) -> None:
        """Calls that ended, in the order of their ends, sampled or not."""
        ...

    def on_foreign_calls(self, calls: Sequence[ToolCall]) -> None:
        """Calls that were read off the spans of other libraries."""
        ...

    def on_overflow(self, call: ToolCall) -> None:
        """A call that was dropped because the queue was full. Called on an application thread."""
        ...


class Carrier(Protocol):
    """A part that delivers spans. Called as a reader is."""

    def on_calls(self, calls: Sequence[ToolCall]) -> None:
        """Calls that ended; those which are not sampled are not to be delivered."""
        ...

    def on_foreign(self, spans: Sequence[Any]) -> None:
        """Spans of other libraries that ended (``ReadableSpan`` of the SDK)."""
        ...

    def on_overflow(self, call: ToolCall) -> None:
        """A sampled call that was dropped because the queue was full. Called on an application thread."""
        ...


class Worker:
    """One daemon thread, and the lock that makes draining exclusive."""

    def __init__(
        self,
        intake: Intake,
        open_calls: OpenCalls,
        readers: Sequence[Reader],
        carriers: Sequence[Carrier],
        *,
        max_calls: int = 65_536,
        overflow: Literal["assist", "drop"] = "assist",
    ) -> None:
        """Prepare; nothing runs before ``start``."""
        self._intake = intake
        self._readers = tuple(readers)
        self._carriers = tuple(carriers)
        self.measurements = MeasurementFlow(intake, max_calls)
        self.events = EventFlow(intake)
        self._max_calls = max_calls
        self._overflow = overflow
        self.open_calls = open_calls
        self.end_of_call: Callable[[], object] = _nothing
        self.after_drain: Callable[[], object] = _nothing
        self.restarts = 0
        self.cpu_ns = 0
        self._reset()

    def _reset(self) -> None:
        self.lock = threading.RLock()
        self._count_lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = self._behind = False
        self._stop_by_ns = 0
        self._thread: threading.Thread | None = None
        self._taken = self._recorded = self._sampled_out = self._foreign = self._overflowed = 0
        self._overflowed_recorded = 0

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread and open the intake's valve."""
        self._stopping = False
        self._intake.relieve = self.relieve
        self._intake.high_water = self._max_calls
        self.measurements.open(self._rouse, self.lock)
        self.events.wake = self._rouse
        self._thread = background_thread(self._run, "otel_perf-worker")
        self._thread.start()

    def stop(self, deadline_ns: int) -> bool:
        """Drain until the deadline (monotonic ns) and end the thread; True when nothing is left.

        The thread itself drains, where it can: a Ctrl-C reaches the main thread only, and in the middle of a slice it
        would cost the slice.
        """
        self._stop_by_ns = deadline_ns
        self._stopping = True
        self._wake.set()
        _give_back(self.lock)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, (deadline_ns - clock.monotonic_ns()) / 1e9))
        self._thread = None
        return self.drain(deadline_ns)

    def after_fork_in_child(self) -> None:
        """Start empty: the parent has, and delivers, what was waiting."""
        self.open_calls.forget()
        self.measurements.reset()
        self.events.reset()
        self.cpu_ns = 0
        self._reset()
        self.start()

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._loop()
            except BaseException as error:  # noqa: BLE001 - the supervisor: counted, told, and the loop goes on
                guard.report("worker", error)
                self.restarts += 1
                time.sleep(BUSY_WAIT_SECONDS)
        guard.call("worker", self.drain, self._stop_by_ns)

    def _loop(self) -> None:
        self.cpu_ns = clock.thread_cpu_ns()
        last_second_ns = clock.monotonic_ns()
        last_traffic_ns = last_second_ns - QUIET_AFTER_NS
        while not self._stopping:
            quiet = clock.monotonic_ns() - last_traffic_ns >= QUIET_AFTER_NS
            if not self._behind:
                self._sleep(quiet=quiet)
            with self.lock:  # one slice, one offset: all destinations tell the same times
                clock.system_clock.calibrate()
            if self._drain_all():
                last_traffic_ns = clock.monotonic_ns()
            self.after_drain()
            now = clock.monotonic_ns()
            if now - last_second_ns >= SECOND_NS:
                last_second_ns = now
                with self.lock:
                    self._tell_readers(self.open_calls.take(), (), ())
                    self.open_calls.refresh()
                    self.open_calls.warn(now)
            self.cpu_ns = clock.thread_cpu_ns()

    def _sleep(self, *, quiet: bool) -> None:
        """Wait for work. After long quiet the next call that ends wakes us: waking costs the caller some 19 us."""
        if not quiet:
            self._wake.wait(BUSY_WAIT_SECONDS)
        else:
            self._intake.high_water = 0
            if not self._intake.finished:
                self._wake.wait(QUIET_WAIT_SECONDS)
            self._intake.high_water = self._max_calls
        self._wake.clear()

    # -- draining ------------------------------------------------------------------------------------------------

    def drain(self, deadline_ns: int) -> bool:
        """Handle what is waiting now, on the calling thread too; True when that was done in time.

        What is appended meanwhile may go on waiting: a busy application would never let the queues be empty.
        """
        self.measurements.gather()
        waiting = self._waiting()
        while clock.monotonic_ns() < deadline_ns:
            wait_seconds = (deadline_ns - clock.monotonic_ns()) / 1e9
            if not self.lock.acquire(timeout=max(0.0, min(wait_seconds, STUCK_SECONDS))):
                return False
            try:
                handled = self._handle(BIG_SLICE)
            finally:
                self.lock.release()
            waiting -= handled
            if not handled or waiting <= 0:
                return True
        return not self._waiting()

    def _waiting(self) -> int:
        queues = self._intake
        return len(queues.finished) + len(queues.foreign) + len(queues.measurements) + len(queues.events)

    def _drain_all(self) -> bool:
        """Handle what is waiting, for a while: under constant traffic there is always more. True if there was any."""
        until_ns = clock.monotonic_ns() + TURN_NS
        any_traffic = False
        while True:
            size = BIG_SLICE if len(self._intake.finished) > BACKLOG else SLICE
            with self.lock:
                handled = self._handle(size)
            self._behind = bool(handled) and clock.monotonic_ns() > until_ns
            if not handled or self._behind or self._stopping:  # whoever stops us drains the rest
                return any_traffic or bool(handled)
            any_traffic = True
            time.sleep(PAUSE_SECONDS)

    def _handle(self, size: int) -> int:
        """Take up to ``size`` records of each kind and hand them on; how many. Runs under the lock."""
        calls, foreign = take_in_order(self._intake, size)
        spans = [span for span, _, _ in foreign]
        if calls:
            self._count(calls)
        try:
            # Taken after the ends, so that each of those has its start here or before.
            starts = guard.call("open calls", self.open_calls.take) or []
            self._tell_readers(starts, calls, foreign)
        finally:  # a SystemExit in a reader passes every guard, and must not cost spans
            for carrier in self._carriers:
                if calls:
                    guard.call(_stage(carrier), carrier.on_calls, calls)
                if foreign:
                    guard.call(_stage(carrier), carrier.on_foreign, spans)
        return len(calls) + len(foreign) + self.measurements.handle() + self.events.handle()

    def _count(self, calls: Sequence[ToolCall]) -> None:
        recorded = weight = 0
        for call in calls:
            if call.scope.sampled:
                recorded += 1
            if call.details is not None:
                weight += call.details.heavy_bytes
        if weight:
            self._intake.remove_weight(weight)
        with self._count_lock:
            self._taken += len(calls)
            self._recorded += recorded
            self._sampled_out += len(calls) - recorded

    def _tell_readers(
        self, starts: Sequence[ToolCall], calls: Sequence[ToolCall], foreign: Sequence[ForeignEnd]
    ) -> None:
        self._foreign += len(foreign)
        digested = []
        for span, begun, end_ns in foreign:
            call = guard.call("digest", digest, span, begun)
            if call is not None:
                digested.append((end_ns, call))
        for reader in self._readers:
            stage = _stage(reader)
            if starts:
                guard.call(stage, reader.on_starts, starts)
            for is_foreign, run in by_end(calls, digested):
                guard.call(stage, reader.on_foreign_calls if is_foreign else reader.on_calls, run)

    # -- when the queue is full ------------------------------------------------------------------------------------

    def ask_at_end_of_call(self) -> None:
        """Have ``end_of_call`` called on the application thread that ends a call next, or soon. Takes no lock."""
        self._intake.high_water = -1

    def _rouse(self) -> None:
        if not self._wake.is_set():
            self._wake.set()

    def relieve(self) -> None:
        """Called on an application thread that found the queue above its mark."""
        self.end_of_call()
        if not self._wake.is_set():
            self._intake.high_water = self._max_calls
            self._wake.set()
        if len(self._intake.finished) <= self._max_calls and not self._intake.too_heavy:
            return
        if self._overflow == "drop":
            guard.call("worker.overflow", self._drop_newest)
        else:
            self._assist()

    def _assist(self) -> None:
        """Handle a few records. A signal may interrupt this anywhere, so that the lock is given back all the same."""
        try:
            if self.lock.acquire(timeout=ASSIST_WAIT_SECONDS):
                guard.call("worker.assist", self._handle, ASSIST)
        finally:
            _give_back(self.lock)

    def _drop_newest(self) -> None:
        with self._count_lock:
            try:
                call = self._intake.finished.pop()
            except IndexError:
                return
            self._overflowed += 1
            for reader in self._readers:
                reader.on_overflow(call)
            if call.scope.sampled:
                self._overflowed_recorded += 1
                for carrier in self._carriers:
                    carrier.on_overflow(call)

    # -- account -------------------------------------------------------------------------------------------------

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """While inside nothing is drained and nothing dropped; calls go on being appended."""
        with self.lock, self._count_lock:
            yield

    def balance(self, waiting: Sequence[ToolCall], foreign_waiting: int) -> CallBalance:
        """The calls so far, those in ``waiting`` (a copy of the queue) included. Call it inside ``frozen``."""
        disabled = self._intake.disabled
        recorded_waiting = sum(call.scope.sampled for call in waiting)
        overflowed_sampled_out = self._overflowed - self._overflowed_recorded
        return CallBalance(
            calls=self._taken + self._overflowed + len(waiting) + disabled,
            span_recorded=self._recorded + self._overflowed_recorded + recorded_waiting,
            sampled_out=self._sampled_out + overflowed_sampled_out + len(waiting) - recorded_waiting,
            disabled=disabled,
            foreign_spans=self._foreign + foreign_waiting,
        )


def _nothing() -> None:
    return None


def _give_back(lock: "threading.RLock") -> None:
    """Release what the calling thread holds, if anything.

    An exception from a signal handler between taking a lock and the ``try`` after it leaves the lock taken.
    """
    with suppress(RuntimeError):
        while True:
            lock.release()


def _stage(part: Reader | Carrier) -> str:
    return type(part).__name__
