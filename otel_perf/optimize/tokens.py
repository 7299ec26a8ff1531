"""Counting tokens: with the model's own tokenizer where that is possible, by an estimate that says so otherwise."""

from dataclasses import dataclass

from otel_perf.optimize.token_counter import TokenCounter
from otel_perf.optimize.token_encodings import encoding_of, exact_counter
from otel_perf.optimize.token_estimate import DEFAULT_ENCODING, TokenEstimator
from otel_perf.optimize.token_weights import WEIGHTS

__all__ = ["TokenCount", "count_tokens", "counter_for"]


@dataclass(frozen=True, slots=True)
class TokenCount:
    """A number of tokens, and how it was obtained.

    Attributes:
        tokens: How many.
        token_method: The encoding that counted (``o200k_base``), or ``estimate/`` and the encoding it imitates.
        estimated: Whether it is an estimate.
        median_error: What half of all estimates are off by at most, as a fraction; ``None`` for a count.
        p90_error: What nine of ten estimates are off by at most, as a fraction; ``None`` for a count.
        reason: Why it is an estimate; ``None`` for a count.
    """

    tokens: int
    token_method: str
    estimated: bool
    median_error: float | None = None
    p90_error: float | None = None
    reason: str | None = None

    def __int__(self) -> int:
        return self.tokens

    def __str__(self) -> str:
        if self.median_error is None or self.p90_error is None:
            return f"{self.tokens} tokens ({self.token_method})"
        return (
            f"about {self.tokens} tokens ({self.token_method}: off by {self.median_error:.0%} in the median, "
            f"{self.p90_error:.0%} at p90; {self.reason})"
        )


def counter_for(model: str | None = None) -> TokenCounter:
    """What counts the tokens of a model: its tokenizer, else an estimator.

    Args:
        model: A model's name, with or without a provider before it, or an encoding's (``o200k_base``). ``None`` and
            models whose tokenizer is not public are estimated as ``o200k_base`` would count.

    Returns:
        A counter whose ``estimated`` says which of the two it is. The first tokenizer takes half a second to load
        and 110 MB; get it outside of an event loop.
    """
    encoding = encoding_of(model)
    exact = None if encoding is None else exact_counter(encoding)
    if exact is not None:
        return exact
    return TokenEstimator(encoding if encoding is not None and encoding in WEIGHTS else DEFAULT_ENCODING)


def count_tokens(text: str, model: str | None = None) -> TokenCount:
    """Count the tokens of a text as ``model`` would; linear in the text's length, whatever it holds.

    >>> print(count_tokens("How many tokens is this?"))
    about 6 tokens (estimate/o200k_base: off by 4% in the median, 13% at p90; no model given)
    """
    counter = counter_for(model)
    tokens = counter.count(text)
    if not isinstance(counter, TokenEstimator):
        return TokenCount(tokens, counter.name, counter.estimated)
    error = counter.error
    return TokenCount(tokens, counter.name, True, error.median, error.p90, _reason(model))  # noqa: FBT003


def _reason(model: str | None) -> str:
    if model is None:
        return "no model given"
    if encoding_of(model) is None:
        return f"the tokenizer of {model} is not public"
    return "the package bpe-openai is not installed"
