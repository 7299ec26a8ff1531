"""One reading of every metric of the catalogue: from cells and sources to labelled values, of no SDK's types."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Final, NamedTuple, TypeVar

from otel_perf.core.guard import guard
from otel_perf.core.ledger import DestinationBalance
from otel_perf.core.operation_signals import OPERATION_DURATION
from otel_perf.core.records import Kind
from otel_perf.core.signal_spec import MetricSpec
from otel_perf.core.signals import METRICS, metric
from otel_perf.meters.cache_ratio import cache_ratios
from otel_perf.meters.cell import NANOSECONDS, CallExemplar, CellSnapshot
from otel_perf.meters.fold import ToolMeters
from otel_perf.meters.roster import OTHER
from otel_perf.meters.sources import MetricSources, OpenCalls
from otel_perf.meters.values import HistogramReading, Labels, NumberReading, labels_of

__all__ = ["Readings", "read_metrics"]

T = TypeVar("T")

_CATALOGUE: Final = frozenset(METRICS)
_name: Final = attrgetter("name")


class Readings(NamedTuple):
    """Values by metric. One that is missing was not measured."""

    numbers: Mapping[MetricSpec, list[NumberReading]]
    histograms: Mapping[MetricSpec, list[HistogramReading]]

    def metrics(self) -> list[MetricSpec]:
        """What was measured: the catalogue's metrics in its order, then those which the application made up."""
        found = {*self.numbers, *self.histograms}
        return [*(spec for spec in METRICS if spec in found), *sorted(found - _CATALOGUE, key=_name)]


def read_metrics(meters: ToolMeters, sources: MetricSources) -> Readings:
    """Read everything once. Never raises: a source that fails is counted, and its metrics are missing."""
    cells = meters.snapshot()
    histograms = {
        metric("gen_ai.execute_tool.duration"): _durations(cells, "tool", _tool_labels),
        metric("gen_ai.invoke_agent.duration"): _durations(cells, "agent", _agent_labels),
        OPERATION_DURATION: _durations(cells, "operation", _operation_labels),
        **meters.measured.histograms(),
    }
    numbers: dict[MetricSpec, list[NumberReading]] = {**_call_counts(cells), **meters.measured.numbers()}
    numbers.update(guard.call("meters.sources", cache_ratios, numbers) or {})
    for read in (_self_time, _open_calls):
        numbers.update(guard.call("meters.sources", read, meters, sources) or {})
    for read_source in (_measurements, _events, _call_balance, _destinations, _worker, _internal_errors, _observed):
        numbers.update(guard.call("meters.sources", read_source, sources) or {})
    return Readings(
        {spec: values for spec, values in numbers.items() if values},
        {spec: values for spec, values in histograms.items() if values},
    )


# -- from cells ------------------------------------------------------------------------------------------------


def _labels(*pairs: tuple[str, str | None]) -> Labels:
    return tuple((name, value) for name, value in pairs if value is not None)


def _tool_labels(cell: CellSnapshot) -> Labels:
    key = cell.key
    return _labels(("gen_ai.tool.name", key.name), ("gen_ai.agent.name", key.agent), ("error.type", key.error_type))


def _agent_labels(cell: CellSnapshot) -> Labels:
    return _labels(("gen_ai.agent.name", cell.key.name), ("error.type", cell.key.error_type))


def _operation_labels(cell: CellSnapshot) -> Labels:
    key = cell.key
    outcome = ("otel_perf.outcome", key.outcome)
    return _labels(("otel_perf.operation.name", key.name), outcome, ("error.type", key.error_type))


def _durations(
    cells: Iterable[CellSnapshot], kind: Kind, labels_of: Callable[[CellSnapshot], Labels]
) -> list[HistogramReading]:
    grouped: defaultdict[Labels, list[CellSnapshot]] = defaultdict(list)
    for cell in cells:
        if cell.key.kind == kind:
            grouped[labels_of(cell)].append(cell)
    return [_histogram(labels, group) for labels, group in grouped.items()]


