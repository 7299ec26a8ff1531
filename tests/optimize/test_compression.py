"""The pipeline: limits, refusals, the record of each step, history, metrics and the span."""

import json
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import otel_perf
from otel_perf.core import compression_signals
from otel_perf.core.guard import guard
from otel_perf.optimize.compression import Compressor, compress
from otel_perf.optimize.compression_history import CompressionHistory
from otel_perf.optimize.techniques.catalogue import COMPREHENSIVE, EXTRACT, LOSSLESS, PIPELINES, TECHNIQUES
from otel_perf.optimize.techniques.summary import summary_by
from otel_perf.optimize.techniques.technique import Technique

ROWS = [{"id": number, "name": f"item {number}", "note": None} for number in range(50)]
API_ANSWER = json.dumps({"total": 50, "items": ROWS}, indent=2)
STORY = "".join(
    f"The harbour of town {number} has many boats.  A boat sails to island {number % 7} on day {number}.\n\n\n"
    for number in range(60)
)
LOG = "connection refused by the database\n" * 40 + "connected\n"


class Words:
    """Counts words: exact by its own measure."""

    name = "words"
    estimated = False

    def count(self, text: str) -> int:
        return len(text.split())


@pytest.mark.feature("S0-37", "S0-38", "S0-42")
@pytest.mark.parametrize("technique", [*TECHNIQUES, "lossless", "comprehensive", "adaptive"])
@pytest.mark.parametrize("text", [API_ANSWER, STORY, LOG], ids=["json", "prose", "log"])
def test_every_step_reports_what_was_measured(technique: str, text: str) -> None:
    """Bytes, tokens, time, method, methodology of each step, which follow on one another."""
    result = compress(text, technique)
    size, tokens = result.bytes_before, result.tokens_before
    assert size == len(text.encode())
    for step in result.steps:
        assert (step.bytes_before, step.tokens_before) == (size, tokens)
        assert step.seconds > 0
        assert step.methodology
        assert (step.token_method, step.estimated) == ("estimate/o200k_base", True)
        assert step.applied or (step.reason and step.bytes_saved == step.tokens_saved == 0)
        size, tokens = step.bytes_after, step.tokens_after
    assert (result.bytes_after, result.tokens_after) == (size, tokens)
    assert result.bytes_after == len(result.text.encode())
    assert result.seconds >= sum(step.seconds for step in result.steps)
    assert result.methodology
    assert json.loads(json.dumps(result.to_dict()))["technique"] == technique


@pytest.mark.feature("S0-38", "S0-50")
def test_numbers_are_exact_with_the_counter_of_the_application() -> None:
    """Tokens are what the counter says, and are not called estimates; ratio is after by before."""
    result = compress("a  b   \n\n\n\nc", "whitespace", counter=Words())
    assert result.text == "a b\n\nc"
    assert (result.bytes_before, result.bytes_after, result.bytes_saved) == (12, 6, 6)
    assert (result.tokens_before, result.tokens_after, result.tokens_saved) == (3, 3, 0)
    assert (result.compression_ratio, result.token_ratio) == (0.5, 1.0)
    assert (result.token_method, result.estimated) == ("words", False)


@pytest.mark.feature("S0-50")
def test_an_empty_text_has_no_ratio() -> None:
    """Nothing by nothing is not a number."""
    result = compress("", "comprehensive")
    assert (result.text, result.compression_ratio, result.token_ratio, result.tokens_saved) == ("", None, None, 0)
    assert result.methodology


@pytest.mark.feature("S0-39")
@given(st.integers(0, 3000), st.sampled_from([API_ANSWER, STORY, LOG]))
def test_a_limit_is_kept_or_it_says_so(limit: int, text: str) -> None:
    """``fits`` tells the truth, nothing is cut off, and no step follows the one that reached the limit."""
    result = Compressor("adaptive", counter=Words()).compress(text, limit_tokens=limit)
    assert result.fits == (Words().count(result.text) <= limit)
    assert "truncate" not in result.applied
    assert all(step.tokens_before > limit for step in result.steps)
    if text is STORY:
        assert result.fits == (limit >= 8)  # the shortest sentence has eight words
    if "summarize" in result.applied:
        assert all(line.strip() in text for line in result.text.split("\n"))


