"""The lines of a run summary about what was measured beside the calls: caches, tokens, memory, machine, process.

A line names only what was measured. What is absent is left out, never written as zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_perf.reports.lines import Fact
from otel_perf.reports.text import bytes_text, count_text, duration_text, safe_text, share_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from otel_perf.reports.measured_table import MeasuredTable

__all__ = ["measured_facts"]


def measured_facts(table: MeasuredTable) -> Iterator[Fact]:
    """Yield the lines, each subject with one label."""
    for label, texts in (
        ("Cache", _caches(table)),
        ("Compression", _compression(table)),
        ("Tokens", _tokens(table)),
        ("Conversation", _conversations(table)),
        ("Rate limit", _rate_limits(table)),
        ("Operations", _operations(table)),
        ("KPIs", _kpis(table)),
        ("System", _system(table)),
        ("Process", _process(table)),
    ):
        for number, text in enumerate(texts):
            yield Fact("" if number else label, text)


def _caches(table: MeasuredTable) -> Iterator[str]:
    for name in table.names("otel_perf.cache.requests", "otel_perf.cache.name"):
        of = {"otel_perf.cache.name": name}
        hits = table.sum("otel_perf.cache.requests", {**of, "otel_perf.cache.result": "hit"}) or 0
        lookups = table.sum("otel_perf.cache.requests", of) or 0
        yield _line(
            name,
            f"{_count(lookups)} look-ups, {share_text(hits, lookups)} hits",
            _of(table.sum("otel_perf.cache.entries", of), "entry", "entries"),
            _of(table.sum("otel_perf.cache.evictions", of), "given up"),
            _seconds(table.sum("otel_perf.cache.saved_time", of), "saved"),
        )


def _compression(table: MeasuredTable) -> Iterator[str]:
    label = "otel_perf.compression.technique"
    for technique in table.names("otel_perf.compression.ratio", label):
        of = {label: technique}
        before, after = (
            table.sum("otel_perf.compression.tokens", {**of, "otel_perf.compression.stage": stage})
            for stage in ("before", "after")
        )
        yield _line(
            technique,
            _of(table.count("otel_perf.compression.ratio", of), "text", "texts"),
            None if before is None or after is None else f"{_count(before)} tokens to {_count(after)}",
            None if not before or after is None else f"{share_text(before - after, before)} less",
            _seconds(table.sum("otel_perf.compression.duration", of), "taken"),
        )


def _tokens(table: MeasuredTable) -> Iterator[str]:
    metric, label = "gen_ai.client.token.usage", "gen_ai.request.model"
    for model in table.names(metric, label):
        of = {label: model}
        kinds = {kind: table.sum(metric, {**of, "gen_ai.token.type": kind}) for kind in ("input", "output")}
        methods = table.names(metric, "otel_perf.token.method")
        estimated = bool(table.of(metric, {**of, "otel_perf.token.estimated": "true"}))
        yield _line(
            model,
            *(_of(count, kind) for kind, count in kinds.items()),
            f"{'estimated' if estimated else 'counted'} ({', '.join(methods)})" if methods else None,
            _dollars(table.sum("otel_perf.model.cost", of)),
        )


def _conversations(table: MeasuredTable) -> Iterator[str]:
    label = "otel_perf.conversation.name"
    names = [*table.names("otel_perf.memory.utilization", label), *table.names("otel_perf.memory.trim", label)]
    for name in dict.fromkeys(names):
        of = {label: name}
        yield _line(
            name,
            _of(table.sum("otel_perf.memory.trim", of), "trim", "trims"),
            _of(table.sum("otel_perf.memory.messages.removed", of), "message removed", "messages removed"),
            _share(table.sum("otel_perf.memory.utilization", of), "full"),
            _mean_seconds(table.mean("otel_perf.memory.trim.duration", of), "per trim"),
        )


def _rate_limits(table: MeasuredTable) -> Iterator[str]:
    metric, label = "otel_perf.rate_limit.decisions", "otel_perf.rate_limit.name"
    for name in table.names(metric, label):
        denied = table.sum(metric, {label: name, "otel_perf.rate_limit.decision": "deny"}) or 0
        yield _line(name, f"{_count(table.sum(metric, {label: name}) or 0)} checks, {_count(denied)} denied")


def _operations(table: MeasuredTable) -> Iterator[str]:
    metric, label = "otel_perf.operation.duration", "otel_perf.operation.name"
    for name in table.names(metric, label):
        of = {label: name}
        peaks = [found.maximum for found in table.of("otel_perf.operation.memory.peak", of)]
        peak = max((peak for peak in peaks if peak is not None), default=None)
        yield _line(
            name,
            _of(table.count(metric, of), "time", "times"),
            _mean_seconds(table.mean(metric, of), "on average"),
            None if peak is None else f"memory peak {bytes_text(peak)}",
        )


def _kpis(table: MeasuredTable) -> Iterator[str]:
    for kpi in table.kpis():
        mean = table.mean(kpi) if table.count(kpi) else table.sum(kpi)
        if mean is not None:
            yield _line(
                kpi.removeprefix("otel_perf.kpi."), f"{mean:.3g}", _of(table.count(kpi) or None, "value", "values")
            )


def _system(table: MeasuredTable) -> Iterator[str]:
    idle = table.sum("system.cpu.utilization", {"cpu.mode": "idle"})
    cores = table.sum("system.cpu.logical.count")
    used = table.sum("system.memory.usage", {"system.memory.state": "used"})
    limit = table.sum("system.memory.limit")
    load = table.sum("system.cpu.load_average.1m")
    parts = (
        None if idle is None else f"CPU {share_text(1 - idle, 1)}" + (f" of {cores:g} cores" if cores else ""),
        None if used is None else f"memory {bytes_text(used)}" + (f" of {bytes_text(limit)}" if limit else ""),
        None if load is None else f"load {load:.2f}",
    )
    if any(parts):
        yield _joined(parts)


def _process(table: MeasuredTable) -> Iterator[str]:
    parts = (
        _share(table.sum("process.cpu.utilization"), "of the processors available"),
        None if (rss := table.sum("process.memory.usage")) is None else f"memory {bytes_text(rss)}",
        _of(table.sum("process.thread.count"), "thread", "threads"),
        _of(table.sum("process.unix.file_descriptor.count"), "open file", "open files"),
        _of(table.sum("cpython.gc.collections"), "garbage collection", "garbage collections"),
    )
    if any(parts):
        yield _joined(parts)


# -- words -----------------------------------------------------------------------------------------------------


def _line(name: str, *parts: str | None) -> str:
    return f"{safe_text(name)}: {_joined(parts)}"


def _joined(parts: Iterable[str | None]) -> str:
    return ", ".join(part for part in parts if part is not None)


def _count(number: float) -> str:
    return count_text(round(number))


def _of(number: float | None, one: str, many: str | None = None) -> str | None:
    """A number of things; ``many`` is the word for more than one of them, where there is another."""
    return None if number is None else f"{_count(number)} {one if number == 1 else many or one}"


def _seconds(seconds: float | None, what: str) -> str | None:
    return None if not seconds else f"{duration_text(seconds * 1e9)} {what}"


def _mean_seconds(seconds: float | None, what: str) -> str | None:
    return None if seconds is None else f"{duration_text(seconds * 1e9)} {what}"


def _share(share: float | None, what: str) -> str | None:
    return None if share is None else f"{share_text(share, 1)} {what}"


def _dollars(amount: float | None) -> str | None:
    return None if amount is None else f"${amount:.4f}"
