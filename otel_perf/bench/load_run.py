"""Drives the subjects under load: single calls with each kind of backend, event loops, OpenTelemetry's format."""

import math
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import fmean, median, stdev
from typing import Final

from otel_perf.bench.cost_run import start
from otel_perf.bench.plan import Plan
from otel_perf.bench.process import Child, Sink
from otel_perf.bench.report import Latency, SteadyLoad

__all__ = ["loop_lag", "silent_backend", "slow_tools", "steady_loads", "time_single_calls"]

HEALTHY: Final = "healthy"
REFUSED: Final = "refused"
SILENT: Final = "silent"
CONDITIONS: Final = tuple((name, backend) for backend in (HEALTHY, REFUSED, SILENT) for name in ("sdk", "otlp"))

SLOW_THREADS: Final = 8
NORMAL_95: Final = 1.96
"""Standard errors on either side of a mean that hold 95 % (normal distribution)."""


def time_single_calls(sink: Sink, plan: Plan, tell: Callable[[str], None]) -> tuple[Latency, ...]:
    """Each subject with each backend, and this package with a queue that is always full."""
    found = []
    with silent_backend() as silent:
        addresses = {REFUSED: _refusing_address(), SILENT: silent}
        for name, backend in CONDITIONS:
            tell(f"latency, backend {backend}: {name}")
            if backend == HEALTHY:
                found.append(_with_sink(sink, name, backend, plan.latency_rate, plan))
            else:
                found.append(_without_backend(addresses[backend], name, backend, plan))
    tell("latency, queue full")
    found.append(_with_sink(sink, "full", HEALTHY, 0, plan))
    return tuple(found)


def _with_sink(sink: Sink, name: str, backend: str, rate: int, plan: Plan) -> Latency:
    sender = f"{name}-latency"
    with Child(name, sink.endpoint(sender)) as child:
        found = child.ask("latency", rate=rate, seconds=plan.latency_seconds)
        account = child.ask("account")
        told = account["dropped"] + account["rejected"] if account else None
        lost = int(account.get("recorded", found["calls"])) - sink.spans(sender)
    return Latency(subject=name, backend=backend, lost=lost, told=told, **found)


def _without_backend(address: str, name: str, backend: str, plan: Plan) -> Latency:
    with Child(name, address) as child:
        found = child.ask("latency", rate=plan.latency_rate, seconds=plan.latency_seconds)
        child.kill()
    return Latency(subject=name, backend=backend, lost=None, told=None, **found)


@contextmanager
def silent_backend() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def _refusing_address() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def loop_lag(sink: Sink, plan: Plan, tell: Callable[[str], None]) -> float:
    """How much later the event loop wakes at p99.9 with traced coroutines than with the same ones untraced, in ms.

    The median over pairs: a pair in which another process had the core for long does not count.
    """
    added = []
    with Child("otlp", sink.endpoint("loop")) as child:
        for turn in range(plan.loop_rounds):
            p999 = {}
            for traced in (False, True) if turn % 2 else (True, False):
                tell(f"event loop: {'traced' if traced else 'untraced'}")
                order = {"traced": traced, "rate": plan.latency_rate, "seconds": plan.loop_seconds}
                p999[traced] = _p999(child.ask("loop_lag", **order)["lags_ms"])
            added.append(p999[True] - p999[False])
    return median(added)


def _p999(values: list[float]) -> float:
    return sorted(values)[math.ceil(0.999 * len(values)) - 1]


def slow_tools(sink: Sink, plan: Plan, tell: Callable[[str], None]) -> float:
    """How much longer tools of 10 ms on 8 threads take when traced, in percent: the upper end of the 95 % interval."""
    changes: list[float] = []
    with Child("otlp", sink.endpoint("slow")) as child:
        for turn in range(plan.slow_rounds):
            tell("tools of 10 ms")
            seconds = {}
            for traced in (False, True) if turn % 2 else (True, False):
                order = {"traced": traced, "threads": SLOW_THREADS, "calls": plan.slow_calls}
                seconds[traced] = child.ask("slow_tools", **order)["wall_seconds"]
            changes.append(100 * (seconds[True] / seconds[False] - 1))
    return float(fmean(changes) + NORMAL_95 * stdev(changes) / math.sqrt(len(changes)))


def steady_loads(sink: Sink, plan: Plan, tell: Callable[[str], None]) -> tuple[SteadyLoad, ...]:
    """The SDK and this package in turn, in OpenTelemetry's benchmark format, each in a fresh process."""
    names = ("sdk", "otlp")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    lost = dict.fromkeys(names, 0)
    for repeat in range(plan.benchmark_repeats):
        for name in names if repeat % 2 == 0 else reversed(names):
            tell(f"{plan.benchmark_rate:,} spans/s: {name}")
            before = sink.spans(name)
            with start(sink, (name,)) as children:
                one = children[name].ask("steady", rate=plan.benchmark_rate, seconds=plan.benchmark_seconds)
                lost[name] += int(one["calls"]) - (sink.spans(name) - before)
            found[name].append(dict(one))
    return tuple(_steady(name, found[name], lost[name]) for name in names)


def _steady(name: str, runs: list[dict[str, float]], lost: int) -> SteadyLoad:
    cpu = [run["cpu_seconds"] / run["wall_seconds"] for run in runs]
    memory = [run["rss_peak_mib"] for run in runs]
    return SteadyLoad(
        subject=name,
        repeats=len(runs),
        rate=fmean(run["calls"] / run["load_seconds"] for run in runs),
        cpu_mean=fmean(cpu),
        cpu_deviation=stdev(cpu) if len(cpu) > 1 else None,
        cpu_peak=max(run["cpu_peak"] for run in runs),
        rss_mean_mib=fmean(memory),
        rss_deviation_mib=stdev(memory) if len(memory) > 1 else None,
        lost=lost,
    )
