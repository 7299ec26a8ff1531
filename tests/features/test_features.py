"""Every promised feature has a test, and the page says which."""

from pathlib import Path

import pytest

from tests.features.page import PAGE, page
from tests.features.promised import PROMISED
from tests.features.scan import FeatureTest, feature_tests

TESTS = Path(__file__).resolve().parents[1]
FOUND = feature_tests(TESTS)


@pytest.mark.parametrize("feature", PROMISED)
def test_a_promised_feature_has_a_test(feature: str) -> None:
    """Some test carries its number."""
    assert FOUND.get(feature)


def test_no_test_claims_a_feature_that_is_not_promised() -> None:
    """A number that nobody has promised is a slip of the pen."""
    assert set(FOUND) <= set(PROMISED)


def test_the_page_is_up_to_date() -> None:
    """``python -m tests.features.page`` would change nothing."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_scan_reads_marks(tmp_path: Path) -> None:
    """Of a test, of all tests of a file; with several numbers; with the first sentence of the docstring."""
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "test_a.py").write_text(
        'import pytest\npytestmark = [pytest.mark.serial, pytest.mark.feature("S9-01")]\n'
        '@pytest.mark.feature("S9-02", "S9-10")\ndef test_one():\n    """It\n    works.\n\n    Really."""\n'
        "async def test_two(): ...\n"
        '@pytest.mark.feature("S9-03")\ndef helper(): ...\n'
    )
    one, two = FeatureTest("part/test_a.py::test_one", "It works."), FeatureTest("part/test_a.py::test_two", "")
    assert feature_tests(tmp_path) == {"S9-01": [one, two], "S9-02": [one], "S9-10": [one]}
