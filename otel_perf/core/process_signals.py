"""The signals of this process."""

from typing import Final

from otel_perf.core.signal_spec import MetricSpec

__all__ = ["METRICS"]

METRICS: Final[tuple[MetricSpec, ...]] = ()
