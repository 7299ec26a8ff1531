"""The YAML file: its safe subset, its trust, its lines."""

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_perf.config import document
from otel_perf.config.load import Loaded, load


@pytest.fixture
def read(tmp_path: Path):
    """Write a file and load it."""

    def write_and_load(text: str | bytes, mode: int = 0o600) -> Loaded:
        file = tmp_path / "settings.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        file.chmod(mode)
        return load({"config_file": str(file)}, environ={})

    return write_and_load


FULL = """\
service_name: my-agent
service_version: "1.10"
sampling_ratio: 0.25
spool: false
endpoint:
  - https://one.example
  - https://two.example
headers: {API-Key: abc}
resource_attributes:
  team: search
traces:
  timeout_seconds: 5
prometheus: 127.0.0.1:9000
metrics_exporters: [otlp, prometheus]
"""


def test_a_file_sets_everything(read) -> None:
    """Words, numbers, booleans, lists, mappings and the signals' own settings arrive."""
    loaded = read(FULL)
    assert loaded.problems == []
    values = loaded.settings
    assert (values.service_name, values.service_version) == ("my-agent", "1.10")
    assert (values.sampler, values.sampling_ratio) == ("parentbased_traceidratio", 0.25)
    assert values.spool is False
    assert values.traces.endpoint == ("https://one.example/v1/traces", "https://two.example/v1/traces")
    assert values.headers == {"api-key": "abc"}
    assert values.resource_attributes == {"team": "search"}
    assert (values.traces.timeout_seconds, values.metrics.timeout_seconds) == (5, 10)
    assert values.prometheus == ("127.0.0.1", 9000)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("export_batch_size: 010", "export_batch_size"),
        ("export_batch_size: 1e3", "export_batch_size"),
        ("export_batch_size: 0x10", "export_batch_size"),
        ("export_batch_size: 1_000", "export_batch_size"),
        ("export_batch_size: 12:30", "export_batch_size"),
        ("export_batch_size: 10.0", "export_batch_size"),
        ('export_batch_size: "10"', "export_batch_size"),
        ("timeout_seconds: .nan", "timeout_seconds"),
        ("timeout_seconds: .inf", "timeout_seconds"),
        ("timeout_seconds: 1e400", "timeout_seconds"),
        ("spool: on", "spool"),
        ("spool: NO", "spool"),
        ("spool: 0", "spool"),
        ("service_version: 1.10", "service_version"),
        ("service_name: true", "service_name"),
        ("capture: [off]", "capture"),
        ("headers: [a]", "headers"),
        ("home: {a: b}", "home"),
    ],
)
def test_yaml_traps_are_refused_with_their_line(read, line: str, field: str) -> None:
    """What YAML 1.1 would quietly turn into something else is refused by the field's type, with file and line."""
    loaded = read(f"# first\nset_global: true\n{line}\n")
    assert len(loaded.problems) == 1
    assert f"settings.yaml:3 {field}" in str(loaded.problems[0])
    assert getattr(loaded.settings, field) == getattr(load({}, environ={}).settings, field)


def test_words_stay_words(read) -> None:
    """Where text is expected, the same spellings are just text."""
    loaded = read("service_name: 010\nservice_version: 1e3\nenvironment: on\n")
    assert loaded.problems == []
    values = loaded.settings
    assert (values.service_name, values.service_version, values.environment) == ("010", "1e3", "on")


