"""Whether an input is worth a prepared context."""

from typing import Final

from otel_perf.core.conversation_signals import CONTEXT_SKIPPED
from otel_perf.core.recording import record

__all__ = ["MINIMUM_CHARACTERS", "should_inject_context"]

MINIMUM_CHARACTERS: Final = 100
"""Characters below which an input is taken as it is."""


def should_inject_context(text: str, minimum: int = MINIMUM_CHARACTERS) -> bool:
    """Whether an input is long enough for a context to be prepared; each that is not is counted as skipped.

    >>> prompt = with_context(text) if should_inject_context(text) else text
    """
    if len(text) >= minimum:
        return True
    record(CONTEXT_SKIPPED, 1, "short_input")
    return False
