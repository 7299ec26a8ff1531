"""Where the metrics that are no fold of calls come from: plain snapshots, asked for at every collection."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from otel_perf.core.events import EventBalance
from otel_perf.core.ledger import CallBalance, DestinationBalance
from otel_perf.core.measurements import Measurement, MeasurementBalance

__all__ = ["MetricSources", "OpenCalls"]


@dataclass(frozen=True, slots=True)
class OpenCalls:
    """The running calls of one tool.

    Attributes:
        running: How many.
        oldest_age_seconds: Age of the oldest; 0 when none runs.
    """

    running: int
    oldest_age_seconds: float


@dataclass(frozen=True, slots=True)
class MetricSources:
    """Callables that answer at once, from any thread, with a snapshot nobody changes afterwards.

    A source that raises is counted as an internal error, and its metrics are absent from that collection.
    What is ``None`` is not measured; its metrics are absent.

    Attributes:
        calls: The ledger of calls.
        destinations: The ledger of each destination and signal.
        open_calls: Running calls by tool name; a tool that is missing has none.
        queue_items: Records that wait for the worker.
        worker_cpu_seconds: CPU time of the worker thread so far.
        internal_errors: Internal errors so far, by stage.
        measurements: The account of measurements.
        events: The account of events.
        observed: Values that were read outside, such as those of the system; all of one moment.
        self_time_seconds: Time so far in each tool itself, without its children, by tool name.
    """

    calls: Callable[[], CallBalance | None] = lambda: None
    destinations: Callable[[], Sequence[DestinationBalance]] = tuple
    open_calls: Callable[[], Mapping[str, OpenCalls]] = dict
    queue_items: Callable[[], int | None] = lambda: None
    worker_cpu_seconds: Callable[[], float | None] = lambda: None
    internal_errors: Callable[[], Mapping[str, int]] = dict
    measurements: Callable[[], MeasurementBalance | None] = lambda: None
    events: Callable[[], EventBalance | None] = lambda: None
    observed: Callable[[], Sequence[Measurement]] = tuple
    self_time_seconds: Callable[[], Mapping[str, float]] = dict
