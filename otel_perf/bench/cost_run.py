"""Drives the subjects through paired rounds: what a call costs its thread, and the whole process."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Final

from otel_perf.bench.machine import last_cache_bytes
from otel_perf.bench.plan import Plan
from otel_perf.bench.process import Child, Sink
from otel_perf.bench.report import CallCost, ProcessCost
from otel_perf.bench.workloads import WORKLOADS

__all__ = ["ratios", "start", "time_calls", "time_cold_calls", "time_processes"]

TIMED: Final = ("disabled", "sdk", "sdk_tuned", "sdk_metrics", "adopted", "local", "otlp")
LOADED: Final = ("bare", "sdk", "sdk_tuned", "sdk_metrics", "adopted", "local", "otlp")
SENDING: Final = frozenset({"sdk", "sdk_tuned", "sdk_metrics", "adopted", "otlp"})

Series = dict[str, list[float]]


@contextmanager
def start(sink: Sink, subjects: Sequence[str]) -> Iterator[Mapping[str, Child]]:
    """Start subjects side by side; all have ended afterwards."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(Child(name, sink.endpoint(name))) for name in subjects}


def in_turns(names: Sequence[str], rounds: int) -> Iterator[str]:
    """Every name once per round, forwards and backwards in turn, so that a drift hits all alike."""
    for turn in range(rounds):
        yield from names if turn % 2 == 0 else reversed(names)


def ratios(found: Sequence[float], base: Sequence[float]) -> float:
    """The median of the ratios of values that were measured next to each other."""
    return median(one / other for one, other in zip(found, base, strict=True))


def time_calls(sink: Sink, plan: Plan, tell: Callable[[str], None]) -> tuple[CallCost, ...]:
    """Bursts of every subject and workload, round by round."""
    wall: dict[str, Series] = {workload: defaultdict(list) for workload in WORKLOADS}
    cpu: dict[str, Series] = {workload: defaultdict(list) for workload in WORKLOADS}
    with start(sink, TIMED) as children:
        for name in in_turns(TIMED, plan.rounds):
            tell(f"calls: {name}")
            for workload in WORKLOADS:
                order = {"workload": workload, "calls": plan.burst_calls, "bursts": plan.bursts}
                found = children[name].ask("burst", **order)
                wall[workload][name].append(found["wall_ns"])
                cpu[workload][name].append(found["cpu_ns"])
    return tuple(
        CallCost(
            subject=name,
            workload=workload,
            wall_us=median(wall[workload][name]) / 1e3,
            cpu_us=median(cpu[workload][name]) / 1e3,
            to_span=ratios(cpu[workload][name], cpu[workload]["sdk"]),
            to_span_and_metrics=ratios(cpu[workload][name], cpu[workload]["sdk_metrics"]),
        )
        for workload in WORKLOADS
        for name in TIMED
    )


def time_cold_calls(sink: Sink, plan: Plan, tell: Callable[[str], None]) -> tuple[CallCost, ...]:
    """Leaf calls with cold caches: of the SDK, of this package, and of the context functions that both need."""
    names = ("sdk", "context", "otlp")
    found: Series = defaultdict(list)
    with start(sink, names) as children:
        for name in in_turns(names, 2):
            tell(f"cold calls: {name}")
            order = {"calls": plan.cold_calls // 2, "cache_bytes": last_cache_bytes()}
            found[name].append(children[name].ask("cold", **order)["wall_ns"])
    return tuple(
        CallCost(
            name, "cold", median(found[name]) / 1e3, median(found[name]) / 1e3, ratios(found[name], found["sdk"]), None
        )
        for name in names
    )


def time_processes(sink: Sink, plan: Plan, tell: Callable[[str], None]) -> tuple[ProcessCost, ...]:
    """The same steady load for every subject in turn; all threads count, until the last span has arrived."""
    per_call: Series = defaultdict(list)
    made: dict[str, int] = defaultdict(int)
    with start(sink, LOADED) as children:
        for child in children.values():
            child.ask("steady", rate=plan.process_rate, seconds=0.2)
        before = {name: sink.spans(name) for name in LOADED}
        for name in in_turns(LOADED, plan.process_rounds):
            tell(f"processor time: {name}")
            found = children[name].ask("steady", rate=plan.process_rate, seconds=plan.process_seconds)
            per_call[name].append(found["cpu_seconds"] / found["calls"] * 1e6)
            made[name] += int(found["calls"])
        lost = {name: made[name] - (sink.spans(name) - before[name]) for name in SENDING}
    added = {
        name: [one - bare for one, bare in zip(per_call[name], per_call["bare"], strict=True)] for name in LOADED[1:]
    }
    return tuple(
        ProcessCost(name, median(added[name]), ratios(added[name], added["sdk_metrics"]), lost.get(name))
        for name in LOADED[1:]
    )
