"""What one reader has seen: turns values since the start into values since the reader's last collection."""

from typing import Final, Literal, TypeAlias

from otel_perf.core.signal_spec import MetricSpec
from otel_perf.meters.values import HistogramReading, Labels, NumberReading

__all__ = ["Interval", "Temporality", "is_delta"]

Temporality: TypeAlias = Literal["cumulative", "delta", "lowmemory"]
"""The values of ``OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE``, in lower case."""

_NOTHING: Final = HistogramReading((), (), 0.0, None, None, ())


def is_delta(spec: MetricSpec, temporality: Temporality) -> bool:
    """Whether a counter or histogram is exported as delta; ``lowmemory``: only what is recorded where it happens."""
    return temporality == "delta" or (temporality == "lowmemory" and spec.synchronous)


class Interval:
    """The last values of one reader, per metric. Not locked: a reader collects once at a time."""

    def __init__(self, start_unix_ns: int) -> None:
        """Everything counts from ``start_unix_ns``."""
        self._start_unix_ns = start_unix_ns
        self._read_unix_ns: dict[str, int] = {}
        self._numbers: dict[tuple[str, Labels], int | float] = {}
        self._histograms: dict[tuple[str, Labels], HistogramReading] = {}

    def begin(self, name: str, now_unix_ns: int) -> int:
        """Start of the interval of metric ``name`` that ends now; the next one begins where this one ends."""
        start = self._read_unix_ns.get(name, self._start_unix_ns)
        self._read_unix_ns[name] = now_unix_ns
        return start

    def number_since(self, name: str, reading: NumberReading) -> NumberReading | None:
        """The increase; ``None`` when there is none. A value that went down was reset, and counts from zero."""
        key = (name, reading.labels)
        last = self._numbers.get(key, 0)
        self._numbers[key] = reading.value
        increase = reading.value - last if reading.value >= last else reading.value
        return NumberReading(reading.labels, increase) if increase else None

    def histogram_since(self, name: str, reading: HistogramReading) -> HistogramReading | None:
        """The increase; ``None`` when there is none. Extremes of one interval alone are not known."""
        key = (name, reading.labels)
        last = self._histograms.get(key)
        self._histograms[key] = reading
        if last is None:
            return reading
        counts = tuple(now - before for now, before in zip(reading.counts, last.counts, strict=True))
        if not any(counts):
            return None
        return _NOTHING._replace(
            labels=reading.labels,
            counts=counts,
            total=reading.total - last.total,
            exemplars=reading.exemplars,
        )
