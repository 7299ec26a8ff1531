"""A test double of the integration hook: it remembers what it was told, and records nothing."""

from collections.abc import Mapping

__all__ = ["HookDouble"]


class HookDouble:
    """An ``IntegrationHook`` for the tests of the system that takes one.

    Attributes:
        benchmarks: Name and figures of each benchmark.
        overflows: The conversation of each overflow.
        adaptations: Success and model of each adaptation.
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
        self.benchmarks: list[tuple[str, dict[str, float]]] = []
        self.overflows: list[str | None] = []
        self.adaptations: list[tuple[bool, str | None]] = []

    def on_benchmark(self, name: str, figures: Mapping[str, float]) -> None:
        """Remember it."""
        self.benchmarks.append((name, dict(figures)))

    def on_overflow(self, conversation: str | None = None) -> None:
        """Remember it."""
        self.overflows.append(conversation)

    def on_adaptation(self, *, success: bool, model: str | None = None) -> None:
        """Remember it."""
        self.adaptations.append((success, model))
