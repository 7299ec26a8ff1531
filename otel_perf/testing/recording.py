"""A pipeline in memory, with counted identifiers and a clock that ticks once per reading."""

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from otel_perf.config.load import load
from otel_perf.core.clock import monotonic_ns, system_clock
from otel_perf.core.intake import intake
from otel_perf.runtime import active
from otel_perf.runtime.engine import Engine
from otel_perf.runtime.handle import Handle
from otel_perf.testing.capture import CallCollector, Capture, EventCollector, SpanCollector
from otel_perf.tracing.span import origin

__all__ = ["EPOCH_UNIX_NS", "TICK_NS", "recording"]

EPOCH_UNIX_NS: Final = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z."""
TICK_NS: Final = 1_000_000


class TickingClock:
    """Nanoseconds that grow by one tick with each reading, from any thread."""

    def __init__(self, tick_ns: int) -> None:
        """Start at zero."""
        self._tick_ns = tick_ns
        self._readings = itertools.count(1)
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """The next reading."""
        with self._lock:
            return next(self._readings) * self._tick_ns


def counted_bits() -> Callable[[int], int]:
    """Identifiers that count up from 1, trace ids and span ids apart."""
    sequences = {128: itertools.count(1), 64: itertools.count(1)}

    def next_of(bits: int) -> int:
        return next(sequences[bits])

    return next_of


@contextmanager
def recording(*, deterministic: bool = True, **settings: Any) -> Iterator[Capture]:
    """Record in memory for the length of the block.

    Args:
        deterministic: Count identifiers and tick the clock; real ones otherwise.
        **settings: Settings as of ``instrument()``.

    Raises:
        RuntimeError: ``instrument()`` is in force in this process.
    """
    with active.lock():
        if active.current() is not None:
            raise RuntimeError("otel_perf is already instrumented; shut that handle down before capturing")
        spans, calls, events = SpanCollector(), CallCollector(), EventCollector()
        loaded = load(settings, environ={}, strict=True)
        intake.forget()
        engine = Engine(loaded, carriers=[spans], readers=[calls])
        engine.worker.events.readers = (*engine.worker.events.readers, events)
        active.take_over(Handle(loaded, engine))
    if deterministic:
        intake.now_ns = TickingClock(TICK_NS)
        origin.random_bits = counted_bits()
        system_clock.hold(EPOCH_UNIX_NS)
    engine.start(background=False)
    try:
        yield Capture(engine, spans, calls, events)
    finally:
        handle = active.current()
        if handle is not None:
            handle.shutdown(1.0)
        if deterministic:
            intake.now_ns = monotonic_ns
            origin.random_bits = origin.system_random_bits
            system_clock.release()
        intake.forget()
