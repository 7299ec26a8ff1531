"""What bounds the number of label values: the first names keep theirs, all later ones share ``_OTHER``."""

from typing import Final

from otel_perf.core.guard import logger
from otel_perf.tracing.values import clean_text

__all__ = ["OTHER", "Roster", "label_text"]

OTHER: Final = "_OTHER"
"""The label value of everything beyond a bound (the word that OpenTelemetry uses for ``error.type``)."""

LABEL_LENGTH: Final = 128
"""Longest label value, in characters."""


def label_text(text: str) -> str:
    """A label value that can be encoded, of at most 128 characters."""
    return clean_text(text, LABEL_LENGTH)


class Roster:
    """The names that were admitted, at most ``limit``; the first one refused is told in one warning.

    Attributes:
        limit: How many names are admitted.
        overflowed: Whether a name was refused.
    """

    __slots__ = ("_labels", "_told", "_what", "limit", "overflowed")

    def __init__(self, what: str, limit: int, *, told: bool = True) -> None:
        """Start empty.

        Args:
            what: What the names are, in the plural, for the warning.
            limit: How many names are admitted.
            told: Whether the first refusal is logged.
        """
        self._what = what
        self._told = told
        self._labels: dict[str, str] = {}
        self.limit = limit
        self.overflowed = False

    def __len__(self) -> int:
        """How many names were admitted."""
        return len(self._labels)

    def admit(self, name: str) -> str:
        """The label value for ``name``: itself, made safe, or ``_OTHER`` once the roster is full."""
        label = self._labels.get(name)
        if label is not None:
            return label
        if len(self._labels) < self.limit:
            return self._labels.setdefault(name, label_text(name))
        self._overflow(name)
        return OTHER

    def known(self) -> tuple[str, ...]:
        """The label values so far, in the order of their first appearance."""
        return tuple(dict.fromkeys(self._labels.values()))

    def _overflow(self, name: str) -> None:
        if self.overflowed:
            return
        self.overflowed = True
        if self._told:
            logger.warning(
                "otel_perf: more than %d %s; %r and all further ones share the label value %s in the metrics "
                "(a name should not carry an id)",
                self.limit,
                self._what,
                label_text(name),
                OTHER,
            )