def test_a_text_that_fits_is_not_touched() -> None:
    """The limit is looked at before the first technique."""
    result = Compressor("comprehensive", counter=Words()).compress(STORY, limit_tokens=10_000)
    assert (result.text, result.steps, result.fits, result.lossless) == (STORY, (), True, True)


@given(st.integers(20, 3000))
def test_truncation_is_only_done_when_asked_for(limit: int) -> None:
    """With it every limit that has room for the marker is kept, and the marker's numbers are exact."""
    compressor = Compressor("whitespace", counter=Words(), truncate=True)
    result = compressor.compress(STORY, limit_tokens=limit)
    assert result.fits
    assert result.tokens_after <= limit
    assert ("truncate" in result.applied) == (compress(STORY, "whitespace", counter=Words()).tokens_after > limit)


def test_a_limit_in_bytes() -> None:
    """The same with bytes."""
    result = compress(STORY, "summarize", limit_bytes=500)
    assert result.fits
    assert result.bytes_after == len(result.text.encode()) <= 500


@pytest.mark.parametrize("limits", [{"limit_tokens": -1}, {"limit_bytes": -1}, {"limit_tokens": 1, "limit_bytes": 1}])
def test_a_senseless_limit_is_a_mistake(limits: dict[str, int]) -> None:
    """It is told."""
    with pytest.raises(ValueError, match="limit"):
        compress("x", **limits)  # type: ignore[arg-type]


def test_what_is_no_text_is_a_mistake() -> None:
    """Bytes have no tokens."""
    with pytest.raises(TypeError, match="not bytes"):
        compress(b"x")  # type: ignore[arg-type]


@pytest.mark.feature("S0-51")
def test_an_unknown_technique_is_told_with_those_there_are() -> None:
    """The message lists them."""
    with pytest.raises(ValueError, match=r"adaptive, boilerplate, .*whitespace"):
        Compressor("zip")


@pytest.mark.feature("S0-48")
@pytest.mark.parametrize("text", [API_ANSWER, STORY, LOG, "a  b\n" * 30, '{"a": [{"b": 1}, {"b": 1}]}', "x" * 100])
def test_comprehensive_is_its_order_and_no_worse_than_one(text: str) -> None:
    """Steps follow the documented order; no single lossless technique gives less."""
    result = compress(text, "comprehensive")
    if result.steps[0].technique == COMPREHENSIVE[0].name:
        assert [step.technique for step in result.steps] == [technique.name for technique in COMPREHENSIVE]
        stepwise = text
        for technique in COMPREHENSIVE:
            stepwise = compress(stepwise, technique).text
        assert result.text == stepwise
    for technique in ("lossless", *LOSSLESS):
        single = compress(text, technique)
        assert (result.tokens_after, result.bytes_after) <= (single.tokens_after, single.bytes_after)


def test_comprehensive_falls_back_to_the_best_single_technique() -> None:
    """A pipeline whose beginning spoils the rest is not kept."""

    class Picky(Words):
        def count(self, text: str) -> int:
            return len(text) + 1000 * (" " not in text)

    text = '[{"key of the row": 1, "b": 2}, {"key of the row": 3, "b": 4}]\n\n\n\n'
    result = compress(text, "comprehensive", counter=Picky())
    singles = [compress(text, technique, counter=Picky()) for technique in LOSSLESS]
    assert result.tokens_after <= min(single.tokens_after for single in singles)


