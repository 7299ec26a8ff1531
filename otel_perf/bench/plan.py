"""How much is measured: enough for the documentation, or a first impression."""

from dataclasses import dataclass
from typing import Final

__all__ = ["FULL", "QUICK", "Plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Repetitions and lengths of a run.

    Attributes:
        name: ``quick`` or ``full``.
        rounds: Paired rounds of bursts; every subject is visited once in each.
        bursts: Bursts per visit and workload.
        burst_calls: Calls in a burst: with one span inside each, they fit in the SDK's queue of 2,048.
        cold_calls: Calls that are made with cold caches.
        process_rounds: Paired rounds for the processor time of all threads.
        process_seconds: Length of such a load.
        process_rate: Calls per second of it; every subject delivers them without loss.
        latency_seconds: Length of each load under which single calls are timed.
        latency_rate: Calls per second of it.
        loop_rounds: Pairs of an untraced and a traced event loop.
        loop_seconds: Length of each.
        resident_calls: Calls before resident memory is compared.
        queued_calls: Calls in the queue when it is weighed.
        starts: Interpreters started for each measurement of a start or an end.
        dead_exits: Those that end with a backend that does not answer.
        idle_seconds: Length of doing nothing.
        benchmark_repeats: Repeats in OpenTelemetry's benchmark format.
        benchmark_seconds: Length of each.
        benchmark_rate: Spans per second of it.
        slow_rounds: Pairs of untraced and traced tools of 10 ms on 8 threads.
        slow_calls: Calls of each thread.
    """

    name: str
    rounds: int
    bursts: int
    burst_calls: int
    cold_calls: int
    process_rounds: int
    process_seconds: float
    process_rate: int
    latency_seconds: float
    latency_rate: int
    loop_rounds: int
    loop_seconds: float
    resident_calls: int
    queued_calls: int
    starts: int
    dead_exits: int
    idle_seconds: float
    benchmark_repeats: int
    benchmark_seconds: float
    benchmark_rate: int
    slow_rounds: int
    slow_calls: int


FULL: Final = Plan(
    name="full",
    rounds=15,
    bursts=4,
    burst_calls=250,
    cold_calls=300,
    process_rounds=5,
    process_seconds=2.0,
    process_rate=4_000,
    latency_seconds=8.0,
    latency_rate=4_000,
    loop_rounds=10,
    loop_seconds=3.0,
    resident_calls=1_000_000,
    queued_calls=20_000,
    starts=9,
    dead_exits=1,
    idle_seconds=60.0,
    benchmark_repeats=10,
    benchmark_seconds=15.0,
    benchmark_rate=10_000,
    slow_rounds=10,
    slow_calls=50,
)
"""About twelve minutes; half of it is OpenTelemetry's format, which wants ten repeats of 15 s per subject."""

QUICK: Final = Plan(
    name="quick",
    rounds=5,
    bursts=2,
    burst_calls=250,
    cold_calls=40,
    process_rounds=2,
    process_seconds=1.0,
    process_rate=4_000,
    latency_seconds=1.0,
    latency_rate=4_000,
    loop_rounds=3,
    loop_seconds=0.7,
    resident_calls=20_000,
    queued_calls=10_000,
    starts=3,
    dead_exits=0,
    idle_seconds=2.0,
    benchmark_repeats=1,
    benchmark_seconds=2.0,
    benchmark_rate=10_000,
    slow_rounds=2,
    slow_calls=20,
)
"""Under a minute: the tails (p99.9, maximum, memory after a million calls) are only hinted at."""
