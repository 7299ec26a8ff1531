"""Runs of identical lines told once, with their number."""

import itertools
import re
from typing import Final

from otel_perf.optimize.techniques.technique import Goal, NotApplicableError, Technique

__all__ = ["REPEATED_LINES", "collapse_lines", "expand_lines"]

_MARKER: Final = re.compile(r"\[the line above (\d+) more times\]")


def collapse_lines(text: str) -> str:
    """Each run of identical lines as one line and ``[the line above N more times]``, where that is shorter.

    Raises:
        NotApplicableError: The text holds such a line itself.
    """
    lines = text.split("\n")
    if "[the line above " in text and any(_MARKER.fullmatch(line) for line in lines):
        raise NotApplicableError("the text already holds markers of repeated lines")
    told: list[str] = []
    for line, run in itertools.groupby(lines):
        more = sum(1 for _ in run) - 1
        marker = f"[the line above {more} more times]"
        repetition = [marker] if more * (len(line) + 1) > len(marker) + 1 else [line] * more
        told += (line, *repetition)
    return "\n".join(told)


def expand_lines(text: str) -> str:
    """What :func:`collapse_lines` was given."""
    lines: list[str] = []
    for line in text.split("\n"):
        found = _MARKER.fullmatch(line)
        lines += [line] if found is None else lines[-1:] * int(found[1])
    return "\n".join(lines)


def _shrink(text: str, _goal: Goal) -> str:
    return collapse_lines(text)


REPEATED_LINES: Final = Technique(
    "repeated_lines",
    "reversible",
    "A run of identical lines is told once, followed by a line with the number of further ones.",
    _shrink,
    expand_lines,
)
