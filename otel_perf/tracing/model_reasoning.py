"""What a model thought, on the span of its call: only where the application asked to see it."""

from otel_perf.core.guard import guard
from otel_perf.tracing.capture import capture_setting
from otel_perf.tracing.current_span import add_to_current_span

__all__ = ["MAX_CHARACTERS", "record_reasoning", "show_reasoning"]

MAX_CHARACTERS = 4096
"""Characters kept of one reasoning."""

_shown = False


def show_reasoning(*, enabled: bool) -> None:
    """Keep what is given to ``record_reasoning`` from now on, or stop it. Off until this is called."""
    global _shown  # noqa: PLW0603 - one switch of the process
    _shown = bool(enabled)


def record_reasoning(text: str) -> None:
    """Put a model's reasoning on the current span, redacted; only after ``show_reasoning(enabled=True)``.

    The attribute is ``otel_perf.model.reasoning``. It is content, never a metric label. How many tokens were spent on
    it is no content: that is ``record_tokens(reasoning=…)``.
    """
    if _shown:
        guard.call("capture.reasoning", _record, text)


def _record(text: str) -> None:
    kept = capture_setting.redactor.redact_text(str(text), MAX_CHARACTERS)
    add_to_current_span({}, {"otel_perf.model.reasoning": kept})
