"""What counts tokens: a protocol, so that a user may bring a tokenizer of his own."""

from typing import Protocol

__all__ = ["TokenCounter"]


class TokenCounter(Protocol):
    """Counts the tokens of texts."""

    @property
    def name(self) -> str:
        """What counts: the tokenizer's or the method's name, as it is shown beside a count."""
        ...

    @property
    def estimated(self) -> bool:
        """Whether counts are estimates."""
        ...

    def count(self, text: str) -> int:
        """Tokens of ``text``; 0 for an empty one."""
        ...
