"""The sentences of a run summary: what failed, what is open, what the ledger says, what the measuring cost."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from otel_perf.reports.lines import Fact
from otel_perf.reports.measured_facts import measured_facts
from otel_perf.reports.measured_table import MeasuredTable
from otel_perf.reports.text import count_text, duration_text, safe_text, share_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_perf.core.ledger import CallBalance, DestinationBalance
    from otel_perf.reports.run_summary import Overhead, RunSummary

__all__ = ["fact_lines", "headline"]

MAX_LINES: Final = 8
"""Lines about failures, and about open calls: the worst ones; the rest is counted."""

ITEMS: Final = {"traces": "spans", "metrics": "metric points", "logs": "log records"}
"""What the items of each signal are called."""

PARTS: Final = {"model": "model", "tools": "tools", "waiting": "waiting", "own": "its own work"}
"""What the parts of a turn are called."""

TIMES: Final = "\N{MULTIPLICATION SIGN}"


def headline(summary: RunSummary) -> str:
    """Return the first line: how many calls of how many tools in what time."""
    calls, foreign_spans = summary.calls.calls, summary.calls.foreign_spans
    if not calls and not foreign_spans:
        return "otel_perf: no call was recorded (decorate a function with @otel_perf.tool)"
    kinds = Counter(tool.kind for tool in summary.tools if tool.count)
    callees = [_number(kinds[kind], kind) for kind in ("tool", "agent", "model", "operation") if kinds[kind]]
    text = (
        f"otel_perf: {_number(calls, 'call')}{' of ' if callees else ''}{' and '.join(_all_but_last_joined(callees))}"
    )
    if not calls:
        text = f"otel_perf: {_number(foreign_spans, 'span')} of other libraries"
    if summary.elapsed_seconds is not None:
        text += f" in {duration_text(summary.elapsed_seconds * 1e9)}"
    return text


def fact_lines(summary: RunSummary) -> Iterator[Fact]:
    """Yield the lines below the picture."""
    yield from _turn(summary)
    yield from _failures(summary)
    yield from _open_calls(summary)
    yield from measured_facts(MeasuredTable(summary.metrics))
    yield _calls(summary.calls)
    yield from _sent(summary.destinations)
    yield from _cost(summary.overhead)


def _turn(summary: RunSummary) -> Iterator[Fact]:
    """Where the time of the slowest trace went; of one that is all one thing there is nothing to say."""
    slowest = summary.slowest[0] if summary.slowest else None
    shares = None if slowest is None or slowest.breakdown is None else slowest.breakdown.shares()
    parts = [f"{share_text(share, 1)} {PARTS[part]}" for part, share in (shares or {}).items() if share]
    if len(parts) > 1:
        yield Fact("Its time", ", ".join(parts))


def _failures(summary: RunSummary) -> Iterator[Fact]:
    found = [
        (count, tool.name, error_type) for tool in summary.tools for error_type, count in tool.errors_by_type.items()
    ]
    found.sort(key=lambda failure: (-failure[0], failure[1:]))
    for number, (count, name, error_type) in enumerate(found[:MAX_LINES]):
        text = f"{safe_text(name)}: {count_text(count)} {TIMES} {safe_text(error_type)}"
        yield Fact("" if number else "Errors", text)
    if len(found) > MAX_LINES:
        rest = sum(failure[0] for failure in found[MAX_LINES:])
        yield Fact("", f"… {count_text(rest)} more, of {len(found) - MAX_LINES} kinds")


def _open_calls(summary: RunSummary) -> Iterator[Fact]:
    for number, call in enumerate(summary.open_calls[:MAX_LINES]):
        agent = "" if call.agent_name is None else f" (agent {safe_text(call.agent_name)})"
        text = f"{safe_text(call.name)}, for {duration_text(call.age_seconds * 1e9)}{agent}"
        yield Fact("" if number else "Still open", text, alarming=True)
    if len(summary.open_calls) > MAX_LINES:
        yield Fact("", f"… {count_text(len(summary.open_calls) - MAX_LINES)} more", alarming=True)


def _calls(calls: CallBalance) -> Fact:
    text = (
        f"{_number(calls.calls, 'call')} = {count_text(calls.span_recorded)} recorded"
        f" + {count_text(calls.sampled_out)} sampled out + {count_text(calls.disabled)} disabled"
    )
    if calls.foreign_spans:
        text += f"; {_number(calls.foreign_spans, 'span')} of other libraries"
    if not calls.balanced:
        text += "; THE LEDGER DOES NOT BALANCE"
    return Fact("Ledger", text, alarming=not calls.balanced)


def _sent(destinations: tuple[DestinationBalance, ...]) -> Iterator[Fact]:
    for number, balance in enumerate(destinations):
        counts = {
            "exported": balance.exported,
            "left out by tail sampling": balance.tail_sampled,
            "queued": balance.queued,
            "in flight": balance.in_flight,
            "spooled to disk": balance.spooled,
            "uncertain": balance.uncertain,
            **{f"rejected ({reason})": count for reason, count in sorted(balance.rejected.items())},
            **{f"dropped ({reason})": count for reason, count in sorted(balance.dropped.items())},
        }
        parts = [f"{count_text(count)} {state}" for state, count in counts.items() if count]
        items = ITEMS.get(balance.signal, balance.signal)
        text = f"{safe_text(balance.destination)}: {count_text(balance.accepted)} {safe_text(items)}"
        text += f" ({count_text(balance.adopted)} left by an earlier process)" if balance.adopted else ""
        text += f" = {' + '.join(parts)}" if parts else ""
        text += "" if balance.balanced else "; THE LEDGER DOES NOT BALANCE"
        yield Fact("" if number else "Sent", text, alarming=balance.lost > 0 or not balance.balanced)
    if not destinations:
        yield Fact("Sent", "nothing: no endpoint is set, all numbers stayed in this process")


def _cost(overhead: Overhead | None) -> Iterator[Fact]:
    if overhead is None:
        yield Fact("Overhead", "not measured")
        return
    if overhead.app_ns_per_call is None:
        yield Fact("Overhead", "calling thread not measured")
    else:
        method = "" if overhead.app_method is None else f" ({overhead.app_method})"
        yield Fact("Overhead", f"calling thread {duration_text(overhead.app_ns_per_call)} per call{method}")
    if overhead.worker_cpu_seconds is None or not overhead.process_cpu_seconds:
        yield Fact("", "worker thread not measured")
    else:
        share = share_text(overhead.worker_cpu_seconds, overhead.process_cpu_seconds)
        cpu = duration_text(overhead.worker_cpu_seconds * 1e9)
        yield Fact("", f"worker thread {cpu} of CPU time, {share} of the process")
    if overhead.internal_errors:
        yield Fact("", f"{_number(overhead.internal_errors, 'error')} of otel_perf itself, caught", alarming=True)


def _all_but_last_joined(words: list[str]) -> list[str]:
    return words if len(words) < 3 else [", ".join(words[:-1]), words[-1]]  # noqa: PLR2004 - two need no comma


def _number(count: int, noun: str) -> str:
    return f"{count_text(count)} {noun}{'' if count == 1 else 's'}"
