"""What a compression did, in numbers that were measured."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CompressionResult", "CompressionStep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sizes:
    """Strictly private: the numbers that steps and results share.

    Attributes:
        technique: Name of the technique or pipeline.
        bytes_before: UTF-8 bytes of the input.
        bytes_after: UTF-8 bytes of the output.
        tokens_before: Tokens of the input, as ``token_method`` has it.
        tokens_after: Tokens of the output.
        token_method: What counted them: a tokenizer's name, or ``estimate/`` and what is imitated.
        estimated: Whether the numbers of tokens are estimates.
        seconds: Time it took, counting tokens included.
        lossless: Whether nothing was left out.
        methodology: What was done and what is kept, in words.
    """

    technique: str
    bytes_before: int
    bytes_after: int
    tokens_before: int
    tokens_after: int
    token_method: str
    estimated: bool
    seconds: float
    lossless: bool
    methodology: str = field(repr=False)

    @property
    def compression_ratio(self) -> float | None:
        """Bytes after by bytes before: 1.0 when nothing was saved, ``None`` for an empty text."""
        return self.bytes_after / self.bytes_before if self.bytes_before else None

    @property
    def token_ratio(self) -> float | None:
        """Tokens after by tokens before; ``None`` for an empty text."""
        return self.tokens_after / self.tokens_before if self.tokens_before else None

    @property
    def tokens_saved(self) -> int:
        """Tokens before less tokens after."""
        return self.tokens_before - self.tokens_after

    @property
    def bytes_saved(self) -> int:
        """Bytes before less bytes after."""
        return self.bytes_before - self.bytes_after


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressionStep(_Sizes):
    """What one technique did to the text as the steps before had left it.

    Attributes:
        reason: Why the step was not applied (``no gain``, ``not JSON``, ``quality check failed``); ``None`` when it
            was. A step that was not applied left the text as it was.
    """

    reason: str | None = None

    @property
    def applied(self) -> bool:
        """Whether the text was changed."""
        return self.reason is None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressionResult(_Sizes):
    """A compressed text and what is known about it.

    Attributes:
        text: The compressed text; the input itself when nothing made it smaller.
        steps: What was tried, in order. Those after the limit was reached were not tried.
        limit_tokens: The limit in tokens, if one was given.
        limit_bytes: The limit in bytes, if one was given.
        fits: Whether the text keeps to the limit; ``None`` without one.
    """

    text: str = field(repr=False)
    steps: tuple[CompressionStep, ...] = field(default=(), repr=False)
    limit_tokens: int | None = None
    limit_bytes: int | None = None
    fits: bool | None = None
    restorers: tuple[Callable[[str], str], ...] = field(default=(), repr=False)

    @property
    def applied(self) -> tuple[str, ...]:
        """The techniques that changed the text, in order."""
        return tuple(step.technique for step in self.steps if step.applied)

    def restore(self) -> str:
        """The text without our notation.

        The input, character by character, where only ``reversible`` techniques were applied; with ``equivalent``
        ones a text that means the same.

        Raises:
            ValueError: Something was left out for good.
        """
        if not self.lossless:
            lossy = [step.technique for step in self.steps if step.applied and not step.lossless]
            raise ValueError(f"{', '.join(lossy)} left something out; the text cannot be restored")
        text = self.text
        for restorer in self.restorers:
            text = restorer(text)
        return text

    def to_dict(self) -> dict[str, Any]:
        """All numbers and names as plain values; the text is not among them."""
        return {**_numbers(self), "fits": self.fits, "limit_tokens": self.limit_tokens,
                "limit_bytes": self.limit_bytes,
                "steps": [{**_numbers(step), "reason": step.reason} for step in self.steps]}  # fmt: skip


def _numbers(sizes: _Sizes) -> dict[str, Any]:
    return {
        "technique": sizes.technique,
        "bytes_before": sizes.bytes_before,
        "bytes_after": sizes.bytes_after,
        "tokens_before": sizes.tokens_before,
        "tokens_after": sizes.tokens_after,
        "tokens_saved": sizes.tokens_saved,
        "compression_ratio": sizes.compression_ratio,
        "token_ratio": sizes.token_ratio,
        "token_method": sizes.token_method,
        "estimated": sizes.estimated,
        "seconds": sizes.seconds,
        "lossless": sizes.lossless,
        "methodology": sizes.methodology,
    }
