"""The number of tokens, estimated: for when the tokenizer is not installed, or not public."""

from dataclasses import dataclass
from typing import Final

from otel_perf.optimize.token_features import features
from otel_perf.optimize.token_weights import ERRORS, WEIGHTS, EstimateError

__all__ = ["DEFAULT_ENCODING", "TokenEstimator"]

DEFAULT_ENCODING: Final = "o200k_base"
"""The encoding that is imitated for models whose tokenizer is not known: the newest that is public."""


@dataclass(frozen=True, slots=True)
class TokenEstimator:
    """A ``TokenCounter`` that needs no tokenizer: a weighted sum of what a text holds, 0.1 s per megabyte.

    Attributes:
        encoding: The encoding it imitates: ``o200k_base`` or ``cl100k_base``.
    """

    encoding: str = DEFAULT_ENCODING

    def __post_init__(self) -> None:
        """Check the encoding.

        Raises:
            ValueError: No weights are known for it.
        """
        if self.encoding not in WEIGHTS:
            raise ValueError(f"there is no estimate for the encoding {self.encoding!r}, only for {sorted(WEIGHTS)}")

    @property
    def name(self) -> str:
        """``estimate/`` and the encoding."""
        return f"estimate/{self.encoding}"

    @property
    def estimated(self) -> bool:
        """Always true."""
        return True

    @property
    def error(self) -> EstimateError:
        """How far estimates are from the counts of the encoding."""
        return ERRORS[self.encoding]

    def count(self, text: str) -> int:
        """Estimated tokens of ``text``; 0 for an empty one, at least 1 for any other."""
        if not text:
            return 0
        weights = WEIGHTS[self.encoding]
        return max(1, round(sum(weights.get(name, 0.0) * amount for name, amount in features(text).items())))
