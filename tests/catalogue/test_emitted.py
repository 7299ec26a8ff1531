"""What is emitted is in the catalogue, and what is in the catalogue is emitted: one program that uses everything."""

import asyncio
import gc
import threading
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace

import otel_perf
from otel_perf.core import clock
from otel_perf.core.kpis import record_adaptation
from otel_perf.core.signals import EVENTS, METRICS
from otel_perf.optimize.budget import CostBudget, TokenBudget
from otel_perf.optimize.cache import ResultCache
from otel_perf.optimize.cache_file import CacheFile
from otel_perf.optimize.compression import compress
from otel_perf.optimize.context_input import should_inject_context
from otel_perf.optimize.conversation import Conversation
from otel_perf.optimize.model_cost import use_prices
from otel_perf.optimize.prices import Price
from otel_perf.optimize.rate_limiter import TokenBucket
from otel_perf.optimize.tokens import counter_for
from otel_perf.optimize.trim_policy import TrimPolicy
from otel_perf.pipeline.slo_board import slo_board
from otel_perf.probes import gpu
from otel_perf.probes.active_projects import record_active_projects
from otel_perf.probes.event_loop import watch_event_loop
from otel_perf.probes.interactions import (
    command,
    context_preparation,
    interface_call,
    interface_switch,
    state_transition,
)
from otel_perf.probes.speed import SpeedThresholds
from otel_perf.statistics.slo import SloTarget
from otel_perf.testing.capture import Capture
from otel_perf.testing.recording import recording
from tests.probes.test_gpu import FakeNvml

ABSENT_ON_MANY_MACHINES = {
    "process.windows.handle.count": "Windows only",
    "system.cpu.frequency": "virtual machines do not tell it",
    "system.cpu.physical.count": "nor this",
    "system.paging.usage": "without swap",
    "system.paging.utilization": "without swap",
    "system.paging.faults": "Linux only",
    "system.paging.operations": "without swap",
    "system.memory.linux.available": "Linux only",
    "system.disk.io": "without a block device",
    "system.disk.operations": "without a block device",
    "system.disk.merged": "without a block device",
    "system.disk.operation_time": "without a block device",
    "system.disk.io_time": "without a block device",
    "process.disk.io": "where the kernel does not account it",
    "system.filesystem.usage": "without a file system of a known kind",
    "system.filesystem.utilization": "without a file system of a known kind",
    "system.filesystem.limit": "without a file system of a known kind",
    "container.cpu.time": "outside of a container",
    "otel_perf.container.cpu.limit": "without a limit",
    "otel_perf.container.cpu.throttled.time": "without a limit",
    "otel_perf.process.memory.unique": "where the system refuses it",
    "system.network.connection.count": "where the system refuses it",
    "otel_perf.top_process.cpu.utilization": "before the second look, a minute after the first",
}
"""What a test cannot ask every machine for; tests/probes shows each with a machine made up for it."""

ONLY_WITH_A_DESTINATION = {"otel_perf.self.items", "otel_perf.self.items.waiting", "otel_perf.self.spool.bytes"}


def use_calls() -> None:
    """Tools, agents, an internal error, a model call of another library."""

    @otel_perf.tool
    def fails() -> None:
        raise LookupError

    with otel_perf.agent("helper"), pytest.raises(LookupError):
        fails()
    otel_perf.record_tokens(input="no number")  # type: ignore[arg-type]
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "my-model",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 10,
        "gen_ai.response.time_to_first_chunk": 0.2,
    }
    with trace.get_tracer("another library").start_as_current_span("chat my-model", attributes=attributes):
        pass


def use_models() -> None:
    """Tokens, prices, budgets."""
    use_prices({"my-model": Price(input=0.5, output=1.5, cache_read=0.1, cache_write=0.6)})
    tokens = {"input": 1000, "output": 10, "cache_read": 5, "cache_write": 5, "reasoning": 5}
    with TokenBudget(1_000, name="all"), CostBudget(0.0001, name="all"):
        otel_perf.record_tokens(model="my-model", provider="mine", **tokens)
    otel_perf.record_tokens(model="nobody knows its price", provider="nobody", **tokens)


