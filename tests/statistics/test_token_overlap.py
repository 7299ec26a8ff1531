"""Exact match and token-overlap F1, against answers worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.statistics.token_overlap import best_overlap_f1, is_exact_match, normalized_answer, overlap_f1

answers = st.text(alphabet="ab the.A", max_size=20)


@pytest.mark.parametrize(
    ("expected", "predicted", "f1", "exact"),
    [
        ("the Eiffel Tower", "Eiffel tower!", 1.0, True),
        ("Denver Broncos", "the Denver Broncos team", 2 * 2 / 5, False),
        ("in 1066", "1067", 0.0, False),
        ("to be or not to be", "to to to be", 2 * 3 / 10, False),
        ("", "", 1.0, True),
        ("", "something", 0.0, False),
        ("The", "a", 1.0, True),
    ],
)
def test_answers_by_hand(expected: str, predicted: str, f1: float, exact: bool) -> None:
    """Case, punctuation and articles do not count; words count as often as both have them."""
    assert overlap_f1(expected, predicted) == pytest.approx(f1)
    assert is_exact_match(expected, predicted) is exact


def test_the_best_of_several_answers_counts() -> None:
    """Without an answer to compare with nothing is known."""
    assert best_overlap_f1(["nothing", "Eiffel Tower"], "the eiffel tower") == 1.0
    assert best_overlap_f1([], "anything") is None


@given(answers, answers)
def test_f1_is_symmetric_and_one_for_equal_answers(one: str, other: str) -> None:
    """And between 0 and 1; an exact match has an F1 of 1; normalizing twice changes nothing."""
    score = overlap_f1(one, other)
    assert score == overlap_f1(other, one)
    assert 0 <= score <= 1
    assert overlap_f1(one, one) == 1
    if is_exact_match(one, other):
        assert score == 1
    assert normalized_answer(normalized_answer(one)) == normalized_answer(one)
