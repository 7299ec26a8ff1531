"""The blocks of ``docs/measuring.md`` run as they stand."""

import re
from pathlib import Path
from typing import Any

import otel_perf
from otel_perf.testing.capture import Capture

PAGE = Path(__file__).resolve().parents[2] / "docs" / "measuring.md"


def test_every_block_runs_and_is_measured(otel_perf_capture: Capture) -> None:
    """One after the other, as a reader would paste them; what they say they measure is measured."""
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {"otel_perf": otel_perf}

    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102 - the page is ours
    found = otel_perf_capture.metrics()

    for metric in (
        "otel_perf.operation.duration",
        "otel_perf.command.executions",
        "otel_perf.context.preparation.duration",
        "otel_perf.interface.switch.duration",
        "otel_perf.state.transition.duration",
        "otel_perf.cache.requests",
        "otel_perf.compression.ratio",
        "gen_ai.client.token.usage",
        "otel_perf.model.cost",
        "otel_perf.budget.tokens.remaining",
        "otel_perf.rate_limit.decisions",
        "otel_perf.kpi.response_quality",
        "otel_perf.kpi.f1_score",
        "otel_perf.evaluation.score",
        "documents.indexed",
        "documents.size",
    ):
        assert found[metric], metric
    assert [event.spec.name for event in otel_perf_capture.events] == ["gen_ai.evaluation.result"]
