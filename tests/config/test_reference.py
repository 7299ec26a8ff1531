"""The reference page is made from the code."""

from pathlib import Path

from otel_perf.config import reference
from otel_perf.config.describe import describe
from otel_perf.config.environment import VARIABLES
from otel_perf.config.load import load
from otel_perf.config.rules import TYPES, phrase

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_page_is_up_to_date() -> None:
    """docs/configuration.md equals what the table and the structs give today."""
    assert PAGE.read_text(encoding="utf-8") == reference.render()


def test_page_names_everything() -> None:
    """Every setting with a meaning of its own and every variable stands on the page."""
    page, meanings = reference.render(), reference.meanings()
    for name in TYPES:
        if "." not in name:
            assert f"| `{name}` |" in page
            assert meanings[name].endswith(".")
    for row in VARIABLES:
        assert f"| `{row.name}` |" in page


def test_every_field_can_say_what_it_accepts() -> None:
    """Each rule has words that are more than the last resort, which is a path."""
    for name in TYPES:
        assert phrase(name)
    paths = {name for name in TYPES if phrase(name) == "a path"}
    assert {name.rpartition(".")[2] for name in paths} == {
        "certificate", "client_key", "client_certificate", "config_file", "home",
    }  # fmt: skip


def test_rows_show_values_as_people_write_them() -> None:
    """Status rows hold plain words for absent, boolean, list, pair and number values."""
    arguments = {"prometheus": ("::1", 9), "endpoint": ["http://a", "http://b"], "tail_ratio": 0.5, "spool": False}
    rows = {row.name: (row.value_text, row.source_text) for row in describe(load(arguments, environ={}))}
    assert rows["prometheus"] == ("[::1]:9", "argument")
    assert rows["endpoint"] == ("http://a, http://b", "argument")
    assert rows["tail_ratio"] == ("0.5", "argument")
    assert rows["spool"] == ("false", "argument")
    assert rows["service_name"] == ("not set", "default")
    assert rows["resource_attributes"] == ("none", "default")
