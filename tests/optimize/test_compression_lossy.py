"""Techniques that leave something out: what they leave, and that they say so."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.optimize.compression import Compressor, compress
from otel_perf.optimize.techniques.boilerplate import strip_boilerplate
from otel_perf.optimize.techniques.catalogue import TECHNIQUES
from otel_perf.optimize.techniques.json_drop import drop_redundant
from otel_perf.optimize.techniques.summarize import extract, sentences
from otel_perf.optimize.techniques.technique import Goal, NotApplicableError
from otel_perf.optimize.techniques.truncate import truncate_middle

WORDS = st.sampled_from(["Cats", "sleep", "a", "lot.", "Dogs", "bark!", "\n", "\n\n", "Why?", "e.g.", '"So."', "x"])
TEXTS = st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=60).map(" ".join))
MARKER = re.compile(r"\[\.\.\. (\d+) characters \((\d+) lines\) left out \.\.\.\]")


def test_lossy_ones_are_marked() -> None:
    """All that may leave something out."""
    lossy = {name for name, technique in TECHNIQUES.items() if not technique.lossless}
    assert lossy == {"json_drop", "comments", "boilerplate", "summarize", "truncate"}
    assert not compress("x y " * 50, "truncate").lossless


@pytest.mark.feature("S0-47")
@given(TEXTS, st.integers(0, 60))
def test_an_extract_is_sentences_of_the_text_in_their_order(text: str, limit: int) -> None:
    """Each stands in the text as it is; the same input gives the same extract; the limit holds."""
    goal = Goal(len, limit)
    try:
        extracted = extract(text, goal)
    except NotApplicableError:
        return
    assert len(extracted) <= limit
    assert extract(text, goal) == extracted
    all_sentences = [text[start:end] for start, end in sentences(text)]
    at = 0
    kept = [extracted[start:end] for start, end in sentences(extracted)]
    assert kept
    for sentence in kept:
        at = text.index(sentence, at) + len(sentence)
    assert "".join("".join(all_sentences).split()) == "".join(text.split())


@pytest.mark.feature("S0-47")
def test_the_extract_keeps_what_the_text_is_about() -> None:
    """The sentence of the frequent words stays, the odd one goes; no limit means half of the text."""
    text = "The engine drives the pump. The pump fills the tank.\nUnrelated gossip arrived yesterday evening.\n"
    text += "The tank feeds the engine and the pump."
    assert extract(text, Goal(len, 100)) == text.splitlines()[0] + "\n" + text.splitlines()[2]
    assert len(extract(text, Goal(len))) <= len(text) / 2


def test_the_extract_is_the_same_in_another_process_order() -> None:
    """Very many sentences are weighed by their length instead of counted one by one; the limit holds all the same."""
    text = "".join(f"Item {number} costs {number % 13} coins.\n" for number in range(60_000))
    result = Compressor("summarize").compress(text, limit_tokens=1000)
    assert result.fits
    assert 800 <= result.tokens_after <= 1000


@given(TEXTS, st.integers(0, 200), st.sampled_from([len, lambda text: len(text.split())]))
def test_truncation_says_how_much_is_gone(text: str, limit: int, size: object) -> None:
    """Both ends are the text's, the marker's numbers are exact, the limit holds."""
    try:
        short = truncate_middle(text, Goal(size, limit))  # type: ignore[arg-type]
    except NotApplicableError:
        return
    assert size(short) <= limit  # type: ignore[operator]
    if short == text:
        return
    found = MARKER.search(short)
    assert found is not None
    head, tail = short[: found.start()], short[found.end() :].removeprefix("\n")
    head = head if text.startswith(head) else head.removesuffix("\n")
    gone = int(found[1])
    assert text.startswith(head)
    assert text.endswith(tail)
    candidates = {head, head.removesuffix("\n")}
    assert len(text) - gone in {len(kept) + len(tail) for kept in candidates}
    kept = len(text) - gone - len(tail)
    assert int(found[2]) == text[kept : kept + gone].count("\n") + 1


def test_truncation_uses_the_limit_and_cuts_at_line_ends() -> None:
    """Nearly all of the limit is kept, in whole lines."""
    lines = [f"line {number} of the log" for number in range(5000)]
    short = truncate_middle("\n".join(lines), Goal(len, 20_000))
    assert 17_000 <= len(short) <= 20_000
    assert all(line in lines or MARKER.fullmatch(line) for line in short.split("\n"))


def test_null_members_and_repeated_objects_go() -> None:
    """At any depth; null, numbers and texts in arrays stay, and so does what only looks equal."""
    document = '{"a": null, "b": [{"x": 1, "y": null}, {"x": 1}, {"x": 1.0}, {"x": true}, null, null, 2, 2]}'
    assert drop_redundant(document) == '{"b":[{"x":1},{"x":1.0},{"x":true},null,null,2,2]}'
    assert json.loads(drop_redundant('[{"b": {"c": null}, "a": 1}, {"a": 1, "b": {}}]')) == [{"b": {}, "a": 1}]
    with pytest.raises(NotApplicableError, match="no null members"):
        drop_redundant('{"a": [0, 0, ""]}')


def test_lines_of_json_are_worked_on_line_by_line() -> None:
    """A line without anything to drop stays as it is."""
    assert compress('{"a": 1, "b": null}\n{"a":  1}\n', "json_drop").text == '{"a":1}\n{"a":  1}\n'
    assert compress('{"a": 1}\n{"a": 2}\n', "json_drop").steps[0].reason == "no null members and no repeated objects"


def test_boilerplate_is_what_it_is_said_to_be() -> None:
    """Licence header, badges, HTML comments, rulers; an ordinary first comment and code blocks stay."""
    licence = "#!/bin/sh\n# Copyright 2020 Somebody\n# All rights reserved.\n\necho 1\n"
    assert strip_boilerplate(licence) == "#!/bin/sh\n\necho 1\n"
    assert strip_boilerplate("/* SPDX-License-Identifier: MIT */\nint x;\n") == "int x;\n"
    page = (
        "<!-- made by hand -->\n# Title\n[![build](a.svg)](b) ![docs](c.svg)\n![figure](d.png) shows it.\n"
        "===========\n```\n===========\n<!-- kept -->\n```\n"
    )
    expected = "\n# Title\n![figure](d.png) shows it.\n===\n```\n===========\n<!-- kept -->\n```\n"
    assert strip_boilerplate(page) == expected
    plain = "# A first comment\nimport os\n"
    assert strip_boilerplate(plain) == plain
