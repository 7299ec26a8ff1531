"""The behaviour table: every row against a plain SDK span and against ours, on both kinds of provider.

Covers T-49, T-50 and T-51 of the fault catalogue together with ``test_semantics.py``; T-52 is in ``test_scale.py``.
"""

import pytest
from opentelemetry import trace
from opentelemetry.context import get_current

from tests.behaviour.document import DOCUMENT, document
from tests.behaviour.rows import ROWS
from tests.behaviour.subjects import SUBJECTS
from tests.behaviour.table import Row


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.feature("S3-19")
def test_behaviour(row: Row, subject: str) -> None:
    """What is seen is what the table says, the context is left as it was, and every call is accounted for."""
    before = get_current()
    with SUBJECTS[subject]() as made:
        seen = row.observe(made)

    assert seen == row.expected(subject)
    assert get_current() is before
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_names_of_rows_differ() -> None:
    """No row hides another, and each states a reason where it differs, and none where it does not."""
    assert len({(row.area, row.name) for row in ROWS}) == len(ROWS)
    assert all((row.sdk != row.ours) == (row.why is not None) for row in ROWS)


def test_document_is_up_to_date() -> None:
    """``docs/behaviour.md`` is what the rows give."""
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "run: python -m tests.behaviour.document"
