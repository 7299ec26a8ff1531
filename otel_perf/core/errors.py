"""The exceptions that otel_perf raises on purpose; everything else it keeps away from the application."""

from collections.abc import Iterable

__all__ = ["ConfigurationError", "OtelPerfError"]


class OtelPerfError(Exception):
    """Base of every error that this package raises."""


class ConfigurationError(OtelPerfError):
    """Settings were refused, and ``strict=True`` asked to be told so by an exception.

    Attributes:
        problems: One line per refused value: what it is, where it stands, what is used instead.
    """

    def __init__(self, problems: Iterable[object]) -> None:
        """Name all problems at once, so that one start is enough to find them."""
        self.problems: tuple[str, ...] = tuple(str(problem) for problem in problems)
        super().__init__("\n".join((f"{len(self.problems)} setting(s) refused:", *self.problems)))
