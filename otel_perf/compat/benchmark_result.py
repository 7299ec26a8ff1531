"""What a benchmark measured of one run, and the format in which many are kept in a file."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Self

from otel_perf.probes.operation_result import OperationResult
from otel_perf.probes.operation_schema import OPERATION_SCHEMA

__all__ = ["EXPORT_SCHEMA", "FORMAT_VERSION", "BenchmarkResult"]

FORMAT_VERSION: Final = 1
"""Version of the exported document; raised when the meaning of a field changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkResult(OperationResult):
    """One run: name, start, end, duration, CPU, memory, how it ended. See ``OperationResult`` for the fields.

    ``to_json`` and ``from_json`` are each other's inverse.
    """

    @classmethod
    def of(cls, result: OperationResult) -> Self:
        """The same numbers."""
        return cls(**{entry.name: getattr(result, entry.name) for entry in fields(cls)})

    @property
    def duration(self) -> float:
        """Seconds from start to end."""
        return self.duration_seconds

    @property
    def cpu(self) -> float | None:
        """CPU time by duration, in cores: ``cpu_utilization``."""
        return self.cpu_utilization

    @property
    def error(self) -> str | None:
        """Class of the exception that ended it: ``error_type``. Its message is not kept."""
        return self.error_type

    @property
    def method(self) -> str:
        """How the numbers were obtained, or why they are absent."""
        cpu = "thread CPU clock" if self.cpu_seconds is not None else self.absent.get("cpu_seconds", "not measured")
        memory = self.peak_method or self.absent.get("rss_peak_bytes", "not measured")
        return f"duration: monotonic clock; CPU: {cpu}; memory peak: {memory}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as an entry of ``results`` in ``EXPORT_SCHEMA``."""
        return {**OperationResult.to_dict(self), "error": self.error, "method": self.method}


def _seconds(meaning: str) -> dict[str, Any]:
    return {"type": ["number", "null"], "minimum": 0, "description": meaning}


_DURATIONS: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "count": {"type": "integer", "minimum": 0, "description": "Runs."},
        "failed": {"type": "integer", "minimum": 0, "description": "Runs that did not end well."},
        "total_seconds": {"type": "number", "minimum": 0, "description": "Sum of the durations."},
        "min_seconds": _seconds("The shortest."),
        "max_seconds": _seconds("The longest."),
        "avg_seconds": _seconds("Their mean."),
        "p50_seconds": _seconds("Half of them take no longer."),
        "p95_seconds": _seconds("95 % of them take no longer."),
        "p99_seconds": _seconds("99 % of them take no longer."),
    },
    "required": ["count", "min_seconds", "max_seconds", "avg_seconds", "p50_seconds", "p95_seconds", "p99_seconds"],
}

EXPORT_SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:otel-perf:benchmark-export:1",
    "title": "BenchmarkExport",
    "description": "The results that a benchmarker holds, and their statistics. What was not measured is null.",
    "type": "object",
    "properties": {
        "version": {"type": "integer", "const": FORMAT_VERSION, "description": "Version of this format."},
        "generated_at": {"type": "string", "format": "date-time", "pattern": "Z$", "description": "When, in UTC."},
        "results": {
            "type": "array",
            "description": "Oldest first.",
            "items": {
                **{key: rule for key, rule in OPERATION_SCHEMA.items() if not key.startswith("$")},
                "properties": {
                    **OPERATION_SCHEMA["properties"],
                    "error": {"type": ["string", "null"], "description": "Class of the exception that ended it."},
                    "method": {"type": "string", "description": "How the numbers were obtained."},
                },
            },
        },
        "statistics": {
            "type": "object",
            "properties": {
                "total_operations": {"type": "integer", "minimum": 0},
                "failed_operations": {"type": "integer", "minimum": 0},
                "forgotten_operations": {"type": "integer", "minimum": 0},
                "success_rate": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
                "duration_stats": _DURATIONS,
                "operations": {"type": "object", "additionalProperties": _DURATIONS},
            },
            "required": ["total_operations", "duration_stats", "operations"],
        },
    },
    "required": ["version", "generated_at", "results", "statistics"],
}
"""JSON Schema (draft 2020-12) of what ``PerformanceBenchmarker.export_results`` writes."""
