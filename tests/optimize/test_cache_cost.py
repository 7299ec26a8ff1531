"""What a look-up costs, and what the document says about it."""

import pytest

from tests.optimize.cache_table import BASELINE, BEGIN, DOCUMENT, END, measure, microseconds, render, stampede, subjects

GET = "`ResultCache.get`, hit"
FULL = "`ResultCache.get`, hit, with `ttl_seconds` and `max_bytes`"
COMPUTE = "`ResultCache.get_or_compute`, hit"


@pytest.mark.serial
def test_a_million_look_ups_cost_at_most_one_and_a_half_microseconds_each() -> None:
    """On top of a dict and a lock, measured in the same run, while every one of them is counted and timed."""
    found = microseconds(names=(BASELINE, GET, FULL, COMPUTE))
    assert {name: found[name] - found[BASELINE] <= 1.5 for name in (GET, FULL, COMPUTE)} == {
        GET: True,
        FULL: True,
        COMPUTE: True,
    }, found


def test_ten_thousand_tasks_compute_once() -> None:
    """The stampede of the document."""
    assert stampede()[0] == 1


def test_the_document_has_a_row_for_each_subject() -> None:
    """What is in the table was measured by the program that is named beside it."""
    text = DOCUMENT.read_text(encoding="utf-8")
    table = text.partition(BEGIN)[2].partition(END)[0]
    names = [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines() if line.startswith("| ")]
    assert names == ["what", *subjects()]
    assert "tests.optimize.cache_table" in text


def test_a_row_shows_the_difference() -> None:
    """To the first row, which has none."""
    assert render({BASELINE: 0.2, "x": 0.75}).splitlines()[2:] == [
        "| dict and lock | 0.20 | - |",
        "| x | 0.75 | 0.55 |",
    ]


def test_every_subject_answers() -> None:
    """None of the rows measures an error."""
    assert all(measure(ask, 1000) > 0 for ask in subjects().values())