def test_the_adaptive_pipeline_loses_as_little_as_it_can() -> None:
    """Lossless, then without the dispensable, then an extract; no notation is ever cut apart."""
    assert PIPELINES["adaptive"] == (LOSSLESS, COMPREHENSIVE, EXTRACT)
    counter = Words()
    compressor = Compressor("adaptive", counter=counter)
    full = counter.count(LOG)
    assert compressor.compress(LOG, limit_tokens=full // 2).lossless
    for limit in range(1, counter.count(STORY), 50):
        result = compressor.compress(STORY, limit_tokens=limit)
        assert result.lossless or "§" not in result.text
    assert compressor.compress(STORY).applied == Compressor("lossless", counter=counter).compress(STORY).applied
    with pytest.raises(ValueError, match="put pattern after it"):
        Compressor(["pattern", "summarize"])


@pytest.mark.parametrize(("verdict", "applied"), [(True, True), (0.5, True), (0.49, False), (False, False)])
def test_a_quality_check_undoes_a_step(verdict: float, applied: bool) -> None:
    """The check sees the input and the text after the step; a refused step leaves no trace but its record."""
    seen: list[tuple[str, str]] = []

    def check(before: str, after: str) -> float:
        seen.append((before, after))
        return verdict

    result = Compressor(["whitespace"], check=check).compress("a  b")
    assert seen == [("a  b", "a b")]
    assert result.text == ("a b" if applied else "a  b")
    assert (result.steps[0].reason is None) == applied
    assert applied or "quality check failed" in str(result.steps[0].reason)


def test_a_quality_check_that_raises_undoes_the_step() -> None:
    """It does not reach the application."""
    result = Compressor("lossless", check=lambda before, after: 1 / 0).compress("a  b")
    assert result.text == "a  b"
    assert "the quality check raised ZeroDivisionError" in [step.reason for step in result.steps]


def raising(text: str, limit: int | None) -> str:
    """A summarizer without a network."""
    raise TimeoutError(text)


@pytest.mark.parametrize(
    ("summarizer", "reason"),
    [
        (raising, "the summarizer raised TimeoutError"),
        (lambda text, limit: text * 2, "no gain"),
        (lambda text, limit: None, "the summarizer returned NoneType, not text"),
        (lambda text, limit: " ", "the summarizer returned nothing"),
    ],
)
def test_a_bad_summary_is_rejected(summarizer: Any, reason: str) -> None:
    """An error, growth, nothing: the text stays, the record says why."""
    result = Compressor([summary_by(summarizer)]).compress(STORY)
    assert result.text == STORY
    assert [step.reason for step in result.steps] == [reason]


def test_a_summary_by_the_application() -> None:
    """It gets the text and the limit; its result is lossy and cannot be restored."""
    asked: list[int | None] = []

    def summarizer(text: str, limit: int | None) -> str:
        asked.append(limit)
        return "Boats sail."

    result = Compressor([summary_by(summarizer, name="model")], counter=Words()).compress(STORY, limit_tokens=5)
    assert (result.text, result.technique, result.fits, result.lossless, asked) == (
        "Boats sail.", "model", True, False, [5],
    )  # fmt: skip
    with pytest.raises(ValueError, match="model left something out"):
        result.restore()


def test_a_technique_with_a_fault_does_not_reach_the_application() -> None:
    """It is counted, and the text stays."""

    def shrink(text: str, goal: object) -> str:
        raise RuntimeError(text)

    before = guard.total()
    result = Compressor([Technique("broken", "lossy", "Raises.", shrink), "whitespace"]).compress("a  b")
    assert result.text == "a b"
    assert result.steps[0].reason == "internal error"
    assert guard.total() == before + 1


def test_a_token_counter_that_fails_is_replaced_by_the_estimate() -> None:
    """The result says so, and the application is not affected."""

    class Broken(Words):
        def count(self, text: str) -> int:
            if "  " in text:
                raise OSError(text)
            return super().count(text)

    result = compress("a  b", "whitespace", counter=Broken())
    assert (result.text, result.estimated, result.token_method) == ("a b", True, "estimate/o200k_base")


@pytest.mark.feature("S0-41")
def test_history_counts_all_and_keeps_the_last() -> None:
    """Sums over everything, a bounded ring, no texts; from many threads."""
    compressor = Compressor("whitespace", counter=Words(), history=CompressionHistory(10))
    threads = [
        threading.Thread(target=lambda: [compressor.compress("a  b") for _ in range(25)]) for _ in range(4)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statistics = compressor.history.statistics()
    assert (statistics["count"], statistics["kept"], len(compressor.history)) == (100, 10, 100)
    assert (statistics["bytes_before"], statistics["bytes_after"], statistics["tokens_saved"]) == (400, 300, 0)
    assert statistics["compression_ratio"] == 0.75
    assert statistics["by_technique"]["whitespace"]["count"] == 100
    assert {result.text for result in compressor.history.recent()} == {""}
    compressor.history.clear()
    assert compressor.history.statistics()["compression_ratio"] is None


def test_the_history_of_names_is_bounded() -> None:
    """A thousand names share the sums of ``_OTHER`` beyond the first hundred."""
    history = CompressionHistory(5)
    for number in range(300):
        Compressor("whitespace", name=f"pipeline {number}", counter=Words(), history=history).compress("a  b")
    by_technique = history.statistics()["by_technique"]
    assert len(by_technique) == 101
    assert by_technique["_OTHER"]["count"] == 200
    with pytest.raises(ValueError, match="negative"):
        CompressionHistory(-1)


@pytest.mark.feature("S0-27", "S0-40", "S0-41")
def test_each_compression_is_one_point(otel_perf_capture: Any) -> None:
    """Ratio, duration, tokens and bytes before and after, by technique; estimates are marked."""
    compressor = Compressor("whitespace", counter=Words())
    for _ in range(3):
        compressor.compress("a  b   \n\n\n\nc")
    compress("a  b", "whitespace")
    metrics = otel_perf_capture.metrics()
    (ratio,) = metrics["otel_perf.compression.ratio"]
    assert (ratio.count, ratio.sum) == (4, 3 * 0.5 + 0.75)
    assert ratio.attributes == {"otel_perf.compression.technique": "whitespace"}
    (duration,) = metrics["otel_perf.compression.duration"]
    assert duration.count == 4
    tokens = {
        (point.attributes["otel_perf.compression.stage"], point.attributes["otel_perf.estimated"]): point.value
        for point in metrics["otel_perf.compression.tokens"]
    }
    assert tokens["before", "false"] == tokens["after", "false"] == 9
    assert ("before", "true") in tokens
    sizes = {
        point.attributes["otel_perf.compression.stage"]: point.value for point in metrics["otel_perf.compression.io"]
    }
    assert sizes == {"before": 40, "after": 21}


@pytest.mark.feature("S0-37", "S0-51")
def test_the_span_of_the_call_says_it(otel_perf_capture: Any) -> None:
    """The attributes of the catalogue, and no others; without a call around there is no span and no fault."""

    @otel_perf.tool
    def shorten(text: str) -> str:
        return compress(text, "whitespace").text

    shorten(STORY)
    compress(STORY, "whitespace")
    attributes = dict(otel_perf_capture.span("execute_tool shorten").attributes)
    prefix = "otel_perf.compression."
    assert attributes[f"{prefix}technique"] == "whitespace"
    assert attributes[f"{prefix}bytes_after"] < attributes[f"{prefix}bytes_before"]
    assert attributes[f"{prefix}lossless"] is True
    assert attributes["otel_perf.estimated"] == "true"
    names = {name for name in attributes if name.startswith(prefix)} | {"otel_perf.estimated"}
    known = {attribute.name for attribute in compression_signals.SPAN_ATTRIBUTES}
    assert names == known - {f"{prefix}fits"}


def test_the_repr_holds_no_text() -> None:
    """Texts are the application's secrets."""
    result = compress("secret  words", "whitespace")
    assert "secret" not in repr(result)
    assert "bytes_before=13" in repr(result)
    assert repr(Compressor(["whitespace", "json"])) == (
        "Compressor('custom', techniques=['whitespace', 'json'], counter='estimate/o200k_base')"
    )
