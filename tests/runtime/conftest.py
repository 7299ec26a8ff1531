"""Errors that are provoked here are no other test's."""

from collections import Counter

import pytest

from otel_perf.core.guard import guard


@pytest.fixture(autouse=True)
def _own_count_of_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test counts internal errors from zero."""
    monkeypatch.setattr(guard, "counts", Counter())
