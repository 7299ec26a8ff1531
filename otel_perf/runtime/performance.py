"""How the application does, in a few numbers: response times, the last operation, memory against its limit."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from otel_perf.core import clock
from otel_perf.core.guard import guard
from otel_perf.statistics.quantiles import DurationSketch
from otel_perf.statistics.tool_stats import ToolStatistics

if TYPE_CHECKING:
    from otel_perf.runtime.engine import Engine

__all__ = ["Performance", "measure_performance"]

NANOSECONDS: Final = 1_000_000_000
Kind = Literal["agent", "operation", "tool"]
BY_IMPORTANCE: Final[tuple[Kind, ...]] = ("agent", "operation", "tool")
"""Whose calls are the application's responses: turns of agents, else measured operations, else tool calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """The numbers at one moment; ``None`` where nothing was measured.

    Attributes:
        memory_bytes: Resident memory of the process.
        memory_limit_bytes: What it may use: the limit of its container, else the memory of the machine.
        memory_limit_source: ``cgroup`` or ``host``.
        memory_utilization: The first by the second, 0 to 1.
        last_operation: Name of the operation that ended last (of any call, where no operation was measured).
        last_operation_time: How long it took, in seconds.
        responses: What counts as a response: ``agent`` (turns), ``operation``, or ``tool`` calls.
        response_count: How many have ended.
        response_time_average: Their mean duration in seconds.
        response_time_p95: The duration in seconds that 95 % of them do not exceed.
        response_time_p99: The same for 99 %.
        response_time_exact: Whether the two are exact (up to 512 responses); within 1 % of the true value otherwise.
        error_ratio: Errors and timeouts among the responses that were not cancelled, 0 to 1.
    """

    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    memory_limit_source: str | None = None
    memory_utilization: float | None = None
    last_operation: str | None = None
    last_operation_time: float | None = None
    responses: Kind | None = None
    response_count: int = 0
    response_time_average: float | None = None
    response_time_p95: float | None = None
    response_time_p99: float | None = None
    response_time_exact: bool | None = None
    error_ratio: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def measure_performance(engine: "Engine | None") -> Performance:
    """Read everything; without an engine, memory only."""
    found: dict[str, Any] = {**(guard.call("performance.memory", _memory) or {})}
    if engine is not None:
        with engine.worker.lock:
            engine.worker.drain(clock.monotonic_ns() + 2 * NANOSECONDS)
            tools = engine.statistics.tools.copy()
        found |= _last(tools) | _responses(tools)
    return Performance(**found)


def _memory() -> dict[str, Any]:
    from otel_perf.probes.attempts import Attempts
    from otel_perf.probes.control_group import ControlGroup
    from otel_perf.probes.resident_memory import read_rss
    from otel_perf.probes.system_memory import memory_limit

    rss_bytes, limit = read_rss(), memory_limit(Attempts(), ControlGroup())
    limit_bytes, source = limit or (None, None)
    return {
        "memory_bytes": rss_bytes,
        "memory_limit_bytes": limit_bytes,
        "memory_limit_source": source,
        "memory_utilization": rss_bytes / limit_bytes if rss_bytes is not None and limit_bytes else None,
    }


def _last(tools: Iterable[ToolStatistics]) -> dict[str, Any]:
    ended = [entry for entry in tools if entry.last_end_ns is not None]
    chosen = [entry for entry in ended if entry.kind == "operation"] or ended
    if not chosen:
        return {}
    last = max(chosen, key=lambda entry: entry.last_end_ns or 0)
    duration_ns = last.last_duration_ns
    return {
        "last_operation": last.name,
        "last_operation_time": None if duration_ns is None else duration_ns / NANOSECONDS,
    }


def _responses(tools: Iterable[ToolStatistics]) -> dict[str, Any]:
    entries = list(tools)
    for kind in BY_IMPORTANCE:
        of_kind = [entry for entry in entries if entry.kind == kind and entry.count]
        if of_kind:
            return {"responses": kind, **_times(of_kind)}
    return {}


def _times(entries: list[ToolStatistics]) -> dict[str, Any]:
    durations = DurationSketch()
    judged = failed = 0
    for entry in entries:
        durations.merge(entry.durations)
        failures = entry.outcomes["error"] + entry.outcomes["timeout"]
        judged += entry.outcomes["ok"] + failures
        failed += failures
    mean_ns = durations.mean_ns
    p95_ns, p99_ns = durations.quantiles((0.95, 0.99))
    return {
        "response_count": sum(entry.count for entry in entries),
        "response_time_average": None if mean_ns is None else mean_ns / NANOSECONDS,
        "response_time_p95": None if p95_ns is None else p95_ns / NANOSECONDS,
        "response_time_p99": None if p99_ns is None else p99_ns / NANOSECONDS,
        "response_time_exact": durations.exact,
        "error_ratio": failed / judged if judged else None,
    }
