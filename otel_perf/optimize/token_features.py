"""What of a text decides how many tokens it has, counted cheaply: about 0.1 s per megabyte, linear in any text."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

__all__ = ["features"]

BLOCK: Final = 1 << 18
"""Characters looked at together, so that memory stays small. A word that is cut counts as two: one in 60,000."""
WORD_LENGTH: Final = 7
"""Letters that a common word may have and still be one token, as a rule."""
RUN_LENGTH: Final = 20
"""Letters beyond which a run is no word, but data."""
MARKS: Final = 8
"""Punctuation characters beyond which a run is a ruler."""
BLANKS: Final = 80
"""Blank characters that one token may stand for."""

_WORD: Final = re.compile("[A-Za-z\u00aa-\u024f\u1e00-\u1eff]+")
_HUMP: Final = re.compile(r"[a-z]+|[A-Z]+(?![a-z])|[A-Z][a-z]*")
_DIGITS: Final = re.compile(r"[0-9]+")
_BLANK: Final = re.compile(r"\n[ \t\r\n]*|[ \t]{2,}")
_MARKS: Final = re.compile(r"[!-/:-@\[-`{-~]+")
_SCRIPT: Final = re.compile("[^\x00-\u024f\u1e00-\u1eff]")

_SCRIPTS: Final = (
    (0x250, "other"), (0x370, "greek"), (0x400, "cyrillic"), (0x530, "armenian"), (0x590, "hebrew"),
    (0x600, "arabic"), (0x900, "devanagari"), (0x980, "bengali"), (0xA00, "indic"), (0xE00, "thai"),
    (0xF00, "other"), (0x10A0, "georgian"), (0x1100, "other"), (0x2000, "symbol"), (0x2C00, "other"),
    (0x3000, "wide"), (0x3040, "kana"), (0x3100, "other"), (0x3400, "han"), (0xA000, "other"), (0xAC00, "hangul"),
    (0xD7A4, "other"), (0xFF00, "wide"), (0xFF66, "other"), (0x10000, "astral"),
)  # fmt: skip
"""First code point of each block of scripts, and what its characters count as."""
_STARTS: Final = tuple(start for start, _ in _SCRIPTS)


def features(text: str) -> Counter[str]:
    """How much of each kind a text holds; the kinds are the keys of ``token_weights``."""
    found: Counter[str] = Counter()
    for start in range(0, len(text), BLOCK):
        _look_at(text[start : start + BLOCK], found)
    words = found["words"]
    if words:
        found["foreign"] = round(found["letters"] * min(1.0, 4 * found["accented_words"] / words))
    return found


def _look_at(block: str, found: Counter[str]) -> None:
    """Add what a block holds; what occurs several times is looked at once."""
    for pattern, look in _LOOKS:
        for piece, times in Counter(pattern.findall(block)).items():
            for name, amount in look(piece):
                found[name] += amount * times


def _of_word(word: str) -> Iterator[tuple[str, int]]:
    length = len(word)
    yield "words", 1
    yield "letters", length
    yield "run", max(0, length - RUN_LENGTH)
    if not word.isascii():
        yield "accented_words", 1
        yield "accented_letters", min(length, RUN_LENGTH)
        yield "accents", sum(letter > "\x7f" for letter in word)
    elif length == 1 or word[1:].islower():
        yield ("short_words" if length <= WORD_LENGTH else "long_words"), 1
        yield "long_letters", max(0, min(length, RUN_LENGTH) - WORD_LENGTH)
    elif word.isupper():
        yield "capitals", 1
        yield "capital_letters", min(length, RUN_LENGTH) - 1
    else:
        humps = _HUMP.findall(word)
        yield "mixed_words", 1
        yield "humps", len(humps)
        yield "hump_letters", sum(max(0, min(len(hump), RUN_LENGTH) - WORD_LENGTH) for hump in humps)


def _of_digits(digits: str) -> Iterator[tuple[str, int]]:
    yield "numbers", 1
    yield "thousands", (len(digits) + 2) // 3 - 1


def _of_blank(blank: str) -> Iterator[tuple[str, int]]:
    yield "blanks", 1
    yield "wide_blanks", max(0, len(blank) - BLANKS)


def _of_marks(marks: str) -> Iterator[tuple[str, int]]:
    yield "marks", 1
    yield "more_marks", min(len(marks), MARKS) - 1
    yield "ruler", max(0, len(marks) - MARKS)


def _of_script(letter: str) -> Iterator[tuple[str, int]]:
    yield _SCRIPTS[bisect_right(_STARTS, ord(letter)) - 1][1], 1


_LOOKS: Final[tuple[tuple[re.Pattern[str], Callable[[str], Iterator[tuple[str, int]]]], ...]] = (
    (_WORD, _of_word),
    (_DIGITS, _of_digits),
    (_BLANK, _of_blank),
    (_MARKS, _of_marks),
    (_SCRIPT, _of_script),
)
