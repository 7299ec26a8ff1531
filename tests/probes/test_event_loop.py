"""The lag of event loops."""

import asyncio
import gc
import time
import weakref
from contextvars import ContextVar

import pytest

from otel_perf.probes.event_loop import watch_event_loop
from otel_perf.testing.recording import recording


def test_a_blocked_loop_shows_its_lag() -> None:
    """What blocks the loop for 0.2 s is a lag of nearly that; an idle loop has next to none."""

    async def main() -> None:
        watch = watch_event_loop(0.01)
        assert watch is watch_event_loop(5)
        await asyncio.sleep(0.05)
        time.sleep(0.2)
        await asyncio.sleep(0.05)
        assert watch.running
        assert repr(watch) == "<EventLoopWatch running, every 0.01 s>"
        watch.stop()
        watch.stop()
        assert not watch.running

    with recording(deterministic=False) as capture:
        asyncio.run(main())
        (point,) = capture.metrics()["otel_perf.event_loop.lag"]
    assert point.count >= 3
    assert 0.15 <= point.max < 5
    assert 0 <= point.min <= 0.1


def test_a_watch_ends_with_its_loop_and_holds_nobody() -> None:
    """It keeps neither a loop running, nor a closed one alive, nor what the caller's context holds."""
    held: ContextVar[object] = ContextVar("held")

    class Heavy:
        pass

    async def main() -> tuple[weakref.ref[object], weakref.ref[object]]:
        heavy = Heavy()
        held.set(heavy)
        watch_event_loop(3600)
        return weakref.ref(heavy), weakref.ref(asyncio.get_running_loop())

    started = time.monotonic()
    heavy, loop = asyncio.run(main())
    assert time.monotonic() - started < 60
    gc.collect()
    assert heavy() is None
    assert loop() is None


def test_without_recording_a_watch_is_silent() -> None:
    """Before ``instrument()`` and after the end nothing is handed in, so nothing is counted as lost either."""
    from otel_perf.core.intake import intake

    async def main() -> None:
        watch_event_loop(0.01)
        await asyncio.sleep(0.05)

    before = intake.disabled_measurements
    asyncio.run(main())
    assert intake.disabled_measurements == before


def test_a_watch_needs_a_loop_and_a_sensible_interval() -> None:
    """Both mistakes are told where they are made."""
    with pytest.raises(RuntimeError):
        watch_event_loop()

    async def main(seconds: float) -> None:
        watch_event_loop(seconds)

    for seconds in (0.001, -1, float("nan")):
        with pytest.raises(ValueError, match="interval_seconds must be"):
            asyncio.run(main(seconds))
