"""A line of a report."""

from dataclasses import dataclass

__all__ = ["Fact"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: a label (empty when the line goes on with the one above), a text, whether it is bad news."""

    label: str
    text: str
    alarming: bool = False
