"""Environment variables of the chat loop whose place otel_perf takes: names without a prefix, so only on request."""

from collections.abc import Mapping
from typing import Final

from otel_perf.tracing.model_reasoning import show_reasoning

__all__ = ["apply_chat_environment"]

SHOW_REASONING: Final = "SHOW_LLM_REASONING"


def apply_chat_environment(environ: Mapping[str, str]) -> None:
    """Take over what the chat loop's variables ask for.

    Args:
        environ: The environment, as ``os.environ``. ``SHOW_LLM_REASONING=true`` keeps, redacted, what
            ``record_reasoning`` is given; any other value, and none, keeps nothing.
    """
    show_reasoning(enabled=environ.get(SHOW_REASONING, "").strip().lower() == "true")
