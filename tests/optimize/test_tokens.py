import json
import random
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from subprocess import run
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.optimize.token_encodings import PIECE, encoding_of, exact_counter, pieces
from otel_perf.optimize.token_estimate import TokenEstimator
from otel_perf.optimize.token_weights import ERRORS, WEIGHTS
from otel_perf.optimize.tokens import count_tokens, counter_for
from tests.optimize.real_texts import PER_KIND, real_texts

KINDS = {"code", "prose", "json", "scripts"}


def package_encoding(name: str) -> Any:
    """The tokenizer as its package gives it, which was imported by ours: that ignores a warning of the import."""
    assert exact_counter(name) is not None
    return import_module("bpe_openai").get_encoding(name)


@pytest.mark.feature("S0-38", "S0-68")
@pytest.mark.parametrize("encoding", ["o200k_base", "cl100k_base", "voyage3_base"])
def test_counts_are_the_tokenizers_own(encoding: str) -> None:
    """On 1,000 real texts each count is exactly that of the tokenizer package, and says that it is no estimate."""
    own = package_encoding(encoding)
    counter = counter_for(encoding)
    assert (counter.name, counter.estimated) == (encoding, False)
    texts = real_texts()
    assert len(texts) == 1000
    assert {kind for kind, _ in texts} == KINDS
    assert [counter.count(text) for _, text in texts] == [len(own.encode_ordinary(text)) for _, text in texts]


@pytest.mark.feature("S0-38")
@pytest.mark.parametrize("encoding", sorted(WEIGHTS))
def test_the_estimates_error_is_what_it_says(encoding: str, record_property: Callable[[str, object], None]) -> None:
    """Measured again on 1,000 real texts, the error that each estimate carries is the true one, and below 15 %."""
    own = package_encoding(encoding)
    estimator = TokenEstimator(encoding)
    errors: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for kind, text in real_texts():
        true = len(own.encode_ordinary(text))
        errors[kind].append(abs(estimator.count(text) - true) / true)
    everything = sorted(error for found in errors.values() for error in found)
    median, p90 = everything[500], everything[900]
    record_property("median", median)
    record_property("p90", p90)
    stated = ERRORS[encoding]
    assert stated.texts == len(everything)
    assert median == pytest.approx(stated.median, abs=0.015)
    assert p90 == pytest.approx(stated.p90, abs=0.03)
    assert median <= 0.15
    for kind, found in errors.items():
        assert sorted(found)[PER_KIND // 2] <= 0.15, kind


@pytest.mark.feature("S0-38")
def test_an_estimate_says_so() -> None:
    """A text for a model whose tokenizer is not public is estimated; method, errors and reason are on the result."""
    counted = count_tokens("The quick brown fox jumps over the lazy dog.", "some-model-of-ours")
    assert counted.estimated is True
    assert counted.token_method == "estimate/o200k_base"
    assert (counted.median_error, counted.p90_error) == (ERRORS["o200k_base"].median, ERRORS["o200k_base"].p90)
    assert counted.tokens == int(counted) == 9
    text = str(counted)
    assert "about 9 tokens" in text
    assert "4% in the median" in text
    assert "some-model-of-ours is not public" in text


@pytest.mark.feature("S0-38")
def test_a_count_says_by_what() -> None:
    """A text for a public tokenizer is counted; the result names the encoding and carries no error."""
    counted = count_tokens("The quick brown fox jumps over the lazy dog.", "gpt-4o-mini")
    assert (counted.tokens, counted.token_method, counted.estimated) == (10, "o200k_base", False)
    assert (counted.median_error, counted.p90_error, counted.reason) == (None, None, None)
    assert str(counted) == "10 tokens (o200k_base)"


@pytest.mark.feature("S0-38")
def test_without_the_extra_counts_are_estimates() -> None:
    """In a process that cannot import the tokenizer everything is estimated, and the reason names the package."""
    program = (
        "import sys, json; sys.modules['bpe_openai'] = None\n"
        "from otel_perf.optimize.tokens import count_tokens\n"
        "found = count_tokens('def f(x): return x + 1', 'gpt-4o')\n"
        "print(json.dumps([found.tokens, found.token_method, found.estimated, found.reason]))"
    )
    done = run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
               cwd=Path(__file__).parents[2])  # fmt: skip
    tokens, method, estimated, reason = json.loads(done.stdout)
    assert (method, estimated, reason) == ("estimate/o200k_base", True, "the package bpe-openai is not installed")
    assert 6 <= tokens <= 12


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4o", "o200k_base"),
        ("gpt-4o-mini-2024-07-18", "o200k_base"),
        ("openai/gpt-4.1-nano", "o200k_base"),
        ("ft:gpt-4o:my-org:name:id", "o200k_base"),
        ("gpt-5", "o200k_base"),
        ("gpt-5.1-codex", "o200k_base"),
        ("o3-mini", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("GPT-3.5-turbo-0125", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("cl100k_base", "cl100k_base"),
        ("voyage-3", "voyage3_base"),
        ("o30-nonsense", None),
        ("claude-sonnet-4-20250514", None),
        ("gemini-2.5-pro", None),
        ("", None),
        (None, None),
    ],
)
def test_models_find_their_encoding(model: str | None, encoding: str | None) -> None:
    """Names with providers, dates and fine-tuning marks find the encoding; what is not public finds none."""
    assert encoding_of(model) == encoding


