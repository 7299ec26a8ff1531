"""Names and numbers as they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.reports.text import as_ascii, duration_text, safe_text, share_text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("read_file", "read_file"),
        ("Übung 検索 🔎", "Übung 検索 🔎"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x9b31m", r"\x9b31m"),
        ("user\u202egnp.exe", r"user\u202egnp.exe"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("lone\udcff", r"lone\udcff"),
        ("[red]markup[/red]", "[red]markup[/red]"),
    ],
)
def test_a_name_is_text_and_nothing_more(name: str, shown: str) -> None:
    """What could command a terminal, hide, or not be encoded is written as an escape; all else stays."""
    assert safe_text(name) == shown


@given(st.text())
def test_any_name_is_one_printable_line(name: str) -> None:
    """Whatever a tool is called: one line, no control character, encodable."""
    shown = safe_text(name)
    shown.encode()
    assert len(shown.splitlines()) <= 1
    assert shown.isprintable() or {character for character in shown if not character.isprintable()} <= {
        "\u00a0", "\u1680", "\u202f", "\u205f", "\u3000", *map(chr, range(0x2000, 0x200B))
    }  # fmt: skip


@given(st.text())
def test_ascii_form_is_ascii(text: str) -> None:
    """A stream without UTF-8 gets nothing that it cannot carry."""
    assert as_ascii(text).isascii()


def test_ascii_form_keeps_the_drawing() -> None:
    """Guides, bars and units have look-alikes."""
    assert as_ascii("├─ x  1.20 µs  –  █▌") == "|- x  1.20 us  -  ##"  # noqa: RUF001 - the signs are the subject


@pytest.mark.parametrize(
    ("nanoseconds", "shown"),
    [
        (None, "–"),  # noqa: RUF001 - the sign for absent
        (0, "0 ns"),
        (999, "999 ns"),
        (1_000, "1.00 us"),
        (9_994, "9.99 us"),
        (9_996, "10.0 us"),
        (99_960, "100 us"),
        (999_400, "999 us"),
        (999_600, "1.00 ms"),
        (12_340_000, "12.3 ms"),
        (1_234_000_000, "1.23 s"),
        (599_000_000_000, "599 s"),
        (3_725_000_000_000, "62 min 05 s"),
    ],
)
def test_durations_have_three_digits_and_a_fitting_unit(nanoseconds: float | None, shown: str) -> None:
    """Three digits, rounded, and never 1000 of a unit."""
    assert duration_text(nanoseconds) == shown.replace("us", "\N{MICRO SIGN}s")


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [(0, 10, "0.0 %"), (1, 3, "33.3 %"), (1, 10**6, "<0.1 %"), (1, 0, "–")],  # noqa: RUF001 - absent
)
def test_a_share_of_nothing_is_absent(part: float, whole: float, shown: str) -> None:
    """A share is a number only where there is a whole; a tiny one is not shown as none."""
    assert share_text(part, whole) == shown