def _histogram(labels: Labels, cells: list[CellSnapshot]) -> HistogramReading:
    return HistogramReading(
        labels=labels,
        counts=cells[0].counts
        if len(cells) == 1
        else tuple(map(sum, zip(*(cell.counts for cell in cells), strict=True))),
        total=sum(cell.total_ns for cell in cells) / NANOSECONDS,
        minimum=min(cell.min_ns for cell in cells) / NANOSECONDS,
        maximum=max(cell.max_ns for cell in cells) / NANOSECONDS,
        exemplars=_newest_exemplars(cells),
    )


def _newest_exemplars(cells: Iterable[CellSnapshot]) -> tuple[CallExemplar, ...]:
    newest: dict[int, CallExemplar] = {}
    for cell in cells:
        for bucket, exemplar in cell.exemplars:
            kept = newest.get(bucket)
            if kept is None or exemplar.time_unix_ns > kept.time_unix_ns:
                newest[bucket] = exemplar
    return tuple(newest[bucket] for bucket in sorted(newest))


def _call_counts(cells: Iterable[CellSnapshot]) -> dict[MetricSpec, list[NumberReading]]:
    """Calls, edges and edge time. The number of calls is the sum of the buckets, so it equals the histogram's."""
    calls: defaultdict[Labels, int] = defaultdict(int)
    edges: defaultdict[Labels, int] = defaultdict(int)
    times: defaultdict[Labels, int] = defaultdict(int)
    for cell in cells:
        key, count = cell.key, sum(cell.counts)
        outcome = ("otel_perf.outcome", key.outcome)
        edge = (("otel_perf.caller", key.caller), ("otel_perf.callee", key.name))
        edges[(*edge, outcome)] += count
        times[edge] += cell.total_ns
        if key.kind == "tool":
            calls[("gen_ai.tool.name", key.name), outcome] += count
    return {
        metric("otel_perf.tool.calls"): [NumberReading(*item) for item in calls.items()],
        metric("otel_perf.tool.edges"): [NumberReading(*item) for item in edges.items()],
        metric("otel_perf.tool.edge.time"): [
            NumberReading(labels, time / NANOSECONDS) for labels, time in times.items()
        ],
    }


# -- from sources ----------------------------------------------------------------------------------------------


def _by_tool(meters: ToolMeters, values: Mapping[str, T]) -> Iterator[tuple[str, T]]:
    for name, value in values.items():
        yield meters.bounded_tool(name), value


def _self_time(meters: ToolMeters, sources: MetricSources) -> dict[MetricSpec, list[NumberReading]]:
    seconds: defaultdict[str, float] = defaultdict(float)
    for tool, value in _by_tool(meters, sources.self_time_seconds()):
        seconds[tool] += value
    return {metric("otel_perf.tool.self_time"): [_of_tool(tool, value) for tool, value in seconds.items()]}


def _of_tool(tool: str, value: float) -> NumberReading:
    return NumberReading((("gen_ai.tool.name", tool),), value)


def _open_calls(meters: ToolMeters, sources: MetricSources) -> dict[MetricSpec, list[NumberReading]]:
    """Every tool that was ever seen has a value: a gauge that ends with its last call would still show it as open."""
    named = list(_by_tool(meters, sources.open_calls()))
    nothing = OpenCalls(0, 0.0)
    merged = dict.fromkeys(meters.tools(), nothing)
    for tool, calls in named:
        seen = merged.get(tool, nothing)
        merged[tool] = OpenCalls(seen.running + calls.running, max(seen.oldest_age_seconds, calls.oldest_age_seconds))
    merged.setdefault(OTHER, nothing)
    if merged[OTHER] == nothing:
        del merged[OTHER]
    return {
        metric("otel_perf.tool.in_flight"): [_of_tool(tool, calls.running) for tool, calls in merged.items()],
        metric("otel_perf.tool.oldest_call.age"): [
            _of_tool(tool, calls.oldest_age_seconds) for tool, calls in merged.items()
        ],
    }


