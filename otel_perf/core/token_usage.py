"""The tokens of one model call: recorded as metrics, and told to whoever prices or limits them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from otel_perf.core import model_signals
from otel_perf.core.guard import guard
from otel_perf.core.recording import record

__all__ = ["REPORTED", "TokenUsage", "UsageListeners", "measure_tokens", "usage_listeners"]

REPORTED: Final = "reported"
"""Token method of numbers that the provider itself told."""


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """What one model call used. ``None`` is unknown, never zero.

    Attributes:
        model: Name of the model that was asked for.
        provider: Who runs it, as ``gen_ai.provider.name`` has it.
        operation: ``chat``, ``embeddings``, ``text_completion``, ``generate_content``.
        input_tokens: Tokens of the request, those read from and written to the provider's cache included.
        output_tokens: Tokens of the answer, reasoning included.
        cache_read_tokens: Those of the input that came from the provider's cache.
        cache_write_tokens: Those of the input that went into the provider's cache.
        reasoning_tokens: Those of the output that were spent on reasoning.
        method: Who counted: ``reported`` by the provider, an encoding, or ``estimate/`` and an encoding.
        estimated: Whether the numbers are estimates.
        cost_usd: Cost in US dollars as the call's own instrumentation told it.
    """

    model: str | None = None
    provider: str | None = None
    operation: str = "chat"
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    method: str = REPORTED
    estimated: bool = False
    cost_usd: float | None = None

    @property
    def known(self) -> bool:
        """Whether any number of tokens is known."""
        return self.input_tokens is not None or self.output_tokens is not None

    @property
    def total_tokens(self) -> int:
        """Input and output together; what is unknown counts as nothing."""
        return (self.input_tokens or 0) + (self.output_tokens or 0)


UsageListener = Callable[[TokenUsage], object]


class UsageListeners:
    """Who is told of every usage, once, wherever it came from. Told on the thread that found it; must not block."""

    def __init__(self) -> None:
        """Nobody yet."""
        self._listeners: tuple[UsageListener, ...] = ()

    def add(self, listener: UsageListener) -> None:
        """Tell ``listener`` from now on; adding one twice changes nothing."""
        if listener not in self._listeners:
            self._listeners = (*self._listeners, listener)

    def remove(self, listener: UsageListener) -> None:
        """Tell it no more."""
        self._listeners = tuple(one for one in self._listeners if one != listener)

    def tell(self, usage: TokenUsage) -> None:
        """Tell everybody; an exception of one is counted and goes no further."""
        for listener in self._listeners:
            guard.call("token usage", listener, usage)


usage_listeners: Final = UsageListeners()


def measure_tokens(usage: TokenUsage) -> None:
    """Record the tokens of a call as metrics; what is unknown is left out."""
    who = (usage.operation, usage.provider, usage.model)
    how = ("true" if usage.estimated else "false", usage.method)
    for kind, tokens in (("input", usage.input_tokens), ("output", usage.output_tokens)):
        if tokens is not None:
            record(model_signals.TOKEN_USAGE, tokens, *who, kind, *how)
    for metric, tokens in (
        (model_signals.CACHE_READ_TOKENS, usage.cache_read_tokens),
        (model_signals.CACHE_WRITE_TOKENS, usage.cache_write_tokens),
        (model_signals.REASONING_TOKENS, usage.reasoning_tokens),
    ):
        if tokens is not None:
            record(metric, tokens, *who, "unknown")
