"""The promised sample of use, run as it is written."""

from typing import Any

import pytest

import otel_perf
from otel_perf.compat import benchmarker, context_optimizer, monitor
from otel_perf.testing.capture import Capture

SAMPLE = """
# Import global instances
from performance.benchmarker import benchmarker
from performance.monitor import monitor, start_performance_monitoring  
from performance.context_optimizer import context_optimizer

# Start monitoring
start_performance_monitoring()

# Use in your application
with benchmarker.measure_operation("user_command"):
    with monitor.measure_command("process_request"):
        # Your application code
        optimized_text, compression_result = context_optimizer.adaptive_compression(
            user_input, context_limit=8000
        )
        result = process_request(optimized_text)

# Get comprehensive statistics
performance_stats = benchmarker.get_summary_statistics()
system_metrics = monitor.get_metrics_summary()
compression_stats = context_optimizer.get_compression_statistics()
"""  # noqa: W291 - as it is written


@pytest.mark.feature("S0-74")
def test_the_sample_runs_as_written(otel_perf_capture: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three levels of spans, the compression described on its own level, and three statistics that know of it."""
    import sys
    import types

    package = types.ModuleType("performance")
    monkeypatch.setitem(sys.modules, "performance", package)
    for module in (benchmarker, monitor, context_optimizer):
        monkeypatch.setitem(sys.modules, f"performance.{module.__name__.rpartition('.')[2]}", module)
    before = len(benchmarker.benchmarker)

    @otel_perf.tool
    def process_request(text: str) -> int:
        return len(text)

    names: dict[str, Any] = {"user_input": "a  b\n\n\n\n" * 8000, "process_request": process_request}
    try:
        exec(SAMPLE, names)  # noqa: S102 - the text above
    finally:
        assert monitor.stop_performance_monitoring()

    assert otel_perf_capture.tree() == "user_command\n  command process_request\n    execute_tool process_request"
    described = dict(otel_perf_capture.span("command process_request").attributes or {})
    result = names["compression_result"]
    assert described["otel_perf.compression.tokens_after"] == result.tokens_after
    assert (names["result"], result.fits) == (len(names["optimized_text"]), True)
    assert names["performance_stats"]["operations"]["user_command"]["count"] >= 1
    assert len(benchmarker.benchmarker) == before + 1
    assert names["system_metrics"]["commands"]["by_name"]["process_request"]["count"]["value"] >= 1
    assert names["compression_stats"]["count"] >= 1
