"""The variable of the chat loop that shows a model's reasoning."""

from collections.abc import Iterator

import pytest

import otel_perf
from otel_perf.compat.chat_environment import apply_chat_environment
from otel_perf.testing.capture import Capture
from otel_perf.tracing.model_reasoning import record_reasoning, show_reasoning


@pytest.fixture(autouse=True)
def _off_again() -> Iterator[None]:
    """As a process starts."""
    yield
    show_reasoning(enabled=False)


@pytest.mark.feature("S4-34")
@pytest.mark.parametrize(
    ("environ", "kept"),
    [({}, False), ({"SHOW_LLM_REASONING": "false"}, False), ({"SHOW_LLM_REASONING": "yes, maybe"}, False),
     ({"SHOW_LLM_REASONING": "true"}, True), ({"SHOW_LLM_REASONING": " True "}, True)],
)  # fmt: skip
def test_reasoning_is_kept_only_where_the_variable_says_true(
    otel_perf_capture: Capture, environ: dict[str, str], *, kept: bool
) -> None:
    """Nothing but ``true`` switches it on, and what was on is switched off again."""
    show_reasoning(enabled=not kept)
    apply_chat_environment(environ)
    with otel_perf.tool_call("think"):
        record_reasoning("because")
    (span,) = otel_perf_capture.spans
    assert ("otel_perf.model.reasoning" in (span.attributes or {})) is kept
