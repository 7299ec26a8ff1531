"""Tests of the statistics per tool and of their table."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_perf.statistics.bounds import MAX_ERROR_TYPES, OTHER
from otel_perf.statistics.tool_stats import ToolStatistics, ToolTable

SECOND = 1_000_000_000
CALLS = st.lists(
    st.tuples(
        st.integers(0, 10 * SECOND),
        st.sampled_from(["ok", "error", "timeout", "cancelled"]),
        st.sampled_from([None, "ValueError", "KeyError"]),
    ),
    max_size=30,
)


def statistics_of(calls: list[tuple[int, str, str | None]]) -> ToolStatistics:
    """Statistics of calls one second apart, half of each duration spent in children."""
    stats = ToolStatistics("search")
    for i, (duration, outcome, error_type) in enumerate(calls):
        stats.record(duration, duration // 2, outcome, error_type, i * SECOND)
    return stats


def test_summary_of_a_few_calls() -> None:
    """A summary shows counts, seconds and ratios of what was recorded."""
    stats = ToolStatistics("search", "tool")
    stats.started(5)
    stats.started(8)
    stats.ended()
    stats.record(1 * SECOND, SECOND // 4, "ok", None, 10 * SECOND)
    stats.record(3 * SECOND, 3 * SECOND, "error", "ValueError", 11 * SECOND)
    stats.record(2 * SECOND, 2 * SECOND, "timeout", None, 12 * SECOND)
    stats.record(9 * SECOND, 9 * SECOND, "cancelled", None, 13 * SECOND)
    summary = stats.summary(now_ns=14 * SECOND)
    assert (summary.name, summary.kind, summary.count) == ("search", "tool", 4)
    assert (summary.ok, summary.errors, summary.timeouts, summary.cancelled) == (1, 1, 1, 1)
    assert summary.errors_by_type == {"ValueError": 1, "timeout": 1}
    assert summary.success_ratio == pytest.approx(1 / 3)
    assert (summary.min_seconds, summary.mean_seconds, summary.max_seconds) == (1.0, 3.75, 9.0)
    assert (summary.p50_seconds, summary.p90_seconds, summary.p99_seconds) == (2.0, 9.0, 9.0)
    assert (summary.quantiles_exact, summary.quantiles_relative_error) == (True, 0.0)
    assert (summary.total_seconds, summary.self_seconds, summary.child_seconds) == (15.0, 14.25, 0.75)
    assert summary.self_mean_seconds == 14.25 / 4
    assert (summary.rate_per_second, summary.error_rate_per_second) == (1.0, 0.5)
    assert (summary.in_flight, summary.in_flight_peak) == (1, 2)
    assert (summary.last_start_ns, summary.last_end_ns) == (8, 13 * SECOND)


def test_summary_without_calls_invents_nothing() -> None:
    """Before the first call everything that cannot be known is None."""
    summary = ToolStatistics("search").summary(now_ns=SECOND)
    assert (summary.count, summary.total_seconds, summary.in_flight) == (0, 0.0, 0)
    unknown = {field.name for field in dataclasses.fields(summary) if getattr(summary, field.name) is None}
    assert unknown == {
        "success_ratio", "min_seconds", "mean_seconds", "max_seconds", "p50_seconds", "p90_seconds", "p95_seconds",
        "p99_seconds", "self_mean_seconds", "rate_per_second", "error_rate_per_second", "last_start_ns", "last_end_ns",
    }  # fmt: skip


def test_rates_need_the_present() -> None:
    """A summary without a moment has no rate."""
    assert statistics_of([(1, "ok", None)] * 5).summary().rate_per_second is None


def test_cancelled_calls_are_not_judged() -> None:
    """Only ok, error and timeout enter the success ratio."""
    assert statistics_of([(1, "cancelled", None)]).success_ratio() is None
    assert statistics_of([(1, "cancelled", None), (1, "ok", None)]).success_ratio() == 1.0


def test_error_types_are_bounded() -> None:
    """Error types beyond the bound are counted together, exactly; known ones go on counting."""
    stats = ToolStatistics("search")
    for i in range(MAX_ERROR_TYPES + 36):
        stats.record(1, 1, "error", f"Error{i}", 0)
    stats.record(1, 1, "error", "Error3", 0)
    stats.record(1, 1, "error", None, 0)
    assert len(stats.errors_by_type) == MAX_ERROR_TYPES + 1
    assert stats.errors_by_type[OTHER] == 37
    assert stats.errors_by_type["Error3"] == 2


def test_unknown_outcome_changes_nothing() -> None:
    """An outcome outside the four is an error of the caller and leaves no trace."""
    stats = ToolStatistics("search")
    with pytest.raises(KeyError):
        stats.record(1, 1, "maybe", None, 0)
    assert stats.count == stats.durations.count == stats.rate.calls_total == 0


@settings(max_examples=50)
@given(CALLS, CALLS)
def test_merging_equals_the_whole(
    one: list[tuple[int, str, str | None]], other: list[tuple[int, str, str | None]]
) -> None:
    """Merged statistics are those of all calls."""
    merged, whole = statistics_of(one), statistics_of(one)
    merged.merge(statistics_of(other))
    for i, (duration, outcome, error_type) in enumerate(other):
        whole.record(duration, duration // 2, outcome, error_type, i * SECOND)
    now = 40 * SECOND
    latest = max(len(one), len(other)) - 1
    expected = dataclasses.replace(whole.summary(now), last_end_ns=latest * SECOND if latest >= 0 else None)
    assert merged.summary(now) == expected


def test_table_keeps_kinds_apart() -> None:
    """An agent and a tool of one name have statistics of their own, found again by both."""
    table = ToolTable()
    tool, agent = table.get("search", "tool"), table.get("search", "agent")
    assert tool is not agent
    assert (tool.kind, agent.kind) == ("tool", "agent")
    assert table.get("search") is tool
    assert table.find("search", "agent") is agent
    assert table.find("other") is None
    assert len(table) == 2


def test_table_is_bounded() -> None:
    """Tools beyond the bound share one entry, and their calls are counted."""
    table = ToolTable(max_tools=2)
    for name in ("a", "b", "c", "d", "c", OTHER):
        table.get(name).record(1, 1, "ok", None, 0)
    assert [entry.name for entry in table] == ["a", "b", OTHER]
    assert table.overflowed == 4
    assert table.find("c") is None
    assert sum(summary.count for summary in table.summaries()) == 6


def test_table_shows_overflow_only_when_used() -> None:
    """A table with room has no entry for others; summaries come with the most total time first."""
    table = ToolTable()
    table.get("quick").record(1, 1, "ok", None, 0)
    table.get("slow").record(5, 5, "ok", None, 0)
    assert [summary.name for summary in table.summaries()] == ["slow", "quick"]
    assert table.overflowed == 0


def test_merged_table_holds_the_calls_of_both() -> None:
    """Merging adds entry by entry, and what has no room goes to the others."""
    one, other = ToolTable(max_tools=2), ToolTable(max_tools=5)
    for table, names in ((one, "ab"), (other, "bcd")):
        for name in names:
            table.get(name).record(1, 1, "ok", None, 0)
    one.merge(other)
    assert {entry.name: entry.count for entry in one} == {"a": 1, "b": 2, OTHER: 2}


@settings(max_examples=50)
@given(CALLS)
def test_copied_table_is_independent(calls: list[tuple[int, str, str | None]]) -> None:
    """A copied table shows the moment of copying, and goes on as the original does."""
    table = ToolTable(max_tools=2)
    for i, (duration, outcome, error_type) in enumerate(calls):
        entry = table.get("abc"[i % 3], ("tool", "agent")[i % 2])
        entry.started(i * SECOND)
        entry.record(duration, duration, outcome, error_type, i * SECOND)
    now = 30 * SECOND
    moment, copied = table.summaries(now), table.copy()
    table.get("a").started(now)
    table.get("a").record(7, 7, "error", "OSError", now)
    assert copied.summaries(now) == moment
    copied.get("a").started(now)
    copied.get("a").record(7, 7, "error", "OSError", now)
    assert copied.summaries(now) == table.summaries(now)