@pytest.mark.parametrize(
    ("text", "line", "rule"),
    [
        ("a: &x 1\nb: *x\n", 2, "aliases"),
        ("a: 1\nb: 2\na: 3\n", 3, "second time"),
        ("traces:\n  timeout_seconds: 1\n  timeout_seconds: 2\n", 3, "second time"),
        ("a: !!python/object:os.system {}\n", 1, "tags"),
        ("a: !!str 5\n", 1, "tags"),
        ("? [a]\n: b\n", 1, "a key must be a word"),
        ("- a\n", 1, "mapping"),
        ("just text\n", 1, "mapping"),
        ("a: 1\n---\nb: 2\n", 2, "more than one document"),
        ("a: [1\n", 2, "no YAML"),
        ("a: 1\n\tb: 2\n", 2, "no YAML"),
        ("a: " + "[" * 21 + "]" * 21, 1, "deeper"),
        ("\n".join(" " * depth + "a:" for depth in range(200)), 21, "deeper"),
        (b"a: \xff\n", 0, "UTF-8"),
        ("a: \x07\n", 0, "no YAML"),
        ("#" * (256 * 1024 + 1), 0, "256 KiB"),
    ],
    ids=lambda value: str(value)[:20].encode("unicode_escape").decode(),
)
def test_a_document_outside_the_subset_is_refused_whole(read, text: str | bytes, line: int, rule: str) -> None:
    """One line with the place, and no value of the file is used."""
    loaded = read(text)
    assert len(loaded.problems) == 1
    assert rule in str(loaded.problems[0])
    assert str(loaded.problems[0]).endswith("; the file is not used")
    assert (f"settings.yaml:{line}:" in str(loaded.problems[0])) == bool(line)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "service_name:\n", "traces:\n"])
def test_an_empty_file_says_nothing(read, text: str) -> None:
    """No value, no problem."""
    assert read(text).problems == []


def test_unknown_keys_are_told_with_line_and_suggestion(read) -> None:
    """A slip costs one line at its place; the rest of the file counts."""
    loaded = read("servce_name: a\ntraces:\n  endpont: http://h\nmetrics: 5\nconfig_file: b\nspool: false\n")
    lines = [str(problem) for problem in loaded.problems]
    assert len(lines) == 4
    assert 'settings.yaml:1 "servce_name": is not known, did you mean service_name?; ignored' in lines[0]
    assert 'settings.yaml:3 "traces.endpont": is not known, did you mean endpoint?; ignored' in lines[1]
    assert "settings.yaml:4 metrics: must be a mapping" in lines[2]
    assert "settings.yaml:5" in lines[3]
    assert loaded.settings.spool is False


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_headers_in_a_file_that_others_can_change_are_refused(read, mode: int) -> None:
    """Whoever can write the file could send the key elsewhere, so nothing of it is used."""
    loaded = read("endpoint: http://h\nheaders: {a: SECRET}\n", mode)
    assert [problem.rule for problem in loaded.problems] == [
        "holds headers and can be changed by other users; chmod go-w it"
    ]
    assert loaded.settings.endpoint == ()
    assert loaded.settings.headers == {}


@pytest.mark.parametrize("text", ["traces: {headers: {a: b}}\n", "service_name: a\n"])
def test_only_secrets_make_the_mode_matter(read, text: str) -> None:
    """A file without headers may be writable for a group; headers of one signal count as secrets too."""
    assert len(read(text, 0o664).problems) == ("headers" in text)
    assert read(text, 0o644).problems == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_headers_in_a_foreign_file_are_refused(tmp_path: Path) -> None:
    """A file of another user is not trusted with secrets."""
    file = tmp_path / "settings.yaml"
    file.write_text("headers: {a: b}\n")
    os.chown(file, 12345, 12345)
    assert "belongs to another user" in str(load({"config_file": str(file)}, environ={}).problems[0])


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    """A missing file, a folder and a named pipe without a writer each cost one line, at once."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, rule in ((tmp_path / "missing", "No such file"), (tmp_path, "directory"), (pipe, "regular")):
        loaded = load({"config_file": path}, environ={})
        assert len(loaded.problems) == 1
        assert rule in str(loaded.problems[0])


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text("ab:-[]{}&*!'\"#\n \t,?|>%@~01.", max_size=60).map(str.encode)))
def test_no_content_makes_the_parser_fail_otherwise(content: bytes) -> None:
    """Any bytes give a mapping with a line for each key, or the one refusal."""
    with contextlib.suppress(document.BadDocument):
        found = document.parse(content)
        assert all((key,) in found.lines for key in found.values)
