"""Labelled results become indicators."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from otel_perf.statistics.classification import Average, Scores
from otel_perf.statistics.labelled_results import LabelledResults
from otel_perf.testing.capture import Capture


@pytest.mark.feature("S2-54")
def test_labelled_results_are_recorded_as_indicators(otel_perf_capture: Capture) -> None:
    """F1, precision, recall and accuracy of one label, by model and data set, arrive as metrics."""
    results = LabelledResults(positive="spam")
    results.extend([("spam", "spam")] * 8 + [("ham", "spam")] * 2 + [("spam", "ham")] * 4 + [("ham", "ham")] * 6)
    assert results.record(model="small-1", dataset="mails") == Scores(0.8, 8 / 12, 16 / 22, 0.7)
    metrics = otel_perf_capture.metrics()
    sums = {name: metrics[f"otel_perf.kpi.{name}"][0].sum for name in ("f1_score", "precision", "recall", "accuracy")}
    assert sums == {"f1_score": 16 / 22, "precision": 0.8, "recall": 8 / 12, "accuracy": 0.7}
    labels = {"gen_ai.request.model": "small-1", "otel_perf.dataset": "mails"}
    assert metrics["otel_perf.kpi.f1_score"][0].attributes == labels


def test_what_is_not_known_is_not_recorded(otel_perf_capture: Capture) -> None:
    """No result, no indicator; a label that never occurred has no precision and no recall."""
    assert LabelledResults().record() == Scores(None, None, None, None)
    results = LabelledResults(positive="never")
    results.add("a", "a")
    assert results.record() == Scores(None, None, None, 1.0)
    assert [name for name in otel_perf_capture.metrics() if ".kpi." in name] == ["otel_perf.kpi.accuracy"]


@pytest.mark.parametrize(("average", "f1"), [("macro", (2 / 3 + 0) / 2), ("micro", 0.5), ("weighted", 1 / 3)])
def test_all_labels_are_averaged(average: Average, f1: float) -> None:
    """As asked for; another word is refused."""
    results = LabelledResults(average=average)
    results.extend([("a", "a"), ("b", "a")])
    assert results.scores().f1 == pytest.approx(f1)
    assert repr(results).startswith("LabelledResults(2 results, Scores(")


def test_bad_arguments_are_refused() -> None:
    """At set-up, where the mistake is."""
    with pytest.raises(ValueError, match="macro, micro or weighted"):
        LabelledResults(average="mean")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 1"):
        LabelledResults(most_pairs=0)


def test_free_text_as_a_label_cannot_fill_the_memory() -> None:
    """Beyond the bound results are counted as left out."""
    results = LabelledResults(most_pairs=10)
    results.extend((f"answer {number}", "other") for number in range(100))
    assert (len(results), results.left_out) == (10, 90)


def test_many_threads_may_add() -> None:
    """No result is lost."""
    results = LabelledResults()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: results.add(number % 3, 0), range(3000)))
    assert len(results) == 3000
    assert results.scores().accuracy == pytest.approx(1 / 3)
