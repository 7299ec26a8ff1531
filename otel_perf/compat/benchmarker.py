"""Measured operations whose results are kept: ``with benchmarker.measure_operation("my_operation"): ...``.

>>> from otel_perf.compat.benchmarker import PerformanceBenchmarker
>>> benchmarker = PerformanceBenchmarker()
>>> with benchmarker.measure_operation("sum"):
...     total = sum(range(1000))
>>> benchmarker.get_summary_statistics()["duration_stats"]["count"]
1
"""

import json
import os
import tempfile
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar, overload

from otel_perf import measure
from otel_perf.compat.benchmark_result import EXPORT_SCHEMA, FORMAT_VERSION, BenchmarkResult
from otel_perf.compat.cache_tracker import CachePerformanceTracker
from otel_perf.compat.forks import ForkSafeLock
from otel_perf.compat.summary_statistics import describe_seconds
from otel_perf.core import clock
from otel_perf.probes.operation import Measure
from otel_perf.probes.operation_result import OperationResult, rfc3339

__all__ = [
    "EXPORT_SCHEMA",
    "BenchmarkResult",
    "CachePerformanceTracker",
    "PerformanceBenchmarker",
    "benchmarker",
]

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_SIZE: Final = 10_000
"""Results that are kept: some 8 MB when full."""


class PerformanceBenchmarker:
    """Measures operations and keeps the results, whether otel_perf is recording or not. Thread-safe.

    Each operation is also a span and goes to the metrics ``otel_perf.operation.*``, as ``otel_perf.measure`` has it.
    Instances know nothing of each other.
    """

    def __init__(self, max_results: int = DEFAULT_SIZE) -> None:
        """Start without results.

        Args:
            max_results: Results that are kept; the oldest leave first.

        Raises:
            ValueError: ``max_results`` is not positive.
        """
        if max_results < 1:
            raise ValueError(f"max_results must be positive, not {max_results}")
        self._lock = ForkSafeLock()
        self._results: deque[OperationResult] = deque(maxlen=max_results)
        self._total = 0

    def measure_operation(self, name: str, *, memory: bool = True, tracemalloc: bool = False) -> Measure:
        """Measure a block, in ``with`` or ``async with``; what it gives has the result afterwards.

        An exception passes as it is, and the result says so. It costs what ``otel_perf.measure`` does.

        Args:
            name: Name of the operation: a metric label, so keep it of few values.
            memory: Measure resident memory before, after and at its peak.
            tracemalloc: Measure memory of Python objects too, which slows allocation down.
        """
        return measure(name, memory=memory, tracemalloc=tracemalloc, on_result=self._keep)

    @overload
    def benchmark(self, function: Callable[P, R], /) -> Callable[P, R]: ...
    @overload
    def benchmark(self, name: str | None = None, /) -> Measure: ...
    def benchmark(self, name: Any = None, /) -> Any:
        """Measure each call of a function: ``@benchmarker.benchmark`` or ``@benchmarker.benchmark("name")``.

        Works on functions, methods, coroutine functions, generators and async generators; name, signature, result
        and exceptions stay what they are.

        Args:
            name: Name of the operation; the function's own when left out.
        """
        if callable(name):
            return self.benchmark()(name)
        return measure(name, on_result=self._keep)

    def _keep(self, result: OperationResult) -> None:
        with self._lock:
            self._total += 1
            self._results.append(result)

    # -- looking at it -----------------------------------------------------------------------------------------------

    def get_results(self, name: str | None = None) -> list[BenchmarkResult]:
        """The results that are kept, in the order in which they ended; of one operation when ``name`` is given."""
        return [BenchmarkResult.of(each) for each in self._snapshot()[0] if name is None or each.name == name]

    def _snapshot(self) -> tuple[tuple[OperationResult, ...], int]:
        with self._lock:
            return tuple(self._results), self._total

    @property
    def results(self) -> list[BenchmarkResult]:
        """All results that are kept."""
        return self.get_results()

    def get_summary_statistics(self) -> dict[str, Any]:
        """Statistics of the results that are kept, exact for them; ``None`` where there is nothing to say.

        Returns:
            ``total_operations``, ``successful_operations``, ``failed_operations``, ``success_rate`` (0 to 1),
            ``forgotten_operations`` (that left the history), ``duration_stats`` of all (see
            ``summary_statistics.describe_seconds``), ``memory_stats`` (``peak_bytes``, the highest resident memory
            that was seen) and ``operations``: by name, its durations and ``failed``.
        """
        results, total = self._snapshot()
        return _statistics(results, total - len(results))

    def to_dict(self) -> dict[str, Any]:
        """Results and statistics as plain values that fit ``EXPORT_SCHEMA``."""
        results, total = self._snapshot()
        return {
            "version": FORMAT_VERSION,
            "generated_at": rfc3339(clock.wall_ns()),
            "results": [BenchmarkResult.of(result).to_dict() for result in results],
            "statistics": _statistics(results, total - len(results)),
        }

    def export_results(self, path: str | Path) -> Path:
        """Write results and statistics as JSON that fits ``EXPORT_SCHEMA``, into a file for this user alone.

        A file that is there is replaced in one step, so that no reader ever finds half of one.

        Returns:
            The path.

        Raises:
            OSError: The file cannot be written.
        """
        target = Path(path)
        text = json.dumps(self.to_dict(), allow_nan=False, ensure_ascii=False, indent=2)
        _replace(target, text + "\n")
        return target

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._results.clear()
            self._total = 0

    def __len__(self) -> int:
        """Results that are kept."""
        return len(self._results)

    def __bool__(self) -> bool:
        """True, with results or without."""
        return True

    def __repr__(self) -> str:
        """How many results it keeps."""
        return f"<PerformanceBenchmarker: {len(self)} results>"


def _statistics(results: tuple[OperationResult, ...], forgotten: int) -> dict[str, Any]:
    failed = sum(not result.success for result in results)
    by_name: dict[str, list[OperationResult]] = {}
    for result in results:
        by_name.setdefault(result.name, []).append(result)
    return {
        "total_operations": len(results),
        "successful_operations": len(results) - failed,
        "failed_operations": failed,
        "forgotten_operations": forgotten,
        "success_rate": (len(results) - failed) / len(results) if results else None,
        "duration_stats": describe_seconds(result.duration_seconds for result in results),
        "memory_stats": {
            "peak_bytes": max((r.rss_peak_bytes for r in results if r.rss_peak_bytes is not None), default=None),
        },
        "operations": {
            name: {
                **describe_seconds(result.duration_seconds for result in runs),
                "failed": sum(not result.success for result in runs),
            }
            for name, runs in sorted(by_name.items())
        },
    }


def _replace(target: Path, text: str) -> None:
    """Write beside the target (``mkstemp`` lets nobody else read it), then take its place."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


benchmarker: Final = PerformanceBenchmarker()
"""One for the whole process."""
