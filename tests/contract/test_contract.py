"""The published contract names its tests, and the tests are there."""

import re
from pathlib import Path

import pytest

from tests.contract.catalogue import CATALOGUE
from tests.contract.page import PAGE, list_of_tests, with_part
from tests.contract.scan import numbered_tests

TESTS = Path(__file__).resolve().parents[1]


def promises() -> list[tuple[str, list[str]]]:
    """The rows of the contract: their text, and the numbers that they name."""
    contract = PAGE.read_text(encoding="utf-8").partition("## The contract")[2].partition("\n## ")[0]
    rows = [line for line in contract.splitlines() if re.search(r"\| T-\d\d", line)]
    return [(row, re.findall(r"T-\d\d", row.rstrip(" |").rpartition("|")[2])) for row in rows]


def test_the_list_of_tests_is_up_to_date() -> None:
    """``python -m tests.contract.page`` would change nothing."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_part(page, "tests", list_of_tests())


def test_every_number_is_in_the_catalogue() -> None:
    """No test names a fault that nobody has described."""
    assert set(numbered_tests(TESTS)) <= set(CATALOGUE)


def test_each_promise_has_tests() -> None:
    """Every row of the contract names faults of the catalogue, and some test shows it."""
    rows, found = promises(), numbered_tests(TESTS)
    assert len(rows) >= 10
    for row, numbers in rows:
        assert set(numbers) <= set(CATALOGUE), row
        assert set(numbers) & set(found), row


def test_the_scan_reads_names_and_docstrings(tmp_path: Path) -> None:
    """Of the file, of a test, of its name; and nothing else."""
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "test_a.py").write_text(
        '"""All of it (T-28)."""\n'
        'def test_one():\n    """T-09 and T-12: fails."""\n    assert "T-13"\n'
        "class TestIt:\n    async def test_t21_exit(self): ...\n"
        'def helper():\n    """T-14."""\n'
    )
    assert numbered_tests(tmp_path) == {
        "T-09": ["part/test_a.py::test_one"],
        "T-12": ["part/test_a.py::test_one"],
        "T-21": ["part/test_a.py::test_t21_exit"],
        "T-28": ["part/test_a.py"],
    }


def test_a_page_without_a_place_is_refused() -> None:
    """Nothing is written where no place is marked."""
    with pytest.raises(ValueError, match="no place for figures"):
        with_part("text", "figures", "")
