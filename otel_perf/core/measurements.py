"""The measurement: one value of one metric of the catalogue, recorded where it happened."""

from dataclasses import dataclass
from typing import NamedTuple

from otel_perf.core.signal_spec import MetricSpec

__all__ = ["Measurement", "MeasurementBalance"]


class Measurement(NamedTuple):
    """One value.

    Attributes:
        metric: Which metric; its instrument says what is done with the value (added, kept as the last, distributed).
        value: In the metric's unit.
        labels: One text per attribute of the metric, in its order; ``None`` where the attribute does not apply.
        time_ns: Monotonic time in nanoseconds.
        times: Of how many values of one histogram bucket ``value`` is the mean; 1 for everything that is no histogram.
    """

    metric: MetricSpec
    value: float
    labels: tuple[str | None, ...]
    time_ns: int
    times: int = 1


@dataclass(frozen=True, slots=True)
class MeasurementBalance:
    """Measurements in one snapshot.

    Attributes:
        measurements: All that were handed in.
        recorded: Found their way into a metric, or wait for it.
        invalid: Refused: not a finite number, or a counter that was to fall.
        dropped: Lost, because the queue was full.
        disabled: Made while recording was off.
    """

    measurements: int
    recorded: int
    invalid: int
    dropped: int
    disabled: int

    @property
    def balanced(self) -> bool:
        """Whether every measurement is accounted for."""
        return self.measurements == self.recorded + self.invalid + self.dropped + self.disabled
