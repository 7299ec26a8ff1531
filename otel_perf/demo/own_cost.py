"""What one traced call costs the thread that makes it, measured here and now."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

import otel_perf
from otel_perf.core.clock import monotonic_ns

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PAIRS", "cost_per_call_ns"]

PAIRS: Final = 40
CALLS: Final = 250
"""Calls in one half of a pair, about a third of a millisecond: shorter than a turn of the scheduler."""


def cost_per_call_ns() -> float:
    """Measure a bare and a traced function in turns.

    Returns:
        Nanoseconds that tracing adds to one call on the calling thread: the median over ``PAIRS`` pairs, so that
        a pair in which another thread or process had the processor does not count.
    """

    def bare() -> None:
        return None

    traced = otel_perf.tool("own_cost")(bare)

    def nanoseconds(function: Callable[[], None]) -> int:
        numbers = range(CALLS)
        start = monotonic_ns()
        for _ in numbers:
            function()
        return monotonic_ns() - start

    nanoseconds(traced)
    differences = [(nanoseconds(traced) - nanoseconds(bare)) / CALLS for _ in range(PAIRS)]
    return median(differences)
