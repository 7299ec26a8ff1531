"""One compression: technique by technique, until the limit is reached."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from otel_perf.core import clock
from otel_perf.core.guard import guard
from otel_perf.optimize.compression_result import CompressionStep
from otel_perf.optimize.techniques.technique import Goal, NotApplicableError, Technique, byte_size
from otel_perf.optimize.token_counter import TokenCounter
from otel_perf.optimize.token_estimate import TokenEstimator

__all__ = ["CompressionRun", "QualityCheck", "Target"]

QualityCheck: TypeAlias = Callable[[str, str], bool | float]
"""Called with the input of the compression and the text after a step; a verdict, or a score."""


COUNTING: Final = "capture.count_tokens"
"""The stage of errors of a token counter: one of those that are logged without their texts."""


@dataclass(frozen=True, slots=True)
class Target:
    """The limit of a compression: in tokens, in bytes, or none."""

    tokens: int | None = None
    bytes: int | None = None

    @property
    def given(self) -> bool:
        """Whether there is one."""
        return self.tokens is not None or self.bytes is not None

    def reached(self, tokens: int, size: int) -> bool | None:
        """Whether a text keeps to the limit; ``None`` without one."""
        if not self.given:
            return None
        return (self.tokens is None or tokens <= self.tokens) and (self.bytes is None or size <= self.bytes)


@dataclass(slots=True)
class CompressionRun:
    """The text on its way.

    Attributes:
        original: The input.
        counter: Counts the tokens.
        check: The application's judgement of a step.
        minimum_quality: The score from which a step stays.
        text: The text so far.
    """

    original: str
    counter: TokenCounter
    check: QualityCheck | None = None
    minimum_quality: float = 0.5
    text: str = field(init=False)
    size: int = field(init=False)
    tokens: int = field(init=False)
    steps: list[CompressionStep] = field(init=False, default_factory=list)
    applied: list[Technique] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        """Measure the input; a counter that fails is replaced by the estimator, and the result says so."""
        self.text = self.original
        self.size = byte_size(self.text)
        tokens = guard.call(COUNTING, self.counter.count, self.text)
        if tokens is None:
            self.counter = TokenEstimator()
            tokens = self.counter.count(self.text)
        self.tokens = tokens

    def again(self) -> "CompressionRun":
        """The same input with nothing done yet, without measuring it anew. To be called before the first step."""
        another = copy.copy(self)
        another.steps, another.applied = [], []
        return another

    def follow(self, techniques: Sequence[Technique], target: Target) -> None:
        """Apply the techniques in order; stop as soon as the target is reached."""
        for technique in techniques:
            if target.reached(self.tokens, self.size):
                return
            self._step(technique, target)

    def _step(self, technique: Technique, target: Target) -> None:
        start = clock.monotonic_ns()
        size, tokens = self.size, self.tokens
        text, reason = self._shrunk(technique, self._goal(target))
        if reason is None:
            reason = self._take(text)
        if reason is None:
            self.applied.append(technique)
        self.steps.append(
            CompressionStep(
                technique=technique.name,
                bytes_before=size,
                bytes_after=self.size,
                tokens_before=tokens,
                tokens_after=self.tokens,
                token_method=self.counter.name,
                estimated=self.counter.estimated,
                seconds=(clock.monotonic_ns() - start) / 1e9,
                lossless=technique.lossless,
                methodology=technique.methodology,
                reason=reason,
            )
        )

    def _goal(self, target: Target) -> Goal:
        """The target in its unit: tokens, unless it is in bytes. The text so far is not measured again."""
        if target.bytes is not None:
            return Goal(lambda text: self.size if text is self.text else byte_size(text), target.bytes)
        return Goal(lambda text: self.tokens if text is self.text else self.counter.count(text), target.tokens)

    def _shrunk(self, technique: Technique, goal: Goal) -> tuple[str, str | None]:
        """What the technique makes of the text, or why it does not."""

        def attempt() -> tuple[str, str | None]:
            try:
                shrunk: object = technique.shrink(self.text, goal)
            except NotApplicableError as error:
                return self.text, str(error)
            return (shrunk, None) if isinstance(shrunk, str) else (self.text, "the technique returned no text")

        # The stage is one of those whose errors are logged without their texts.
        return guard.call(f"capture.compression.{technique.name}", attempt) or (self.text, "internal error")

    def _take(self, text: str) -> str | None:
        """Make ``text`` the text so far, or say why not."""
        if text == self.text:
            return "no gain"
        size = byte_size(text)
        tokens = guard.call(COUNTING, self.counter.count, text)
        if tokens is None:
            return "the token counter failed"
        if size > self.size or tokens > self.tokens or (size, tokens) == (self.size, self.tokens):
            return "no gain"
        refusal = self._judge(text)
        if refusal is None:
            self.text, self.size, self.tokens = text, size, tokens
        return refusal

    def _judge(self, text: str) -> str | None:
        if self.check is None:
            return None
        try:
            score = float(self.check(self.original, text))
        except Exception as error:  # noqa: BLE001 - the application's function; the record names the error
            return f"the quality check raised {type(error).__qualname__}"
        return None if score >= self.minimum_quality else f"quality check failed: {score:.3g}"