def _call_balance(sources: MetricSources) -> dict[MetricSpec, list[NumberReading]]:
    balance = sources.calls()
    if balance is None:
        return {}
    states = {"recorded": balance.span_recorded, "sampled_out": balance.sampled_out, "disabled": balance.disabled}
    return {
        metric("otel_perf.self.calls"): [
            NumberReading((("otel_perf.state", state),), n) for state, n in states.items()
        ],
        metric("otel_perf.self.foreign_spans"): [NumberReading((), balance.foreign_spans)],
    }


def _measurements(sources: MetricSources) -> dict[MetricSpec, list[NumberReading]]:
    balance = sources.measurements()
    if balance is None:
        return {}
    states = {
        "recorded": balance.recorded,
        "invalid": balance.invalid,
        "dropped": balance.dropped,
        "disabled": balance.disabled,
    }
    return {
        metric("otel_perf.self.measurements"): [
            NumberReading((("otel_perf.state", state),), n) for state, n in states.items()
        ]
    }


def _events(sources: MetricSources) -> dict[MetricSpec, list[NumberReading]]:
    balance = sources.events()
    if balance is None:
        return {}
    states = {"recorded": balance.recorded, "dropped": balance.dropped, "disabled": balance.disabled}
    return {
        metric("otel_perf.self.events"): [
            NumberReading((("otel_perf.state", state),), n) for state, n in states.items()
        ]
    }


def _observed(sources: MetricSources) -> dict[MetricSpec, list[NumberReading]]:
    found: defaultdict[MetricSpec, list[NumberReading]] = defaultdict(list)
    for spec, value, labels, *_ in sources.observed():
        found[spec].append(NumberReading(labels_of(spec.attributes, labels), value))
    return found


def _destinations(sources: MetricSources) -> dict[MetricSpec, list[NumberReading]]:
    settled: list[NumberReading] = []
    waiting: list[NumberReading] = []
    on_disk: list[NumberReading] = []
    for balance in sources.destinations():
        where = (("otel_perf.destination", balance.destination), ("otel_perf.signal", balance.signal))
        settled.extend(_settled(where, balance))
        states = {"queued": balance.queued, "in_flight": balance.in_flight, "spooled": balance.spooled}
        waiting.extend(NumberReading((*where, ("otel_perf.state", state)), n) for state, n in states.items())
        if balance.spool_bytes is not None:
            on_disk.append(NumberReading(where, balance.spool_bytes))
    return {
        metric("otel_perf.self.items"): settled,
        metric("otel_perf.self.items.waiting"): waiting,
        metric("otel_perf.self.spool.bytes"): on_disk,
    }


def _settled(where: Labels, balance: DestinationBalance) -> Iterator[NumberReading]:
    plain = {
        "exported": balance.exported,
        "tail_sampled": balance.tail_sampled,
        "uncertain": balance.uncertain,
    }
    for state, items in plain.items():
        yield NumberReading((*where, ("otel_perf.state", state)), items)
    for state, reasons in (("rejected", balance.rejected), ("dropped", balance.dropped)):
        for reason, items in reasons.items():
            yield NumberReading((*where, ("otel_perf.state", state), ("otel_perf.reason", reason)), items)


def _worker(sources: MetricSources) -> dict[MetricSpec, list[NumberReading]]:
    values = {
        metric("otel_perf.self.queue.items"): sources.queue_items(),
        metric("otel_perf.self.worker.cpu_time"): sources.worker_cpu_seconds(),
    }
    return {spec: [NumberReading((), value)] for spec, value in values.items() if value is not None}


def _internal_errors(sources: MetricSources) -> dict[MetricSpec, list[NumberReading]]:
    errors = dict(sources.internal_errors())
    return {
        metric("otel_perf.self.internal_errors"): [
            NumberReading((("otel_perf.stage", stage),), count) for stage, count in errors.items()
        ]
    }
