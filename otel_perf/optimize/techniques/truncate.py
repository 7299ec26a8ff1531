"""The middle left out, with a marker that says how much."""

from typing import Final

from otel_perf.optimize.techniques.technique import Goal, NotApplicableError, Technique

__all__ = ["TRUNCATE", "truncate_middle"]

NEAR: Final = 8
"""A cut moves to the end of a line, else to blank space, when one is in the last eighth of what it keeps."""

MARGIN: Final = 20
"""The search begins a twentieth below and above what the text's mean size per character promises."""

NEARLY: Final = 64
"""It ends when less than this part more could be kept, since each try measures all that is kept."""


def truncate_middle(text: str, goal: Goal) -> str:
    """The beginning and the end of the text, as much as the limit allows, and between them what was left out.

    ``[... 12345 characters (210 lines) left out ...]`` stands on a line of its own; both numbers are exact.

    Raises:
        NotApplicableError: The limit has no room for the marker.
    """
    whole = goal.size(text)
    limit = goal.limit_for(whole)
    if whole <= limit:
        return text
    best = _cut(text, 0)
    if goal.size(best) > limit:
        raise NotApplicableError("the limit has no room for the marker")
    fits, too_much = 0, len(text) // 2
    guess = too_much * limit // whole
    guesses = [guess + guess // MARGIN, guess - guess // MARGIN]
    while too_much - fits > 1 + fits // NEARLY:
        kept = guesses.pop() if guesses else (fits + too_much) // 2
        if not fits < kept < too_much:
            continue
        candidate = _cut(text, kept)
        if goal.size(candidate) <= limit:
            best, fits = candidate, kept
        else:
            too_much = kept
    return best


def _cut(text: str, kept: int) -> str:
    """The text with at most ``kept`` characters at each end."""
    head = _head_end(text, kept)
    tail = _tail_start(text, kept)
    left_out = text.count("\n", head, tail) + 1
    before = "\n" if head and text[head - 1] != "\n" else ""
    after = "\n" if tail < len(text) else ""
    return f"{text[:head]}{before}[... {tail - head} characters ({left_out} lines) left out ...]{after}{text[tail:]}"


def _head_end(text: str, kept: int) -> int:
    low = kept - kept // NEAR
    line = text.rfind("\n", low, kept)
    blank = text.rfind(" ", low, kept)
    return (line + 1) or (blank + 1) or kept


def _tail_start(text: str, kept: int) -> int:
    start = len(text) - kept
    high = start + kept // NEAR
    line = text.find("\n", start, high)
    blank = text.find(" ", start, high)
    return (line + 1) or (blank + 1) or start


TRUNCATE: Final = Technique(
    "truncate",
    "lossy",
    "The middle is left out, at line ends or blank space where one is near, and a marker says how many characters and "
    "lines. Without a limit half of the text is kept.",
    truncate_middle,
)
