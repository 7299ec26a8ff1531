"""``record_tokens``: what a model call used, told by the application that made it."""

from typing import Any, Final

from otel_perf.core.guard import guard
from otel_perf.core.token_usage import REPORTED, TokenUsage, measure_tokens, usage_listeners
from otel_perf.tracing.current_span import add_to_current_span
from otel_perf.tracing.values import INT64_MAX, clean_text

__all__ = ["USAGE_RECORDED", "record_tokens"]

USAGE_RECORDED: Final = "otel_perf.usage.recorded"
"""On a span whose tokens were recorded by the application: they are not read off it a second time."""
NAME_LENGTH: Final = 128


def record_tokens(  # noqa: PLR0913 - one keyword per number that providers tell
    *,
    input: int | None = None,  # noqa: A002 - what it is called everywhere
    output: int | None = None,
    model: str | None = None,
    provider: str | None = None,
    operation: str = "chat",
    cache_read: int | None = None,
    cache_write: int | None = None,
    reasoning: int | None = None,
    estimated: bool = False,
    method: str | None = None,
) -> None:
    """Record the tokens of one model call: as metrics, on the current span, towards budgets, and as cost.

    Not needed where an instrumentation makes a span of the call: its tokens are read off that. Never raises; what is
    no number of tokens is left out and counted as an internal error of the stage ``record_tokens``.

    Args:
        input: Tokens of the request, cached ones included (OpenAI's ``prompt_tokens``; Anthropic's ``input_tokens``
            plus both of its cache numbers).
        output: Tokens of the answer, reasoning included.
        model: Name of the model that was asked for.
        provider: Who runs it: ``openai``, ``anthropic``, …
        operation: ``chat``, ``embeddings``, ``text_completion``, ``generate_content``.
        cache_read: Those of the input that came from the provider's cache.
        cache_write: Those of the input that went into the provider's cache.
        reasoning: Those of the output that were spent on reasoning.
        estimated: Whether the numbers are estimates.
        method: Who counted: ``reported`` by the provider, unless given; for a ``TokenCount`` its ``token_method``.
    """
    numbers = {
        "input_tokens": input,
        "output_tokens": output,
        "cache_read_tokens": cache_read,
        "cache_write_tokens": cache_write,
        "reasoning_tokens": reasoning,
    }
    names = {"model": model, "provider": provider, "operation": operation, "method": method or REPORTED}
    guard.call("record_tokens", _record, numbers, names, estimated=bool(estimated))


def _record(numbers: dict[str, int | None], names: dict[str, str | None], *, estimated: bool) -> None:
    texts: dict[str, Any] = {key: clean_text(str(name), NAME_LENGTH) for key, name in names.items() if name is not None}
    tokens: dict[str, Any] = {key: _tokens(key, number) for key, number in numbers.items()}
    usage = TokenUsage(**tokens, **texts, estimated=estimated)
    measure_tokens(usage)
    usage_listeners.tell(usage)
    sums = {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
        "gen_ai.usage.cache_write.input_tokens": usage.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
    }
    add_to_current_span(
        {name: number for name, number in sums.items() if number is not None},
        {"otel_perf.token.estimated": estimated, "otel_perf.token.method": usage.method, USAGE_RECORDED: True},
    )


def _tokens(name: str, number: object) -> int | None:
    if number is None or (isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= INT64_MAX):
        return number
    guard.report("record_tokens", ValueError(f"{name} is no number of tokens: a {type(number).__name__} was given"))
    return None
