"""What one run of a probe found."""

from math import isfinite

from otel_perf.core.measurements import Measurement
from otel_perf.core.signals import metric

__all__ = ["Collected"]


class Collected:
    """Values of one moment. What is not known is never put in, so it is absent wherever these go.

    Attributes:
        time_ns: The moment, monotonic nanoseconds.
        measurements: What was found so far.
    """

    def __init__(self, time_ns: int) -> None:
        """Start empty."""
        self.time_ns = time_ns
        self.measurements: list[Measurement] = []

    def put(self, name: str, value: float | None, *labels: str | None) -> None:
        """Add one value of the metric ``name``.

        ``None``, what is not a finite number, and what is below zero where that means nothing, are absent.

        Args:
            name: A metric of the catalogue.
            value: In the metric's unit.
            labels: One text per attribute of the metric, in its order.
        """
        if value is None or not isfinite(value) or (value < 0 and name != "hw.temperature"):
            return
        self.measurements.append(Measurement(metric(name), value, labels, self.time_ns))
