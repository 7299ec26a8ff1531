"""The ledger is exact at every moment, whatever goes on."""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import otel_perf
from otel_perf.core.intake import intake
from otel_perf.runtime.handle import Handle
from tests.sinks.http_sink import http_sink

THREADS = 8
SNAPSHOTS = 1000


class Caller:
    """One thread's calls: traced, nested, failed, and suppressed ones, by chance."""

    def __init__(self, seed: int, stop: threading.Event) -> None:
        self._random = random.Random(seed)
        self._stop = stop
        self.made: Counter[str] = Counter()

    def run(self) -> None:
        """Call until told to stop, at a pace that lets the others in."""
        while not self._stop.wait(0.002):
            for _ in range(10):
                self._one()

    def _one(self) -> None:
        way = self._random.random()
        if way < 0.2:
            with otel_perf.suppress():
                self.call("suppressed")
        elif way < 0.3:
            with otel_perf.agent("a"), otel_perf.tool_call("outer"):
                self.made["agent"] += 1
                self.made["outer"] += 1
                self.call("inner")
        elif way < 0.4:
            self._fail()
        else:
            self.call("plain")

    def _fail(self) -> None:
        try:
            with otel_perf.tool_call("failing"):
                self.made["failing"] += 1
                raise ValueError
        except ValueError:
            pass

    def call(self, name: str) -> None:
        """One call of that name."""
        self.made[name] += 1
        with otel_perf.tool_call(name):
            pass


def all_of(callers: list[Caller]) -> Counter[str]:
    """The calls that were made, by name."""
    made: Counter[str] = Counter()
    for caller in callers:
        made += caller.made
    return made


def look(handle: Handle, *, flush: bool) -> int:
    """The number of calls in one snapshot, which must be balanced."""
    status = handle.status()
    assert status.balanced, status
    if flush:
        handle.flush(5)
    return status.calls.calls


def test_the_equation_holds_in_every_snapshot() -> None:
    """A thousand looks while eight threads call, sample, disable, fail and flush; at the end every call is counted."""
    stop = threading.Event()
    callers = [Caller(seed, stop) for seed in range(THREADS)]
    disabled_before = intake.disabled
    with http_sink() as sink, otel_perf.instrument(endpoint=sink.url, sampling_ratio=0.5) as handle:
        start_calls, errors_before = handle.status().calls.calls, handle.status().internal_errors
        with ThreadPoolExecutor(THREADS) as pool:
            running = [pool.submit(caller.run) for caller in callers]
            moments = random.Random(0)
            seen = []
            for number in range(SNAPSHOTS):
                stop.wait(moments.random() * 0.003)
                seen.append(look(handle, flush=number % 100 == 50))
            stop.set()
            for future in running:
                future.result(60)
        handle.flush(20)
        status = handle.status()

        made = all_of(callers)
        calls = status.calls
        assert status.balanced
        assert seen == sorted(seen)
        assert made.total() > 2 * SNAPSHOTS
        assert calls.calls - start_calls == made.total()
        assert calls.disabled - disabled_before == made["suppressed"]
        assert 0.3 < calls.span_recorded / (calls.span_recorded + calls.sampled_out) < 0.7
        (spans,) = (entry for entry in status.destinations if entry.signal == "traces")
        assert spans.accepted == spans.exported == calls.span_recorded == sink.spans
        assert status.internal_errors == errors_before


def test_the_equation_holds_while_calls_are_dropped() -> None:
    """With ``overflow="drop"`` and a tiny queue every dropped call has its reason and its count."""
    stop = threading.Event()
    callers = [Caller(seed, stop) for seed in range(4)]
    with (
        http_sink() as sink,
        otel_perf.instrument(endpoint=sink.url, overflow="drop", queue_max_calls=64) as handle,
    ):
        start_calls = handle.status().calls.calls
        with ThreadPoolExecutor(4) as pool:
            running = [pool.submit(caller.run) for caller in callers]
            seen = 0
            while seen < 5_000:
                status = handle.status()
                assert status.balanced
                seen = status.calls.calls - start_calls
            stop.set()
            for future in running:
                future.result(60)
        handle.flush(20)
        status = handle.status()

        made = all_of(callers)
        assert status.balanced
        assert status.calls.calls - start_calls == made.total()
        (spans,) = (entry for entry in status.destinations if entry.signal == "traces")
        assert spans.accepted == status.calls.span_recorded
        assert spans.exported == sink.spans
        assert spans.dropped["queue_full"] > 0
        assert spans.accepted == spans.exported + spans.dropped["queue_full"]