@pytest.mark.parametrize(
    ("unit", "size"),
    [
        *((unit, 10_000_000) for unit in ("a", "ab ", "\u3042")),
        *((unit, 1_000_000) for unit in (" ", "\n", "\u00e9", "0", '"', "x1_", "A", "\U0001f600", "aB", "\ud800")),
    ],
)
def test_large_texts_take_linear_time(unit: str, size: int) -> None:
    """Long runs of anything, 10 MB of them, cost no more per character when there are ten times as many of them."""
    for counter in (TokenEstimator(), exact_counter("o200k_base")):
        assert counter is not None
        small, large = unit * (size // 10 // len(unit)), unit * (size // len(unit))
        counter.count(small[:10_000])
        started = perf_counter()
        few = counter.count(small)
        between = perf_counter()
        many = counter.count(large)
        took_small, took_large = between - started, perf_counter() - between
        assert took_large < 40 * max(took_small, 0.01)
        assert many == pytest.approx(10 * few, rel=0.1, abs=2000)


def test_long_texts_are_counted_exactly_in_pieces() -> None:
    """A text of several pieces has the tokens that the tokenizer finds in one go."""
    own = package_encoding("o200k_base")
    counter = exact_counter("o200k_base")
    assert counter is not None
    shuffled = [text for kind, text in real_texts() if kind != "scripts"]
    random.Random(7).shuffle(shuffled)
    long = "\n".join(shuffled)[: 10 * PIECE]
    assert counter.count(long) == len(own.encode_ordinary(long))


@given(st.text(alphabet=st.sampled_from("ab1 \n,\u00e9\u4e2d"), max_size=300))
def test_pieces_are_the_text(text: str) -> None:
    """Whatever the text, its pieces put together are the text, and none is longer than the tokenizer takes."""
    long = text * (1 + 120_000 // max(1, len(text)))
    cut = list(pieces(long))
    assert "".join(cut) == long
    assert max(map(len, cut)) <= PIECE


@given(st.text(max_size=200))
def test_every_text_has_a_number(text: str) -> None:
    """Any text, lone surrogates included, gets a count and an estimate: none for nothing, one at least otherwise."""
    counter = exact_counter("o200k_base")
    assert counter is not None
    for tokens in (TokenEstimator().count(text), counter.count(text)):
        assert tokens == 0 if not text else tokens >= 1


def test_an_unknown_encoding_is_refused() -> None:
    """An estimator of an encoding without weights is a mistake of the programmer, told at once."""
    with pytest.raises(ValueError, match="no estimate for the encoding"):
        TokenEstimator("klingon_base")
