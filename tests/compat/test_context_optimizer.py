"""The context optimizer by its known names and call shapes."""

import subprocess
import sys
from typing import Any

import pytest

from otel_perf.compat.context_optimizer import CompressionResult, ContextWindowOptimizer, context_optimizer

TEXT = "".join(f"The library opens at {hour} today.  It closes at night.\n\n\n" for hour in range(900))


@pytest.fixture
def optimizer() -> ContextWindowOptimizer:
    """One without a history."""
    return ContextWindowOptimizer()


@pytest.mark.feature("S0-04", "S0-49")
def test_the_global_optimizer_is_there_and_starts_nothing() -> None:
    """Importing it makes no thread, opens no file, loads no SDK."""
    script = (
        "import sys, threading; from otel_perf.compat.context_optimizer import context_optimizer as c; "
        "assert threading.active_count() == 1; "
        "assert not {'opentelemetry.sdk', 'sqlite3', 'psutil', 'grpc'} & set(sys.modules); "
        "assert c.optimize_context('a  b').text == 'a b'; assert threading.active_count() == 1"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert isinstance(context_optimizer, ContextWindowOptimizer)


@pytest.mark.feature("S0-04", "S0-50")
def test_the_result_has_ratio_and_tokens(optimizer: ContextWindowOptimizer) -> None:
    """They format as in the example; the numbers are after by before, and a difference."""
    result = optimizer.optimize_context(TEXT, "comprehensive")
    assert isinstance(result, CompressionResult)
    assert f"{result.compression_ratio:.3f}" == f"{len(result.text.encode()) / len(TEXT.encode()):.3f}"
    assert type(result.tokens_saved) is int
    assert result.tokens_saved == result.tokens_before - result.tokens_after > 0
    assert optimizer.optimize_context("", "comprehensive").compression_ratio is None


@pytest.mark.feature("S0-51")
def test_an_unknown_technique_lists_the_valid_ones(optimizer: ContextWindowOptimizer) -> None:
    """All names of the documentation are among them."""
    with pytest.raises(ValueError, match="valid are") as caught:
        optimizer.optimize_context(TEXT, "magic")
    for name in ("whitespace", "comments", "json", "pattern", "summarize", "comprehensive"):
        assert name in str(caught.value)
        assert optimizer.optimize_context(TEXT, name).technique == name


@pytest.mark.feature("S0-39", "S0-52")
def test_adaptive_compression_by_position_and_by_keyword(optimizer: ContextWindowOptimizer) -> None:
    """5,000 and 8,000 tokens, both ways; the text fits."""
    for text, result in (
        optimizer.adaptive_compression(TEXT, 5000),
        optimizer.adaptive_compression(TEXT, context_limit=5000),
    ):
        assert result.fits
        assert result.tokens_after <= 5000 < result.tokens_before
        assert text == result.text
    text, result = optimizer.adaptive_compression(TEXT, context_limit=8000)
    assert result.fits
    assert result.tokens_after <= 8000
    assert optimizer.adaptive_compression(TEXT)[1].limit_tokens == 8000


@pytest.mark.feature("S0-39")
def test_what_cannot_fit_says_so(optimizer: ContextWindowOptimizer) -> None:
    """One endless sentence stays as it is."""
    text = "".join(chr(97 + (number * number) % 26) for number in range(10_000))
    same, result = optimizer.adaptive_compression(text, 5)
    assert (same, result.fits) == (text, False)


@pytest.mark.feature("S0-41")
def test_statistics_count_every_compression() -> None:
    """After N compressions the count is N; the history is bounded by its size."""
    optimizer = ContextWindowOptimizer(history_size=3)
    for _ in range(4):
        optimizer.optimize_context("a  b", "whitespace")
    optimizer.adaptive_compression("a  b")
    statistics = optimizer.get_compression_statistics()
    assert (statistics["count"], statistics["kept"]) == (5, 3)
    assert statistics["by_technique"]["whitespace"]["count"] == 4
    assert len(optimizer.get_compression_history()) == 3


def test_the_optimizer_of_the_process_is_measured(otel_perf_capture: Any) -> None:
    """Its compressions are points of the metrics."""
    context_optimizer.optimize_context("a  b", "whitespace")
    (ratio,) = otel_perf_capture.metrics()["otel_perf.compression.ratio"]
    assert (ratio.count, ratio.sum) == (1, 0.75)
