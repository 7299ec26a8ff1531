"""F1, precision, recall and accuracy: tables counted by hand, and what holds for any results."""

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.statistics.classification import (
    Average,
    BinaryCounts,
    Scores,
    binary_counts,
    classification_counts,
)

labels = st.sampled_from("abcd")
results = st.lists(st.tuples(labels, labels), min_size=1, max_size=60)
counts = st.builds(BinaryCounts, *(st.integers(0, 40) for _ in range(4)))

# 3 cats, 2 dogs, 2 birds; by hand: cat P 2/3 R 2/3, dog P 1/3 R 1/2, bird P 1/1 R 1/2.
EXPECTED = ["cat", "cat", "cat", "dog", "dog", "bird", "bird"]
PREDICTED = ["cat", "cat", "dog", "dog", "cat", "bird", "dog"]


@pytest.mark.parametrize(
    ("table", "scores"),
    [
        (BinaryCounts(8, 2, 4, 6), Scores(0.8, 8 / 12, 16 / 22, 0.7)),
        (BinaryCounts(5, 0, 0, 5), Scores(1.0, 1.0, 1.0, 1.0)),
        (BinaryCounts(0, 3, 2, 0), Scores(0.0, 0.0, 0.0, 0.0)),
        (BinaryCounts(0, 0, 4, 1), Scores(None, 0.0, 0.0, 0.2)),
        (BinaryCounts(0, 4, 0, 1), Scores(0.0, None, 0.0, 0.2)),
        (BinaryCounts(0, 0, 0, 7), Scores(None, None, None, 1.0)),
        (BinaryCounts(), Scores(None, None, None, None)),
    ],
)
def test_binary_tables_by_hand(table: BinaryCounts, scores: Scores) -> None:
    """Each share is the quotient of its counts, and nothing over nothing is unknown, never 0."""
    assert table.scores == scores


def test_binary_counts_of_pairs() -> None:
    """Truth values are counted pair by pair; sequences of different length are refused."""
    assert binary_counts([1, 1, 0, 0, 1], [1, 0, 1, 0, 1]) == BinaryCounts(2, 1, 1, 1)
    with pytest.raises(ValueError, match="zip"):
        binary_counts([1], [1, 0])


@pytest.mark.parametrize(
    ("average", "scores"),
    [
        ("macro", Scores((2 / 3 + 1 / 3 + 1) / 3, (2 / 3 + 1 / 2 + 1 / 2) / 3, (2 / 3 + 0.4 + 2 / 3) / 3, 4 / 7)),
        ("weighted", Scores((2 + 2 / 3 + 2) / 7, (2 + 1 + 1) / 7, (2 + 0.8 + 4 / 3) / 7, 4 / 7)),
        ("micro", Scores(4 / 7, 4 / 7, 4 / 7, 4 / 7)),
    ],
)
def test_three_classes_by_hand(average: Average, scores: Scores) -> None:
    """The averages of three classes, worked out on paper."""
    found = classification_counts(EXPECTED, PREDICTED).scores(average)
    for name in ("precision", "recall", "f1", "accuracy"):
        assert getattr(found, name) == pytest.approx(getattr(scores, name)), name


def test_a_class_that_was_never_predicted_has_no_precision_and_takes_no_part_in_its_mean() -> None:
    """Macro precision is that of the other class alone; recall knows both."""
    found = classification_counts(["a", "b"], ["a", "a"]).scores("macro")
    assert (found.precision, found.recall) == (0.5, 0.5)
    assert found.f1 == pytest.approx((2 / 3 + 0) / 2)
    assert classification_counts([], []).scores() == Scores(None, None, None, None)


@given(counts)
def test_f1_is_the_harmonic_mean(table: BinaryCounts) -> None:
    """Where both shares are known and not both 0, F1 is their harmonic mean and lies between them."""
    precision, recall, f1 = table.precision, table.recall, table.f1
    if precision and recall:
        assert f1 is not None
        assert isclose(f1, 2 * precision * recall / (precision + recall))
        assert min(precision, recall) <= f1 + 1e-12
        assert f1 <= max(precision, recall) + 1e-12
    for share in (precision, recall, f1, table.accuracy):
        assert share is None or 0 <= share <= 1


@given(counts)
def test_swapping_expected_and_predicted_swaps_precision_and_recall(table: BinaryCounts) -> None:
    """And leaves F1 and accuracy as they are."""
    swapped = BinaryCounts(table.true_positives, table.false_negatives, table.false_positives, table.true_negatives)
    assert (swapped.precision, swapped.recall) == (table.recall, table.precision)
    assert (swapped.f1, swapped.accuracy) == (table.f1, table.accuracy)


@given(results)
def test_identities_of_many_classes(pairs: list[tuple[str, str]]) -> None:
    """Micro is the accuracy, weighted recall too; each class sees all results; order does not matter."""
    table = classification_counts([e for e, _ in pairs], [p for _, p in pairs])
    right = sum(e == p for e, p in pairs) / len(pairs)
    assert table.accuracy == pytest.approx(right)
    assert table.scores("micro") == Scores(table.accuracy, table.accuracy, table.accuracy, table.accuracy)
    assert table.scores("weighted").recall == pytest.approx(right)
    assert all(one.total == len(pairs) for one in table.by_class().values())
    again = classification_counts([e for e, _ in reversed(pairs)], [p for _, p in reversed(pairs)])
    for average in ("macro", "weighted"):
        first, second = table.scores(average), again.scores(average)
        assert first.f1 == pytest.approx(second.f1)
