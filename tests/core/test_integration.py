"""The hook for memory benchmarks, overflow handling and model adaptation."""

from typing import Any

import pytest

from otel_perf.core.integration import IntegrationHook, integration_hook
from otel_perf.testing.capture import Capture
from otel_perf.testing.hook import HookDouble


class MemoryBenchmark:
    """A system that is not ours: it measures, handles overflows, adapts, and tells its hook."""

    def __init__(self, hook: IntegrationHook) -> None:
        self._hook = hook

    def run(self) -> str:
        self._hook.on_benchmark("nightly", {"peak_memory_bytes": 1.5e9, "f1_score": 0.8})
        self._hook.on_overflow("support")
        self._hook.on_adaptation(success=True, model="small-1")
        self._hook.on_adaptation(success=False, model="small-1")
        return "done"


def test_the_double_remembers_what_it_was_told() -> None:
    """It fits the protocol, and nothing is recorded by it."""
    double = HookDouble()
    assert isinstance(double, IntegrationHook)
    assert MemoryBenchmark(double).run() == "done"
    assert double.benchmarks == [("nightly", {"peak_memory_bytes": 1.5e9, "f1_score": 0.8})]
    assert double.overflows == ["support"]
    assert double.adaptations == [(True, "small-1"), (False, "small-1")]


@pytest.mark.feature("S2-61", "S2-62", "S2-63")
def test_what_the_systems_tell_becomes_metrics(otel_perf_capture: Capture) -> None:
    """Benchmark figures, overflows and adaptations, each under its own name and label."""
    assert isinstance(integration_hook, IntegrationHook)
    MemoryBenchmark(integration_hook).run()
    metrics = otel_perf_capture.metrics()
    values = {name: [(p.value, p.attributes) for p in points] for name, points in metrics.items() if "self" not in name}
    model = {"gen_ai.request.model": "small-1"}
    assert values == {
        "benchmark.peak_memory_bytes": [(1.5e9, {"benchmark": "nightly"})],
        "benchmark.f1_score": [(0.8, {"benchmark": "nightly"})],
        "otel_perf.context.overflow": [(1, {"otel_perf.conversation.name": "support"})],
        "otel_perf.kpi.adaptation.attempts": [(2, model)],
        "otel_perf.kpi.adaptation.successes": [(1, model)],
    }


@pytest.mark.feature("S2-68")
@pytest.mark.parametrize("figures", [None, 5, {"a": object()}, {object(): 1}, [1, 2]])
def test_nothing_that_a_system_says_raises_into_it(figures: Any) -> None:
    """Whatever the hook is given, with and without a pipeline."""
    integration_hook.on_benchmark("b", figures)
    integration_hook.on_overflow(figures)
    integration_hook.on_adaptation(success=figures, model=figures)


@pytest.mark.feature("S2-68")
def test_nothing_raises_while_recording(otel_perf_capture: Capture) -> None:
    """The same within a pipeline, which goes on."""
    for figures in (None, 5, {"a": object()}, [1, 2]):
        test_nothing_that_a_system_says_raises_into_it(figures)
    integration_hook.on_overflow()
    assert otel_perf_capture.metrics()["otel_perf.context.overflow"]
