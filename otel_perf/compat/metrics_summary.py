"""What a monitor knows as plain values: each a mapping of ``value``, ``unit`` (UCUM) and ``timestamp`` (Unix seconds).

A value that was not measured is ``None``; its key is there all the same.
"""

import math
from collections.abc import Mapping
from typing import Any

from otel_perf.compat.alerting import AlertRecord
from otel_perf.compat.command_run import CommandDurations
from otel_perf.compat.compression_tally import CompressionSums
from otel_perf.compat.summary_statistics import describe_seconds
from otel_perf.compat.system_metrics import SystemMetrics
from otel_perf.core import clock
from otel_perf.core.guard import guard
from otel_perf.reports.metric_values import MetricValue
from otel_perf.runtime import active

__all__ = [
    "Value",
    "alert_values",
    "cache_values",
    "command_values",
    "compression_values",
    "pipeline_values",
    "system_values",
]

Value = dict[str, Any]
"""``{"value": ..., "unit": ..., "timestamp": ...}``."""


def _value(value: float | None, unit: str, timestamp: float) -> Value:
    known = value is not None and math.isfinite(value)
    return {"value": value if known else None, "unit": unit, "timestamp": timestamp}


def system_values(found: SystemMetrics) -> dict[str, Value]:
    """The machine and the process."""
    numbers: dict[str, tuple[object, str, str]] = {
        "cpu_utilization": (found.cpu, "utilization", "1"),
        "cpu_count": (found.cpu, "logical_count", "{cpu}"),
        "load_average_1m": (found.cpu, "load_average_1m", "{thread}"),
        "memory_used": (found.memory, "used_bytes", "By"),
        "memory_limit": (found.memory, "limit_bytes", "By"),
        "memory_utilization": (found.memory, "utilization", "1"),
        "disk_read": (found.disk, "read_bytes", "By"),
        "disk_written": (found.disk, "written_bytes", "By"),
        "disk_utilization": (found, "disk_utilization", "1"),
        "network_received": (found.network, "received_bytes", "By"),
        "network_sent": (found.network, "sent_bytes", "By"),
        "process_cpu_utilization": (found.process, "cpu_utilization", "1"),
        "process_memory": (found.process, "resident_bytes", "By"),
        "process_threads": (found.process, "threads", "{thread}"),
        "process_file_descriptors": (found.process, "file_descriptors", "{file_descriptor}"),
    }
    return {
        name: _value(getattr(part, field, None), unit, found.timestamp) for name, (part, field, unit) in numbers.items()
    }


def command_values(commands: Mapping[str, CommandDurations], now: float) -> dict[str, Any]:
    """Commands in all and by name; percentiles are of the durations that are kept."""

    def of(runs: CommandDurations) -> dict[str, Value]:
        recent = describe_seconds(runs.recent_seconds)
        return {
            "count": _value(runs.count, "{command}", now),
            "failed": _value(runs.failed, "{command}", now),
            "duration_total": _value(runs.total_seconds, "s", now),
            "duration_avg": _value(runs.total_seconds / runs.count if runs.count else None, "s", now),
            **{
                f"duration_{key}": _value(recent[f"{key}_seconds"], "s", now)
                for key in ("min", "max", "p50", "p95", "p99")
            },
        }

    return {
        "count": _value(sum(runs.count for runs in commands.values()), "{command}", now),
        "failed": _value(sum(runs.failed for runs in commands.values()), "{command}", now),
        "by_name": {name: of(runs) for name, runs in commands.items()},
    }


def cache_values(caches: Mapping[str, Mapping[str, Any]], now: float) -> dict[str, Any]:
    """Caches in all and by name, from their trackers' statistics with ``evictions`` beside."""
    hits = sum(cache["hits"] for cache in caches.values())
    lookups = sum(cache["lookups"] for cache in caches.values())
    return {
        "lookups": _value(lookups, "{request}", now),
        "hit_ratio": _value(hits / lookups if lookups else None, "1", now),
        "by_name": {
            name: {
                "hits": _value(cache["hits"], "{request}", now),
                "misses": _value(cache["misses"], "{request}", now),
                "evictions": _value(cache["evictions"], "{entry}", now),
                "hit_ratio": _value(cache["hit_ratio"], "1", now),
                "hit_duration_avg": _value(cache["hit_duration"]["avg_seconds"], "s", now),
                "miss_duration_avg": _value(cache["miss_duration"]["avg_seconds"], "s", now),
            }
            for name, cache in caches.items()
        },
    }


def compression_values(techniques: Mapping[str, CompressionSums], now: float) -> dict[str, Any]:
    """Compressions in all and by technique."""
    return {
        "count": _value(sum(sums.count for sums in techniques.values()), "{compression}", now),
        "by_technique": {
            name: {
                "count": _value(sums.count, "{compression}", now),
                "tokens_before": _value(sums.tokens_before, "{token}", now),
                "tokens_after": _value(sums.tokens_after, "{token}", now),
                "bytes_before": _value(sums.bytes_before, "By", now),
                "bytes_after": _value(sums.bytes_after, "By", now),
                "ratio": _value(sums.ratio, "1", now),
                "duration_total": _value(sums.seconds, "s", now),
            }
            for name, sums in techniques.items()
        },
    }


def alert_values(records: list[AlertRecord], total: int, now: float) -> dict[str, Any]:
    """How many alerts there were, and those that are kept."""
    return {"count": _value(total, "{alert}", now), "recent": [record.to_dict() for record in records]}


def pipeline_values() -> dict[str, list[dict[str, Any]]]:
    """What the running pipeline measured, by OpenTelemetry name: one entry per set of labels. Empty without one.

    A histogram's entry has ``count``, ``sum``, ``minimum``, ``maximum`` and ``mean``, each a value of its own.
    """
    handle = active.current()
    summary = None if handle is None else guard.call("monitor.summary", handle.summary)
    found: dict[str, list[dict[str, Any]]] = {}
    now = clock.wall_ns() / 1e9
    for entry in () if summary is None else summary.metrics:
        found.setdefault(entry.name, []).append({"labels": dict(entry.labels), **_measured(entry, now)})
    return found


def _measured(entry: MetricValue, now: float) -> dict[str, Any]:
    if entry.count is None:
        return _value(entry.value, entry.unit, now)
    numbers = {"sum": entry.total, "minimum": entry.minimum, "maximum": entry.maximum, "mean": entry.mean}
    return {
        "count": _value(entry.count, "1", now),
        **{name: _value(value, entry.unit, now) for name, value in numbers.items()},
    }
