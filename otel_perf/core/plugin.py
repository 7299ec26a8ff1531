"""What a plugin is: a small interface that stays, apart from the records that the package uses inside.

A package offers one by an entry point of the group ``otel_perf.plugins``::

    [project.entry-points."otel_perf.plugins"]
    tally = "my_package.tally:Tally"

The module is imported where ``instrument()`` is called; import what you need there, not later. The object is then
called once with a ``PluginHost``; what it returns is the plugin. Every method of ``Plugin`` may be left out. All of
them, and that call, run on a thread of the plugin's own, one at a time, so that a slow plugin holds nobody up; an
exception is counted and told, and the plugin goes on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from otel_perf.core.custom_metrics import MetricKind, record_custom_metric
from otel_perf.core.events import Event
from otel_perf.core.kpis import record_adaptation, record_kpi

__all__ = ["API_VERSION", "FinishedCall", "MeasuredValue", "Plugin", "PluginHost"]

API_VERSION: Final = 1
"""Grows when something is taken away or changes its meaning; what is added does not change it."""


@dataclass(frozen=True, slots=True)
class FinishedCall:
    """One call that ended.

    Attributes:
        name: Name of the tool, agent, model or operation.
        kind: Which of them.
        caller: Name of the enclosing call of ours; ``None`` for a root.
        agent: Name of the agent that it ran for.
        outcome: ``ok``, ``error``, ``timeout`` or ``cancelled``.
        error_type: Exception class of a failure.
        duration_seconds: From start to end.
        ended_unix_ns: When, in Unix nanoseconds.
        trace_id: 32 hexadecimal digits; ``None`` where nobody needed the identifiers.
    """

    name: str
    kind: str
    caller: str | None
    agent: str | None
    outcome: str
    error_type: str | None
    duration_seconds: float
    ended_unix_ns: int
    trace_id: str | None


@dataclass(frozen=True, slots=True)
class MeasuredValue:
    """One value of a metric: a cache access, an indicator, a custom metric.

    Attributes:
        name: OpenTelemetry name of the metric.
        kind: counter, updowncounter, gauge or histogram.
        unit: UCUM unit.
        value: What was added, set or observed.
        labels: By attribute name.
        count: Of how many values of a histogram ``value`` is the mean; 1 otherwise.
    """

    name: str
    kind: str
    unit: str
    value: float
    labels: Mapping[str, str]
    count: int = 1


class Plugin(Protocol):
    """What a plugin may do. Leave out what is not needed."""

    def on_calls(self, calls: Sequence[FinishedCall]) -> None:
        """Calls that ended, in the order of their ends."""
        ...

    def on_measurements(self, measurements: Sequence[MeasuredValue]) -> None:
        """Values that were measured, in the order in which they were."""
        ...

    def on_events(self, events: Sequence[Event]) -> None:
        """Events, such as late scores."""
        ...

    def shutdown(self) -> None:
        """The last call: recording has ended, and everything before was handed over."""
        ...


class PluginHost:
    """What a plugin is given: who it is, and the ways to record something.

    Attributes:
        name: The plugin's name, that of its entry point.
        api_version: Of this interface; 1.
    """

    api_version: Final = API_VERSION

    def __init__(self, name: str) -> None:
        """Made for each plugin."""
        self.name = name

    def record_kpi(self, name: str, value: float, **labels: str | None) -> None:
        """See ``otel_perf.record_kpi``."""
        record_kpi(name, value, **labels)

    def record_adaptation(self, *, success: bool, **labels: str | None) -> None:
        """See ``otel_perf.core.kpis.record_adaptation``."""
        record_adaptation(success, **labels)

    def record_custom_metric(
        self, name: str, value: float, tags: Mapping[str, object] | None = None, kind: MetricKind = "gauge"
    ) -> None:
        """See ``otel_perf.record_custom_metric``."""
        record_custom_metric(name, value, tags, kind)
