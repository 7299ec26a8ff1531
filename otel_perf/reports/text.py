"""How names and numbers are written: nothing a terminal could take for a command, three digits that mean something."""

import unicodedata
from typing import Final

__all__ = ["ABSENT", "as_ascii", "bytes_text", "count_text", "duration_text", "safe_text", "share_text"]

ABSENT: Final = "\N{EN DASH}"
"""Stands for a number that was not measured; never for zero."""

UNSAFE_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories that move the cursor, turn the writing direction, hide, or cannot be encoded."""

ASCII_TWINS: Final = {
    **str.maketrans("├└│─█▌·…", "|`|-##,~"),
    **str.maketrans("\N{MULTIPLICATION SIGN}\N{MICRO SIGN}\N{EN DASH}\N{EM DASH}", "xu--"),
}

BYTE_UNITS: Final = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
DURATION_UNITS: Final = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "\N{MICRO SIGN}s"))


def safe_text(text: str) -> str:
    r"""Return ``text`` with every character that is not plainly visible written as an escape (``\x1b``, ``\n``).

    Tool names come from the application, and sometimes from a model: in a terminal they are text and nothing more.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in UNSAFE_CATEGORIES:
        return character
    return character.encode("unicode_escape").decode("ascii")


def as_ascii(text: str) -> str:
    """Return ``text`` for a stream that can only carry ASCII: twins for our own signs, escapes for all others."""
    return text.translate(ASCII_TWINS).encode("ascii", "backslashreplace").decode("ascii")


def duration_text(nanoseconds: float | None) -> str:
    """Write a duration with three significant digits in a fitting unit; ``None`` as absent."""
    if nanoseconds is None:
        return ABSENT
    if nanoseconds >= 600e9:  # noqa: PLR2004 - from ten minutes on, seconds are hard to read
        minutes, seconds = divmod(round(nanoseconds / 1e9), 60)
        return f"{minutes} min {seconds:02} s"
    for size, unit in DURATION_UNITS:
        # A value that rounds up to 1000 of a unit belongs to the next one.
        if nanoseconds >= size * 0.9995:
            return f"{_three_digits(nanoseconds / size)} {unit}"
    return f"{nanoseconds:.0f} ns"


def bytes_text(size: float | None) -> str:
    """Write a size with three significant digits in a fitting binary unit; ``None`` as absent."""
    if size is None:
        return ABSENT
    for unit, symbol in BYTE_UNITS:
        if abs(size) >= unit * 0.9995:
            return f"{_three_digits(size / unit)} {symbol}"
    return f"{size:.0f} B"


def count_text(count: int) -> str:
    """Write a count with thousands separated."""
    return f"{count:,}"


def share_text(part: float, whole: float) -> str:
    """Write ``part`` of ``whole`` in percent; absent when there is no whole."""
    if whole <= 0:
        return ABSENT
    percent = 100 * part / whole
    if 0 < percent < 0.1:  # noqa: PLR2004 - one digit after the point is shown
        return "<0.1 %"
    return f"{percent:.1f} %"


def _three_digits(value: float) -> str:
    for limit, digits in ((9.995, 2), (99.95, 1)):
        if value < limit:
            return f"{value:.{digits}f}"
    return f"{value:.0f}"