def use_operations() -> None:
    """A measured one that is slow, long enough for a CPU time, and all others."""
    with otel_perf.measure("busy", thresholds=SpeedThresholds(moderate_seconds=0.001, slow_seconds=0.002)):
        until_ns = clock.monotonic_ns() + 100_000_000
        while clock.monotonic_ns() < until_ns:
            sum(range(1000))
    with command("c"), context_preparation("auto"), interface_call("i"), interface_switch("i", "j"):
        pass
    with state_transition("a", "b", machine="m"):
        pass


def use_payloads(folder: Path) -> list[object]:
    """Caches, compression, conversations, limits; what is gone has no size any more, so they are given back."""
    with ResultCache[int, int]("c", max_entries=1, max_bytes=10_000, file=CacheFile(folder / "cache.json")) as cache:
        for number in (1, 1, 2):
            cache.get_or_compute(number, lambda: 1)
        cache.save()
    compress("a  b\n\n\n\nc " * 50)
    policy = TrimPolicy(max_history_pairs=1)
    conversation: Conversation[Any] = Conversation(policy, name="c", counter=counter_for("gpt-4o"), context_window=20)
    for number in range(30):
        conversation.append({"role": "user", "content": f"a question with number {number}"})
    should_inject_context("short")
    bucket = TokenBucket("b", rate_per_second=1000, capacity=1)
    for _ in range(2):
        bucket.acquire(timeout_seconds=1.0)
    narrow = TokenBucket("narrow", rate_per_second=0.001, capacity=1, max_keys=1)
    for key in "aba":
        narrow.try_acquire(key)
    return [cache, conversation, bucket, narrow]


def use_indicators() -> None:
    """Every indicator, scores, targets."""
    slo_board.watch(SloTarget("success_rate", 0.9), SloTarget("f1_score", 0.5))
    for spec in METRICS:
        if spec.name.startswith("otel_perf.kpi.") and not spec.unit.startswith("{"):
            otel_perf.record_kpi(spec.name.removeprefix("otel_perf.kpi."), 0.9, model="m")
    otel_perf.record_kpi("f1_score", 7.0)
    record_adaptation(True)
    otel_perf.record_score("faithfulness", 0.9, label="good", trace="4bf92f3577b34da6a3ce929d0e0e4736")
    record_active_projects(3)


async def use_event_loop() -> None:
    """Watched long enough for one value."""
    watch = watch_event_loop(0.01)
    await asyncio.sleep(0.1)
    watch.stop()


def after_another_look(capture: Capture) -> set[str]:
    """All names once the shares of time are known: for these two looks must lie half a second apart."""
    waiting, found = threading.Event(), set(capture.metrics())
    for _ in range(50):
        if {"system.cpu.utilization", "process.cpu.utilization"} <= found:
            break
        waiting.wait(0.1)
        capture.look_at_the_system()
        found = set(capture.metrics())
    return found


@pytest.fixture
def capture(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Everything that can be asked for, with two GPUs."""
    monkeypatch.setattr(gpu, "load_nvml", FakeNvml)
    with recording(deterministic=False, top_processes=3, connection_metrics=True) as recorded:
        yield recorded
    slo_board.clear()
    use_prices(None)


def test_everything_in_the_catalogue_is_emitted_and_nothing_else(capture: Capture, tmp_path: Path) -> None:
    """The names of one run that uses all of it, and the catalogue's, are the same."""
    capture.look_at_the_system()
    use_calls()
    use_models()
    use_operations()
    kept = use_payloads(tmp_path)
    use_indicators()
    asyncio.run(use_event_loop())
    gc.collect()
    with otel_perf.tool_call("still running"):
        found = after_another_look(capture)
    catalogue = {spec.name for spec in METRICS}
    del kept

    assert found <= catalogue
    assert sorted(catalogue - found - {*ABSENT_ON_MANY_MACHINES, *ONLY_WITH_A_DESTINATION}) == []
    assert {event.spec.name for event in capture.events} <= {event.name for event in EVENTS}
