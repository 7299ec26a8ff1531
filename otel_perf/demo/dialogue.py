"""The agent's memory: what it was asked and said so far, the context of each question, and the tokens of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import otel_perf
from otel_perf.optimize.compression import Compressor
from otel_perf.optimize.conversation import Conversation
from otel_perf.optimize.tokens import counter_for
from otel_perf.optimize.trim_policy import TrimPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_perf.optimize.message_shape import Message

__all__ = ["Dialogue"]

ENCODING: Final = "o200k_base"
"""Whose tokens are counted, or estimated where the tokenizers are not installed."""
CONTEXT_TOKENS: Final = 1_500
"""Tokens that the passages of a question may take."""
CONTEXT_WINDOW: Final = 8_000
HISTORY_PAIRS: Final = 5
"""Question-answer pairs to remember: few, so that eighteen questions trim the memory."""
MODEL: Final = "extractive-summary"
"""What answers here is no language model: it takes sentences out of what it is given."""
PROVIDER: Final = "otel_perf.demo"


class Dialogue:
    """One conversation with the agent."""

    def __init__(self) -> None:
        """Load the tokenizer, which takes half a second where it is installed."""
        with otel_perf.measure("load the tokenizer"):
            self._counter = counter_for(ENCODING)
        self._compressor = Compressor("comprehensive", name="context", counter=self._counter)
        self._conversation: Conversation[Message] = Conversation(
            TrimPolicy(max_history_pairs=HISTORY_PAIRS),
            name="librarian",
            counter=self._counter,
            context_window=CONTEXT_WINDOW,
        )

    @otel_perf.tool
    def prepare_context(self, passages: Sequence[str]) -> str:
        """Make the passages fit: comments, blank space and repetition go first, whole sentences last."""
        return self._compressor.compress("\n\n".join(passages), limit_tokens=CONTEXT_TOKENS).text

    @otel_perf.tool
    def remember(self, question: str, context: str, answer: str) -> None:
        """Keep the exchange, and count what an answer took."""
        self._conversation.extend(({"role": "user", "content": question}, {"role": "assistant", "content": answer}))
        otel_perf.record_tokens(
            input=self._counter.count(question) + self._counter.count(context),
            output=self._counter.count(answer),
            model=MODEL,
            provider=PROVIDER,
            operation="text_completion",
            estimated=self._counter.estimated,
            method=self._counter.name,
        )
