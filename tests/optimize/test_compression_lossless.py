"""Lossless techniques: what they promise to keep is kept, over texts made to break them."""

import ast
import json
import math
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from otel_perf.optimize.compression import Compressor, compress
from otel_perf.optimize.techniques.catalogue import LOSSLESS, TECHNIQUES
from otel_perf.optimize.techniques.json_minify import minify_json
from otel_perf.optimize.techniques.json_table import expand_tables, make_tables
from otel_perf.optimize.techniques.pattern import abbreviate, expand_abbreviations
from otel_perf.optimize.techniques.repeated_lines import collapse_lines, expand_lines
from otel_perf.optimize.techniques.technique import NotApplicableError
from otel_perf.optimize.techniques.whitespace import squeeze

PIECES = [
    "word", "  ", "\t", "\n", "\n\n\n", " \n", "```", "```python\n", "~~~", '"', "'", '"""', "'''", "`", "#",
    "§", "§1§",
    "[§n§ stands for:]\n", '§1§="x"\n', "[the line above 3 more times]\n", "a long phrase that comes again, ", "\r\n",
    "\\", "é", "\x0c", "x = 1\n", "def f():\n", "import os\n", "  if x:\n", "\x85", "\u2028", "{", "}", "1", "=",
]  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=80),
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.lists(st.sampled_from(["ab cd ef gh\n", "long line of words number one\n", "x\n", "\n"]), max_size=60).map(
        "".join
    ),
)
NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(max_size=4), inner, max_size=4),
        st.tuples(inner, inner, inner).map(
            lambda v: [{"id": 1, "v": v[0]}, {"id": 2, "v": v[1]}, {"id": 3, "v": v[2]}]
        ),
        st.just({"_columns": [], "_rows": []}),
    ),
    max_leaves=20,
)
DOCUMENTS = st.builds(
    lambda value, indent, ascii_only: json.dumps(value, indent=indent, ensure_ascii=ascii_only),
    VALUES, st.sampled_from([None, 2]), st.booleans(),
)  # fmt: skip


def same(one: Any, other: Any) -> bool:
    """Equal with the types of numbers and the order of keys, which ``==`` does not look at."""
    return json.dumps(one) == json.dumps(other)


@given(TEXTS)
@example("[the line above 3 more times]")
@example("a\n" * 100)
@example("\n" * 100)
def test_repeated_lines_come_back(text: str) -> None:
    """``expand_lines`` gives the very text back, or the technique refuses it."""
    try:
        collapsed = collapse_lines(text)
    except NotApplicableError:
        return
    assert expand_lines(collapsed) == text


@given(TEXTS)
@example("a long phrase that comes again, " * 30)
@example('a "quoted" phrase\nover lines §; ' * 30)
@pytest.mark.feature("S0-46")
def test_references_come_back_by_the_legend(text: str) -> None:
    """The emitted legend is enough to give the very text back."""
    try:
        short = abbreviate(text)
    except NotApplicableError:
        return
    if short != text:
        assert expand_abbreviations(short) == text
        assert len(short.encode(errors="surrogatepass")) < len(text.encode(errors="surrogatepass"))


@pytest.mark.feature("S0-46")
@given(st.permutations([f"{number:03d}-{number * 7919 % 997:03d}" for number in range(60)]))
def test_without_repetition_there_are_no_references(words: list[str]) -> None:
    """A text in which nothing comes again stays as it is."""
    text = " ".join(words)
    assert abbreviate(text) == text
    assert compress(text, "pattern").text is text


@pytest.mark.feature("S0-45")
@given(DOCUMENTS)
@example('"\\u00e9 \\ud83d\\ude00 \\ud800 \\u0022 \\\\u00e9 \\u2028"')
@example('{"a": 1E5, "a": 2.50, "b": [1e400, -0, 12345678901234567890]}')
def test_minified_json_is_the_same_value(document: str) -> None:
    """``json.loads`` gives the same, nothing is longer, a second time changes nothing."""
    short = minify_json(document)
    assert same(json.loads(short), json.loads(document))
    assert len(short) <= len(document)
    assert minify_json(short) == short
    spelled = re.compile(r"-?\d[\d.eE+-]*")
    bare = re.compile(r'"(?:[^"\\]|\\.)*"')
    assert spelled.findall(bare.sub("", short)) == spelled.findall(bare.sub("", document))


@given(DOCUMENTS)
def test_tables_come_back_as_lists(document: str) -> None:
    """The decoder gives a document of the same value with the same order of keys."""
    try:
        tables = make_tables(document)
    except NotApplicableError:
        return
    assert same(json.loads(expand_tables(tables)), json.loads(document))


def test_a_table_names_its_keys_once() -> None:
    """What a table looks like, alone and inside."""
    rows = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    table = '{"_columns":["id","name"],"_rows":[[1,"a"],[2,"b"]]}'
    assert make_tables(json.dumps(rows)) == table
    assert make_tables(json.dumps({"total": 2, "items": rows})) == f'{{"total":2,"items":{table}}}'


