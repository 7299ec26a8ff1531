"""The document on compression: made by its command, complete, and true to the code."""

import re

import pytest

from otel_perf.optimize.techniques.catalogue import PIPELINES, TECHNIQUES
from tests.optimize.compression_table import DOCUMENT, NAMES, ROUNDS, Bytes, measured, table, techniques


@pytest.mark.feature("S0-40")
def test_the_table_has_the_time_per_megabyte_of_each_technique() -> None:
    """From at least ten runs, for each kind of text; made here of small ones."""
    kinds = {"prose": ["Some  words.\n\n\n\nSome  words."], "JSON": ['[{"a": 1}, {"a": 2}]']}
    printed = table(kinds, Bytes())
    assert ROUNDS >= 10
    assert f"median of {ROUNDS} runs" in printed
    for name in NAMES:
        rows = re.findall(rf"^\| {name} \| (?:yes|no) \| \d+ \| [\d.]+% \| [\d.]+% \| (\d+) \|$", printed, re.MULTILINE)
        assert len(rows) == len(kinds)
    row = next(row for row in measured(kinds, Bytes(), rounds=1)["JSON"] if row.technique == "json")
    assert row.lossless
    assert row.bytes_ratio == 17 / 20
    assert row.seconds_per_megabyte > 0


@pytest.mark.feature("S0-42")
def test_the_document_is_what_its_command_makes() -> None:
    """The list of techniques is the code's, all rows of the tables are there, the pipelines are in their order."""
    document = DOCUMENT.read_text(encoding="utf-8")
    assert techniques() in document
    for name in NAMES:
        assert len(re.findall(rf"^\| {name} \| (?:yes|no) \| \d", document, re.MULTILINE)) == 4
    for name, first in (("lossless", 0), ("comprehensive", 0)):
        order = [technique.name for technique in PIPELINES[name][first]]
        listed = next(line for line in document.splitlines() if line.startswith(f"| `{name}` | `"))
        named = re.findall(r"`(\w+)`", listed)[1:]
        assert order[: len(named)] == named or [*named[:-1], *order[3:]] == order
    assert set(TECHNIQUES) <= set(re.findall(r"^\| `(\w+)`", document, re.MULTILINE))
