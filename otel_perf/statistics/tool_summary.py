"""The numbers of one tool at one moment, as every view shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def seconds(nanoseconds: float | None) -> float | None:
    """Convert nanoseconds to seconds; None stays None."""
    return None if nanoseconds is None else nanoseconds / 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSummary:
    """One tool's numbers. None means that there is no value (yet), never zero.

    Attributes:
        name: The tool's name; ``_OTHER`` for the tools beyond the table's bound.
        kind: ``tool``, ``agent``, ``model`` or ``operation``; ``other`` for those beyond the bound.
        count: Ended calls, all outcomes together.
        ok: Calls that ended well.
        errors: Calls that raised; timeouts are not among them.
        timeouts: Calls that ran into a time limit.
        cancelled: Calls that were called off.
        errors_by_type: Errors and timeouts by ``error.type``.
        success_ratio: ok / (ok + errors + timeouts), 0..1.
        total_seconds: Sum of the durations.
        min_seconds: Shortest duration.
        mean_seconds: Mean duration.
        max_seconds: Longest duration.
        p50_seconds: Median duration.
        p90_seconds: Duration that 90 % of the calls do not exceed.
        p95_seconds: The same for 95 %.
        p99_seconds: The same for 99 %.
        quantiles_exact: Whether the four quantiles are exact (up to 512 calls).
        quantiles_relative_error: Bound of their error as a fraction of the true value; 0 when exact.
        self_seconds: Sum of the time in which no child ran.
        child_seconds: Sum of the time covered by children.
        self_mean_seconds: Self time per call.
        rate_per_second: Ended calls per second over the last minute, or what was observed of it.
        error_rate_per_second: Errors and timeouts per second over the same time.
        in_flight: Calls running now.
        in_flight_peak: Most calls that ever ran at once.
        last_start_ns: Start of the latest call, nanoseconds of the clock that fed the statistics.
        last_end_ns: End of the latest call, on the same clock.
    """

    name: str
    kind: str
    count: int
    ok: int
    errors: int
    timeouts: int
    cancelled: int
    errors_by_type: Mapping[str, int]
    success_ratio: float | None
    total_seconds: float
    min_seconds: float | None
    mean_seconds: float | None
    max_seconds: float | None
    p50_seconds: float | None
    p90_seconds: float | None
    p95_seconds: float | None
    p99_seconds: float | None
    quantiles_exact: bool
    quantiles_relative_error: float
    self_seconds: float
    child_seconds: float
    self_mean_seconds: float | None
    rate_per_second: float | None
    error_rate_per_second: float | None
    in_flight: int
    in_flight_peak: int
    last_start_ns: int | None
    last_end_ns: int | None