ROWS = st.lists(st.fixed_dictionaries({"at": NUMBERS, "event": st.text(max_size=5), "more": VALUES}), max_size=6)


@given(ROWS, st.booleans())
def test_lines_of_objects_become_one_table_and_come_back(rows: list[dict[str, Any]], other: bool) -> None:
    """Line by line the same value, also where one line has other keys."""
    lines = [json.dumps(row) for row in rows] + ['{"at": [{"a": 1}, {"a": 2}]}'] * other
    result = Compressor(["json_table"]).compress("\n".join(lines))
    restored = result.restore().split("\n")
    assert len(restored) == max(1, len(lines))
    assert all(same(json.loads(one), json.loads(line)) for one, line in zip(restored, lines, strict=False))


def test_a_table_in_the_text_already_is_left_alone() -> None:
    """Otherwise it would come back as a list."""
    block = '```json\n{"_columns": ["a"], "_rows": [[1], [2]]}\n```\n'
    text = block + '```json\n[{"key of a row": 1}, {"key of a row": 2}, {"key of a row": 3}]\n```\n'
    assert compress(text, "json_table").text == text
    lines = '{"event": "start", "n": 1}\n' * 4
    rows = ",".join(['["start",1]'] * 4)
    assert compress(lines, "json_table").text == f'{{"_columns":["event","n"],"_lines":[{rows}]}}'


def word_lines(text: str) -> list[list[str]]:
    """The words of each line that has some."""
    return [words for line in text.split("\n") if (words := line.split())]


@pytest.mark.feature("S0-43")
@given(TEXTS)
@example("a  b\n```\nx  =  1  \n\n\n\n```\n\n\n\nc  d")
@example('x = """  \n\n\n  """   \n\n\n\ny')
def test_whitespace_keeps_every_word_on_its_line(text: str) -> None:
    """Same words, same lines, same indentation; a second time changes nothing; nothing grows."""
    short = squeeze(text)
    assert word_lines(short) == word_lines(text)
    assert squeeze(short) == short
    assert len(short) <= len(text)
    result = compress(text, "whitespace")
    assert result.tokens_after <= result.tokens_before


@pytest.mark.feature("S0-43")
def test_literals_and_code_blocks_are_untouched() -> None:
    """Fenced blocks and string literals stay byte for byte, while the text around them shrinks."""
    block = '```python\nx  =  "a   b"   \n\n\n\ny = 1\n```'
    short = squeeze(f"Some   prose.   \n\n\n\n{block}\n\n\n\nMore   prose.\n")
    assert short == f"Some prose.\n\n{block}\n\nMore prose.\n"
    source = 'import os\n\n\n\ndef f():\n    x = """a   b   \n\n\n   c"""   \n    return   "d   e"\n'
    assert squeeze(source) == 'import os\n\ndef f():\n    x = """a   b   \n\n\n   c"""\n    return   "d   e"\n'
    assert ast.dump(ast.parse(squeeze(source))) == ast.dump(ast.parse(source))


@given(st.one_of(TEXTS, DOCUMENTS))
def test_the_lossless_pipeline_restores_what_it_promises(text: str) -> None:
    """JSON values are equal; other texts come back exactly when only reversible techniques were applied."""
    result = Compressor("lossless").compress(text)
    restored = result.restore()
    assert result.lossless
    if all(TECHNIQUES[name].fidelity == "reversible" for name in result.applied):
        assert restored == text
    try:
        value = json.loads(text)
    except ValueError:
        return
    assert same(json.loads(restored), value)


@given(st.one_of(TEXTS, DOCUMENTS), st.sampled_from([*TECHNIQUES, "lossless", "comprehensive", "adaptive"]))
def test_nothing_ever_grows(text: str, technique: str) -> None:
    """Bytes and tokens after are at most those before; the numbers are those of the text."""
    result = compress(text, technique)
    assert result.bytes_after == len(result.text.encode(errors="surrogatepass")) <= result.bytes_before
    assert result.tokens_after <= result.tokens_before
    assert result.tokens_saved == result.tokens_before - result.tokens_after
    assert (result.compression_ratio is None) == (text == "")
    assert result.compression_ratio is None or 0 <= result.compression_ratio <= 1
    assert all(step.reason != "internal error" for step in result.steps)
    assert not math.isnan(result.seconds)
    assert result.methodology


def test_lossless_means_marked_lossless() -> None:
    """Which techniques promise what."""
    assert {name for name, technique in TECHNIQUES.items() if technique.fidelity == "reversible"} == {
        "repeated_lines", "pattern",
    }  # fmt: skip
    assert {name for name, technique in TECHNIQUES.items() if technique.fidelity == "equivalent"} == {
        "whitespace", "json", "json_table",
    }  # fmt: skip
    assert all(technique.lossless for technique in LOSSLESS)
