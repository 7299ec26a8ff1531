"""The outcome of a run as data: what the table, the JSON form and the documentation are made from."""

import json
from dataclasses import asdict, dataclass
from typing import Final

from otel_perf.bench.machine import Machine

__all__ = ["Budget", "CallCost", "Latency", "ProcessCost", "Report", "SteadyLoad"]

FORMAT_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class CallCost:
    """What tracing adds to one call, on the thread that makes it; medians over the paired rounds.

    Attributes:
        subject: Key of the subject.
        workload: Key of the workload.
        wall_us: Microseconds by the clock.
        cpu_us: Microseconds of the thread's processor time, which other processes disturb less.
        to_span: ``cpu_us`` as a ratio to the SDK's span doing the same, pair by pair; None where that is not known.
        to_span_and_metrics: The same against span + histogram + counter.
    """

    subject: str
    workload: str
    wall_us: float
    cpu_us: float
    to_span: float | None
    to_span_and_metrics: float | None


@dataclass(frozen=True, slots=True)
class ProcessCost:
    """What tracing costs the whole process per call, until the last span was delivered.

    Attributes:
        subject: Key of the subject.
        cpu_us: Microseconds of processor time of all threads, less those of the same load untraced.
        to_span_and_metrics: As a ratio to SDK span + histogram + counter, pair by pair.
        lost: Spans that were made and did not arrive; None when nothing is sent.
    """

    subject: str
    cpu_us: float
    to_span_and_metrics: float | None
    lost: int | None


@dataclass(frozen=True, slots=True)
class Latency:
    """What tracing adds to single calls under load, in microseconds by the clock.

    Attributes:
        subject: Key of the subject.
        backend: What the backend does.
        calls: Calls timed.
        p50_us: Median.
        p99_us: 99 % of the calls stay below.
        p999_us: 99.9 % of the calls stay below.
        max_us: The slowest.
        lost: Spans that did not arrive at a healthy backend; None for the others.
        told: Spans that the subject itself says it has lost; None when it does not say.
    """

    subject: str
    backend: str
    calls: int
    p50_us: float
    p99_us: float
    p999_us: float
    max_us: float
    lost: int | None
    told: int | None


@dataclass(frozen=True, slots=True)
class SteadyLoad:
    """A subject in OpenTelemetry's benchmark format: a steady rate of spans, repeated.

    Attributes:
        subject: Key of the subject.
        repeats: How often.
        rate: Spans per second that were reached.
        cpu_mean: Share of one core, mean over the repeats.
        cpu_deviation: Its standard deviation; None with one repeat.
        cpu_peak: The busiest second of all.
        rss_mean_mib: Peak of resident memory, mean over the repeats.
        rss_deviation_mib: Its standard deviation; None with one repeat.
        lost: Spans that were made and did not arrive, all repeats together.
    """

    subject: str
    repeats: int
    rate: float
    cpu_mean: float
    cpu_deviation: float | None
    cpu_peak: float
    rss_mean_mib: float
    rss_deviation_mib: float | None
    lost: int


@dataclass(frozen=True, slots=True)
class Budget:
    """One promise, and what was measured.

    Attributes:
        key: Its name in the JSON form.
        what: Its meaning.
        value: Measured; None when this run did not measure it.
        limit: What it must not exceed.
        unit: Of both.
    """

    key: str
    what: str
    value: float | None
    limit: float
    unit: str

    @property
    def met(self) -> bool | None:
        """Whether it was kept; None when it was not measured."""
        return None if self.value is None else self.value <= self.limit


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a run found.

    Attributes:
        machine: Where.
        plan: ``quick`` or ``full``.
        seconds: How long the run took.
        budgets: The promises.
        calls: Cost on the calling thread.
        processes: Cost of the whole process.
        latencies: Single calls under load.
        steady: OpenTelemetry's benchmark format.
    """

    machine: Machine
    plan: str
    seconds: float
    budgets: tuple[Budget, ...]
    calls: tuple[CallCost, ...]
    processes: tuple[ProcessCost, ...]
    latencies: tuple[Latency, ...]
    steady: tuple[SteadyLoad, ...]

    @property
    def missed(self) -> tuple[Budget, ...]:
        """The promises that were not kept."""
        return tuple(budget for budget in self.budgets if budget.met is False)

    def to_json(self) -> str:
        """The whole report, indented."""
        plain = asdict(self)
        for budget, found in zip(plain["budgets"], self.budgets, strict=True):
            budget["met"] = found.met
        return json.dumps({"format_version": FORMAT_VERSION, **plain}, indent=2)
