"""Our metrics as instruments on the application's own meter provider, whichever SDK it is.

Durations are recorded call by call, with the context of the call's span, so that their exemplars point to it: an
SDK's price, paid on the worker. Everything else are observable instruments that give values read before.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final
from weakref import WeakKeyDictionary

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Histogram, Meter, MeterProvider, Observation
from opentelemetry.sdk.metrics import MeterProvider as SdkMeterProvider

from otel_perf.core.guard import guard
from otel_perf.core.measurements import Measurement
from otel_perf.core.operation_signals import OPERATION_DURATION
from otel_perf.core.records import ToolCall
from otel_perf.core.signal_spec import MetricSpec
from otel_perf.core.signals import metric
from otel_perf.meters.callbacks import CallbackRunner
from otel_perf.meters.cell import NANOSECONDS, CellKey
from otel_perf.meters.fold import ToolMeters
from otel_perf.meters.interval import Temporality
from otel_perf.meters.owned import ApplicationReader
from otel_perf.meters.readings import read_metrics
from otel_perf.meters.sources import MetricSources
from otel_perf.meters.values import Labels, NumberReading

__all__ = ["AdoptedMeters", "read_adopted"]

NO_SPAN: Final = trace.set_span_in_context(trace.INVALID_SPAN, Context())
"""A context without a span. An empty one will not do: the SDK takes the current context in its place."""


class AdoptedInstruments:
    """The instruments on one provider. They cannot be taken away again, so a later ``instrument()`` finds them here."""

    def __init__(self, meter: Meter) -> None:
        """Make each instrument when its metric is first measured."""
        self.answers: dict[str, Sequence[Observation]] = {}
        self.totals: dict[tuple[str, Labels], int | float] = {}
        self._meter = meter
        self._histograms: dict[str, Histogram] = {}
        self._observables: dict[str, Any] = {}
        self.counters: set[str] = set()

    def histogram(self, spec: MetricSpec) -> Histogram:
        """The histogram of a metric."""
        found = self._histograms.get(spec.name)
        if found is None:
            found = self._histograms[spec.name] = self._meter.create_histogram(
                spec.name, spec.unit, spec.meaning, explicit_bucket_boundaries_advisory=spec.bounds
            )
        return found

    def observe(self, spec: MetricSpec) -> None:
        """Have the values of a metric asked for."""
        if spec.name in self._observables:
            return
        if spec.instrument == "counter":
            self.counters.add(spec.name)
        create: Callable[..., Any] = {
            "counter": self._meter.create_observable_counter,
            "updowncounter": self._meter.create_observable_up_down_counter,
        }.get(spec.instrument, self._meter.create_observable_gauge)
        self._observables[spec.name] = create(spec.name, [partial(self._answer, spec.name)], spec.unit, spec.meaning)

    def _answer(self, name: str, options: CallbackOptions) -> Iterable[Observation]:
        del options  # there is nothing that could take time
        return self.answers.get(name, ())


_ADOPTED: Final[WeakKeyDictionary[MeterProvider, AdoptedInstruments]] = WeakKeyDictionary()


class AdoptedMeters:
    """Feeds the instruments on a provider that is not ours."""

    def __init__(
        self, provider: MeterProvider, meters: ToolMeters, sources: MetricSources, version: str | None = None
    ) -> None:
        """Create the instruments, or find those of an earlier time.

        Args:
            provider: The application's meter provider.
            meters: The fold, which bounds the labels and counts calls and edges.
            sources: Everything that is no fold of calls.
            version: Version of our instrumentation scope.
        """
        self._meters = meters
        self._sources = sources
        found = _ADOPTED.get(provider)
        if found is None:
            found = _ADOPTED[provider] = AdoptedInstruments(provider.get_meter("otel_perf", version))
        self._instruments = found
        # Totals of an earlier time: a cumulative counter on a provider that lives on must not fall.
        self._base: Mapping[tuple[str, Labels], int | float] = dict(found.totals)
        self._attributes: dict[CellKey, tuple[Histogram, dict[str, str]] | None] = {}
        self._closed = False

    def on_calls(self, calls: Sequence[ToolCall]) -> None:
        """Fold ended calls, and record their durations; for one thread at a time."""
        self._meters.on_calls(calls)
        if self._closed:
            return
        for call in calls:
            key = self._meters.key_of(call)
            target = self._attributes.get(key) if key in self._attributes else self._remember(key)
            if target is not None:
                histogram, attributes = target
                seconds = max(0, call.duration_ns) / NANOSECONDS
                guard.call("histogram.record", histogram.record, seconds, attributes, _context_of(call))

    def on_measurements(self, measurements: Sequence[Measurement]) -> None:
        """Fold measurements, and record the distributions; for one thread at a time."""
        measured = self._meters.measured
        measured.on_measurements(measurements)
        if self._closed:
            return
        for entry in measurements:
            if entry.metric.instrument == "histogram":
                histogram, labels = self._instruments.histogram(entry.metric), dict(measured.labels_of(entry))
                for _ in range(entry.times):
                    guard.call("histogram.record", histogram.record, entry.value, labels, NO_SPAN)

    def _remember(self, key: CellKey) -> tuple[Histogram, dict[str, str]] | None:
        name, agent = {
            "tool": ("gen_ai.execute_tool.duration", key.agent),
            "agent": ("gen_ai.invoke_agent.duration", key.name),
            "model": (None, None),
            "operation": (OPERATION_DURATION.name, None),
        }[key.kind]
        target = None
        if name is not None:
            attributes = {
                "gen_ai.tool.name": key.name if key.kind == "tool" else None,
                "otel_perf.operation.name": key.name if key.kind == "operation" else None,
                "gen_ai.agent.name": agent,
                "otel_perf.outcome": key.outcome if key.kind == "operation" else None,
                "error.type": key.error_type,
            }
            present = {attribute: value for attribute, value in attributes.items() if value is not None}
            target = (self._instruments.histogram(metric(name)), present)
        self._attributes[key] = target
        return target

    def refresh(self) -> None:
        """Read all values anew, for the observable instruments to give; call it about once a second."""
        if self._closed:
            return
        readings = read_metrics(self._meters, self._sources)
        answers: dict[str, list[Observation]] = {}
        for spec, values in readings.numbers.items():
            counts = spec.instrument == "counter"
            answers[spec.name] = [self._observation(spec.name, value, counts=counts) for value in values]
            self._instruments.observe(spec)
        # A reading replaces the last one whole: what is missing in it is not measured any more.
        self._instruments.answers = dict(answers)

    def _observation(self, name: str, reading: NumberReading, *, counts: bool) -> Observation:
        if not counts:
            return Observation(reading.value, dict(reading.labels))
        key = (name, reading.labels)
        total = self._instruments.totals[key] = reading.value + self._base.get(key, 0)
        return Observation(total, dict(reading.labels))

    def close(self) -> None:
        """Say the last totals from now on, and no gauge."""
        guard.call("meters.adopted", self.refresh)
        self._closed = True
        self._instruments.answers = {
            name: values for name, values in self._instruments.answers.items() if name in self._instruments.counters
        }


def read_adopted(provider: SdkMeterProvider, temporality: Temporality = "cumulative") -> ApplicationReader:
    """A reader of everything on an SDK provider of the application's, our instruments included.

    A callback of the application's that hangs stops a collection there, as it stops the application's own readers:
    collect on a thread that may wait. ``close()`` takes the reader away again.
    """
    reader = ApplicationReader(CallbackRunner(), temporality, lambda _: None)
    reader.bind(provider)
    return reader


def _context_of(call: ToolCall) -> Context:
    """A context in which the call's span is current, for a sampled call; else an empty one, without an exemplar."""
    if not call.scope.sampled:
        return NO_SPAN
    if isinstance(call, trace.Span):
        return trace.set_span_in_context(call, NO_SPAN)
    if isinstance(call.context, trace.SpanContext):
        return trace.set_span_in_context(trace.NonRecordingSpan(call.context), NO_SPAN)
    return NO_SPAN
