"""``detect_memory_leak``: what leaks is found, what does not is left alone."""

import asyncio
import json
import logging

import pytest

from otel_perf.probes import leak
from otel_perf.probes.leak import LeakReport, detect_memory_leak, detect_memory_leak_async

MEBIBYTE = 1024 * 1024


def page_filled(size: int) -> bytearray:
    """Memory that is really used: every page is written to."""
    return bytearray(b"x" * 4096) * (size // 4096)


@pytest.mark.feature("S4-45")
def test_a_leak_of_20_megabytes_is_found_and_told(caplog: pytest.LogCaptureFixture) -> None:
    """200 kB per call over 100 calls: growth, slope and a warning."""
    kept: list[bytearray] = []

    def leaky() -> None:
        kept.append(page_filled(204_800))

    with caplog.at_level(logging.WARNING, "otel_perf"):
        report = detect_memory_leak(leaky, iterations=100, threshold_mb=10)

    assert report.leaking
    assert report.growth_mb == pytest.approx(19.5, abs=3)
    assert report.slope_bytes == pytest.approx(204_800, rel=0.15)
    assert len(report.readings_bytes) == 21
    (line,) = [record.getMessage() for record in caplog.records]
    assert "leaky leaks" in line


@pytest.mark.feature("S4-45")
def test_a_clean_function_is_not_flagged(caplog: pytest.LogCaptureFixture) -> None:
    """It allocates as much, and gives it back; also through cycles that only the collector finds."""

    def clean() -> int:
        held: list[object] = [page_filled(204_800)]
        held.append(held)
        return len(held)

    with caplog.at_level(logging.WARNING, "otel_perf"):
        report = detect_memory_leak(clean, iterations=100, threshold_mb=10)

    assert report.leaking is False
    assert report.growth_bytes is not None
    assert not caplog.records
    assert "does not leak" in str(report)


@pytest.mark.feature("S4-45")
def test_a_coroutine_function_is_watched_too() -> None:
    """The same for what is awaited."""
    kept: list[bytearray] = []

    async def leaky() -> None:
        await asyncio.sleep(0)
        kept.append(page_filled(204_800))

    report = asyncio.run(detect_memory_leak_async(leaky))
    assert report.leaking
    assert json.loads(json.dumps(report.to_dict()))["iterations"] == 100


@pytest.mark.parametrize(
    ("readings", "leaking"),
    [
        ([0, 10, 20, 30, 40], True),
        ([40, 40, 40, 40, 40], False),
        ([0, 0, 40, 40, 40], False),  # a cache that filled once
        ([0, 40, 40, 40, 40], False),
        ([0, 0, 0, 40, 40], False),
        ([0, 20, 20, 40, 40], True),  # every now and then
        ([40, 30, 20, 10, 0], False),
        ([0, 1, 2, 3, 4], False),  # less than allowed
    ],
)
def test_only_growth_that_goes_on_is_a_leak(
    monkeypatch: pytest.MonkeyPatch, readings: list[int], leaking: bool
) -> None:
    """A single step is no leak; steady growth is."""
    given = iter([reading * MEBIBYTE for reading in readings])
    monkeypatch.setattr(leak, "read_rss", lambda: next(given))
    report = detect_memory_leak(lambda: None, iterations=4, warmup=0)
    assert report.leaking is leaking
    assert report.growth_mb == readings[-1] - readings[0]


def test_without_readings_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither leak nor clean."""
    monkeypatch.setattr(leak, "read_rss", lambda: None)
    report = detect_memory_leak(lambda: None, iterations=4)
    assert (report.leaking, report.growth_bytes, report.growth_mb, report.slope_bytes) == (None, None, None, None)
    assert "cannot be read" in str(report)


def test_the_number_of_calls_is_what_was_asked_for() -> None:
    """The warm-up comes on top."""
    calls: list[None] = []
    report = detect_memory_leak(lambda: calls.append(None), iterations=30, warmup=7)
    assert isinstance(report, LeakReport)
    assert (len(calls), report.iterations, report.warmup) == (37, 30, 7)


def test_mistakes_are_said_at_once() -> None:
    """Too few iterations, no threshold, a coroutine function; what the function raises passes."""

    async def later() -> None: ...

    with pytest.raises(ValueError, match="iterations"):
        detect_memory_leak(lambda: None, iterations=1)
    with pytest.raises(ValueError, match="threshold_mb"):
        detect_memory_leak(lambda: None, threshold_mb=-1)
    with pytest.raises(TypeError, match="detect_memory_leak_async"):
        detect_memory_leak(later)
    with pytest.raises(ZeroDivisionError):
        detect_memory_leak(lambda: 1 / 0)
