"""What is known of each tool: counts, outcomes, durations, self time, rate, concurrency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_perf.statistics.bounds import MAX_ERROR_TYPES, MAX_TOOLS, OTHER
from otel_perf.statistics.quantiles import DurationSketch
from otel_perf.statistics.rates import ConcurrencyGauge, RateWindow
from otel_perf.statistics.tool_summary import ToolSummary, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SUMMARY_QUANTILES", "ToolStatistics", "ToolSummary", "ToolTable"]

SUMMARY_QUANTILES = (0.5, 0.9, 0.95, 0.99)


class ToolStatistics:
    """Everything about the calls of one tool, with all times in nanoseconds.

    Memory: 2 kB for a new tool, up to 4 kB more for its first 512 durations, then instead of those 0.25 kB
    per doubling between its shortest and longest call: 7.5 kB after 10**6 calls from a microsecond to a second. Error
    types come on top, 0.2 kB each.

    Not locked: one thread records; others read a ``summary()`` or ``copy()`` made under the owner's lock.

    Attributes:
        name: The tool's name.
        kind: ``tool``, ``agent``, ``model`` or ``operation``.
        outcomes: Number of ended calls by outcome: ok, error, timeout, cancelled.
        errors_by_type: Number of errors and timeouts by ``error.type``; at most 64, the rest under ``_OTHER``.
        durations: Distribution of all durations, whatever the outcome.
        self_total_ns: Sum of the self times (duration without the time covered by children).
        rate: Calls and errors of the last minute.
        concurrency: Calls in flight.
        last_start_ns: Start of the latest call seen starting; None before.
        last_end_ns: End of the latest call; None before.
        last_duration_ns: Its duration; None before.
    """

    __slots__ = (
        "concurrency",
        "durations",
        "errors_by_type",
        "kind",
        "last_duration_ns",
        "last_end_ns",
        "last_start_ns",
        "name",
        "outcomes",
        "rate",
        "self_total_ns",
    )

    def __init__(self, name: str, kind: str = "tool") -> None:
        """Start without calls."""
        self.name = name
        self.kind = kind
        self.outcomes = {"ok": 0, "error": 0, "timeout": 0, "cancelled": 0}
        self.errors_by_type: dict[str, int] = {}
        self.durations = DurationSketch()
        self.self_total_ns = 0
        self.rate = RateWindow()
        self.concurrency = ConcurrencyGauge()
        self.last_start_ns: int | None = None
        self.last_end_ns: int | None = None
        self.last_duration_ns: int | None = None

    def started(self, start_ns: int) -> None:
        """A call started: it is in flight until ``ended``."""
        self.concurrency.enter()
        self.last_start_ns = start_ns

    def ended(self) -> None:
        """A call that was reported to ``started`` is no longer in flight.

        Apart from ``record``, because a call whose start was dropped was never counted as in flight.
        """
        self.concurrency.leave()

    def record(self, duration_ns: int, self_ns: int, outcome: str, error_type: str | None, now_ns: int) -> None:
        """Take in one ended call.

        Args:
            duration_ns: From start to end.
            self_ns: Part of the duration in which no child ran.
            outcome: ok, error, timeout or cancelled.
            error_type: ``error.type`` of an error or timeout; None stands for not known.
            now_ns: When the call ended, on the clock of the rate window.

        Raises:
            KeyError: The outcome is none of the four; nothing has been recorded.
        """
        self.outcomes[outcome] += 1
        self.durations.add(duration_ns)
        self.self_total_ns += self_ns
        self.last_end_ns = now_ns
        self.last_duration_ns = duration_ns
        if outcome == "ok" or outcome == "cancelled":  # noqa: PLR1714 - a set or tuple is slower here
            self.rate.add(now_ns)
            return
        self.rate.add(now_ns, 1)
        self._add_errors(error_type or (outcome if outcome == "timeout" else OTHER), 1)

    @property
    def count(self) -> int:
        """Number of ended calls."""
        return sum(self.outcomes.values())

    @property
    def child_total_ns(self) -> int:
        """Sum of the time covered by children."""
        return self.durations.total_ns - self.self_total_ns

    def success_ratio(self) -> float | None:
        """Return ok / (ok + error + timeout), None before there is any; a cancelled call is neither."""
        outcomes = self.outcomes
        judged = outcomes["ok"] + outcomes["error"] + outcomes["timeout"]
        return outcomes["ok"] / judged if judged else None

    def summary(self, now_ns: int | None = None) -> ToolSummary:
        """Return the present numbers, which later calls do not change.

        Args:
            now_ns: The present on the clock of the rate window; without it the rates are None.
        """
        count = self.count
        p50, p90, p95, p99 = map(seconds, self.durations.quantiles(SUMMARY_QUANTILES))
        return ToolSummary(
            name=self.name,
            kind=self.kind,
            count=count,
            ok=self.outcomes["ok"],
            errors=self.outcomes["error"],
            timeouts=self.outcomes["timeout"],
            cancelled=self.outcomes["cancelled"],
            errors_by_type=dict(self.errors_by_type),
            success_ratio=self.success_ratio(),
            total_seconds=self.durations.total_ns / 1e9,
            min_seconds=seconds(self.durations.min_ns),
            mean_seconds=seconds(self.durations.mean_ns),
            max_seconds=seconds(self.durations.max_ns),
            p50_seconds=p50,
            p90_seconds=p90,
            p95_seconds=p95,
            p99_seconds=p99,
            quantiles_exact=self.durations.exact,
            quantiles_relative_error=self.durations.relative_error,
            self_seconds=self.self_total_ns / 1e9,
            child_seconds=self.child_total_ns / 1e9,
            self_mean_seconds=self.self_total_ns / 1e9 / count if count else None,
            rate_per_second=None if now_ns is None else self.rate.rate_per_second(now_ns),
            error_rate_per_second=None if now_ns is None else self.rate.error_rate_per_second(now_ns),
            in_flight=self.concurrency.current,
            in_flight_peak=self.concurrency.peak,
            last_start_ns=self.last_start_ns,
            last_end_ns=self.last_end_ns,
        )

    def merge(self, other: ToolStatistics) -> None:
        """Take in everything about the calls of ``other``; ``other`` stays as it is.

        Both must have been fed from the same clock, else rates and last times mean nothing.
        """
        for outcome, count in other.outcomes.items():
            self.outcomes[outcome] += count
        for error_type, count in list(other.errors_by_type.items()):
            self._add_errors(error_type, count)
        self.durations.merge(other.durations)
        self.self_total_ns += other.self_total_ns
        self.rate.merge(other.rate)
        self.concurrency.merge(other.concurrency)
        self.last_start_ns = _latest(self.last_start_ns, other.last_start_ns)
        if other.last_end_ns is not None and (self.last_end_ns is None or other.last_end_ns > self.last_end_ns):
            self.last_duration_ns = other.last_duration_ns
        self.last_end_ns = _latest(self.last_end_ns, other.last_end_ns)

    def copy(self) -> ToolStatistics:
        """Return an independent copy: a few microseconds, ten times less than a ``summary``."""
        twin = ToolStatistics(self.name, self.kind)
        twin.outcomes = dict(self.outcomes)
        twin.errors_by_type = dict(self.errors_by_type)
        twin.durations = self.durations.copy()
        twin.self_total_ns = self.self_total_ns
        twin.rate = self.rate.copy()
        twin.concurrency = self.concurrency.copy()
        twin.last_start_ns = self.last_start_ns
        twin.last_end_ns = self.last_end_ns
        twin.last_duration_ns = self.last_duration_ns
        return twin

    def _add_errors(self, error_type: str, count: int) -> None:
        known = self.errors_by_type
        if error_type not in known and len(known) - (OTHER in known) >= MAX_ERROR_TYPES:
            error_type = OTHER
        known[error_type] = known.get(error_type, 0) + count


class ToolTable:
    """The statistics of every tool, by name, in bounded memory.

    A name that occurs with several kinds (an agent and a tool of the same name) has one entry for each.
    Beyond ``max_tools`` entries, calls of new names go to one entry ``_OTHER`` of kind ``other``.

    Not locked: one thread records; others read a ``copy()`` made under the owner's lock.
    """

    __slots__ = ("_by_name", "_max_tools", "_namesakes", "_overflow")

    def __init__(self, max_tools: int = MAX_TOOLS) -> None:
        """Start without tools.

        Args:
            max_tools: Number of entries, ``_OTHER`` not counted.
        """
        self._by_name: dict[str, ToolStatistics] = {}
        self._namesakes: dict[tuple[str, str], ToolStatistics] = {}
        self._max_tools = max_tools
        self._overflow = ToolStatistics(OTHER, "other")

    def get(self, name: str, kind: str = "tool") -> ToolStatistics:
        """Return the entry of a tool, made on first use; the entry ``_OTHER`` when the table is full."""
        entry = self._by_name.get(name)
        if entry is not None and entry.kind == kind:
            return entry
        return self._namesakes.get((name, kind)) or self._enter(name, kind)

    def find(self, name: str, kind: str = "tool") -> ToolStatistics | None:
        """Return the entry of a tool, None when it has none of its own."""
        entry = self._by_name.get(name)
        if entry is not None and entry.kind == kind:
            return entry
        return self._namesakes.get((name, kind))

    @property
    def overflowed(self) -> int:
        """Number of ended calls in ``_OTHER``, whose tools the table does not tell apart."""
        return self._overflow.count

    def summaries(self, now_ns: int | None = None) -> list[ToolSummary]:
        """Return the summary of every entry, most total time first; see ``ToolStatistics.summary``."""
        return sorted((entry.summary(now_ns) for entry in self), key=lambda summary: -summary.total_seconds)

    def merge(self, other: ToolTable) -> None:
        """Take in all entries of ``other``; ``other`` stays as it is."""
        for entry in list(other):
            self.get(entry.name, entry.kind).merge(entry)

    def copy(self) -> ToolTable:
        """Return an independent copy, to make the summaries of it outside of the owner's lock."""
        twin = ToolTable(self._max_tools)
        twin._by_name = {name: entry.copy() for name, entry in self._by_name.items()}
        twin._namesakes = {key: entry.copy() for key, entry in self._namesakes.items()}
        twin._overflow = self._overflow.copy()
        return twin

    def __len__(self) -> int:
        """Return the number of entries, ``_OTHER`` included once it is used."""
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[ToolStatistics]:
        """Iterate over all entries, ``_OTHER`` last and only when it is used."""
        yield from self._by_name.values()
        yield from self._namesakes.values()
        if self._overflow.count or self._overflow.concurrency.peak:
            yield self._overflow

    def _enter(self, name: str, kind: str) -> ToolStatistics:
        # The name is reserved: two entries of one name could not be told apart in a label.
        if name == OTHER or len(self._by_name) + len(self._namesakes) >= self._max_tools:
            return self._overflow
        entry = ToolStatistics(name, kind)
        if name in self._by_name:
            self._namesakes[name, kind] = entry
        else:
            self._by_name[name] = entry
        return entry


def _latest(one: int | None, other: int | None) -> int | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)
