"""The signals of conversation memory."""

from typing import Final

from otel_perf.core.signal_spec import MetricSpec

__all__ = ["METRICS"]

METRICS: Final[tuple[MetricSpec, ...]] = ()
