"""The pytest plugin (entry point ``pytest11``): the fixture ``otel_perf_capture``.

Loading it imports nothing of OpenTelemetry; the fixture does, when a test asks for it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from otel_perf.testing.capture import Capture

__all__ = ["otel_perf_capture"]


@pytest.fixture
def otel_perf_capture() -> "Iterator[Capture]":
    """Record every tool call of one test in memory: nothing is sent, no thread and no file is made.

    Trace and span ids of tool calls count up from 1, and each reading of the clock is one millisecond after the one
    before, from 2026-01-01T00:00:00Z, so that a whole trace can be compared literally.
    """
    from otel_perf.testing.recording import recording  # noqa: PLC0415 - pytest loads this file in every run

    with recording() as capture:
        yield capture
