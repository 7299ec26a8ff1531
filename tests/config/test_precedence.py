"""Argument over environment over file over preset over default, and each value knows which."""

from itertools import combinations
from pathlib import Path
from types import MappingProxyType

import pytest

from otel_perf.config.describe import describe
from otel_perf.config.load import load
from otel_perf.config.presets import PRESETS
from otel_perf.config.rules import OTLP_FIELDS, SIGNALS, TYPES, check
from otel_perf.config.settings import Settings
from otel_perf.config.sources import Source

KINDS = ("argument", "environment", "file", "preset")
SAID = {"argument": 0.1, "environment": 0.2, "file": 0.3, "preset": 0.05, "default": 0.1}


def speak(kinds: tuple[str, ...], folder: Path, bad: tuple[str, ...] = ()) -> tuple[dict[str, object], dict[str, str]]:
    """Arguments and environment in which each of ``kinds`` gives tail_ratio; those in ``bad`` a wrong one."""
    values = {kind: (7.0 if kind in bad else SAID[kind]) for kind in KINDS}
    arguments: dict[str, object] = {"tail_ratio": values["argument"]} if "argument" in kinds else {}
    environ = {"OTEL_PERF_TAIL_RATIO": str(values["environment"])} if "environment" in kinds else {}
    if "file" in kinds:
        file = folder / "settings.yaml"
        file.write_text(f"service_name: a\ntail_ratio: {values['file']}\n")
        arguments["config_file"] = str(file)
    if "preset" in kinds:
        environ["OTEL_PERF_PRESET"] = "high_throughput"
    return arguments, environ


def all_combinations() -> list[tuple[str, ...]]:
    """Every set of sources that can speak at once."""
    return [chosen for size in range(5) for chosen in combinations(KINDS, size)]


@pytest.mark.parametrize("kinds", all_combinations(), ids="+".join)
def test_the_strongest_source_that_speaks_holds(kinds: tuple[str, ...], tmp_path: Path) -> None:
    """For all sixteen combinations of sources, the value and the origin are those of the strongest one."""
    arguments, environ = speak(kinds, tmp_path)
    loaded = load(arguments, environ=environ)
    strongest = kinds[0] if kinds else "default"
    assert loaded.settings.tail_ratio == SAID[strongest]
    assert loaded.sources["tail_ratio"].kind == strongest
    assert loaded.problems == []


@pytest.mark.parametrize("kinds", [kinds for kinds in all_combinations() if len(kinds) > 1], ids="+".join)
def test_a_bad_value_leaves_the_field_to_the_next_source(kinds: tuple[str, ...], tmp_path: Path) -> None:
    """When the strongest source says something impossible, the next one holds, and the line names it."""
    arguments, environ = speak(kinds, tmp_path, bad=kinds[:1])
    loaded = load(arguments, environ=environ)
    assert loaded.settings.tail_ratio == SAID[kinds[1]]
    assert loaded.sources["tail_ratio"].kind == kinds[1]
    assert [problem.source.kind for problem in loaded.problems] == [kinds[0]]
    assert f"({loaded.sources['tail_ratio']})" in str(loaded.problems[0])


def test_a_bad_value_is_told_even_where_it_does_not_count() -> None:
    """A wrong variable gets its line although an argument is stronger."""
    loaded = load({"tail_ratio": 0.5}, environ={"OTEL_PERF_TAIL_RATIO": "x"})
    assert loaded.settings.tail_ratio == 0.5
    assert str(loaded.problems[0]).endswith("using 0.5 (argument)")


def test_details_say_where_exactly(tmp_path: Path) -> None:
    """A variable is named, a file with its line, a preset with its name."""
    file = tmp_path / "settings.yaml"
    file.write_text("\n\nspool: false\ntraces:\n  timeout_seconds: 3\n")
    environ = {"OTEL_SERVICE_NAME": "a", "OTEL_PERF_PRESET": "production", "OTEL_PERF_CONFIG_FILE": str(file)}
    sources = load({"capture": "shape"}, environ=environ).sources
    assert sources["capture"] == Source("argument")
    assert sources["service_name"] == Source("environment", "OTEL_SERVICE_NAME")
    assert sources["spool"] == Source("file", f"{file}:3")
    assert sources["traces.timeout_seconds"] == Source("file", f"{file}:5")
    assert sources["handle_sigterm"] == Source("preset", "production")
    assert sources["overflow"] == Source("default")


def test_ours_is_stronger_than_a_standard_variable() -> None:
    """OTEL_PERF_CAPTURE decides over the switch of the GenAI instrumentations, whatever it says."""
    environ = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY"}
    assert load({}, environ=environ).settings.capture == "full"
    loaded = load({}, environ=environ | {"OTEL_PERF_CAPTURE": "off"})
    assert loaded.settings.capture == "off"
    assert loaded.sources["capture"].detail == "OTEL_PERF_CAPTURE"


@pytest.mark.parametrize("field", OTLP_FIELDS)
def test_a_signal_inherits_what_is_said_for_both(field: str) -> None:
    """A general argument reaches both signals, and is stronger than a signal's own variable."""
    values = {"endpoint": "https://a.example/v1/traces", "protocol": "grpc", "headers": {"a": "b"}, "insecure": True}
    value = values.get(field, 3.0 if field == "timeout_seconds" else "none" if field == "compression" else "/ca.pem")
    loaded = load({field: value}, environ={})
    for signal in SIGNALS:
        assert loaded.sources[f"{signal}.{field}"].kind == "argument"
        if field != "endpoint":
            assert getattr(getattr(loaded.settings, signal), field) == getattr(loaded.settings, field) != ()


def test_argument_for_both_beats_the_variable_for_one() -> None:
    """The source decides first; only within one source the narrower word is the stronger."""
    environ = {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "1", "OTEL_EXPORTER_OTLP_TIMEOUT": "2"}
    settings = load({}, environ=environ).settings
    assert (settings.traces.timeout_seconds, settings.metrics.timeout_seconds) == (1, 2)
    settings = load({"timeout_seconds": 3.0}, environ=environ).settings
    assert (settings.traces.timeout_seconds, settings.metrics.timeout_seconds) == (3, 3)
    settings = load({"timeout_seconds": 3.0, "traces": {"timeout_seconds": 4.0}}, environ=environ).settings
    assert (settings.traces.timeout_seconds, settings.metrics.timeout_seconds) == (4, 3)


def test_any_mapping_will_do() -> None:
    """Headers, attributes and a signal's settings may come as a read-only mapping; what is kept is a copy."""
    headers = {"a": "b"}
    arguments = {"headers": headers, "resource_attributes": {"team": "x"}, "traces": {"timeout_seconds": 2}}
    loaded = load({key: MappingProxyType(value) for key, value in arguments.items()}, environ={})
    headers["a"] = "changed"
    assert loaded.problems == []
    assert loaded.settings.headers == {"a": "b"}
    assert loaded.settings.resource_attributes == {"team": "x"}
    assert loaded.settings.traces.timeout_seconds == 2


def test_none_says_nothing() -> None:
    """An argument of None leaves the field to the other sources."""
    loaded = load(dict.fromkeys(Settings.__struct_fields__), environ={"OTEL_SERVICE_NAME": "a"})
    assert loaded.settings.service_name == "a"
    assert loaded.problems == []


def test_every_field_has_a_source_and_a_row() -> None:
    """There is no setting whose origin is unknown or that status cannot show."""
    loaded = load({}, environ={})
    assert set(loaded.sources) == set(TYPES)
    assert [row.name for row in describe(loaded)] == list(TYPES)
    assert {row.source_text for row in describe(loaded)} == {"default"}


def test_defaults_are_those_of_the_struct(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing said the settings equal a plain Settings(), but that the state folder is absolute."""
    monkeypatch.chdir(tmp_path)
    loaded = load({}, environ={})
    assert loaded.settings.home == tmp_path / ".otel_perf"
    for field in Settings.__struct_fields__:
        if field != "home":
            assert getattr(loaded.settings, field) == getattr(Settings(), field)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_obey_the_rules(preset: str) -> None:
    """Every value of a preset passes its field's check and arrives as it is."""
    loaded = load({"preset": preset}, environ={})
    assert loaded.problems == []
    for field, value in PRESETS[preset].items():
        assert check(field, value) == getattr(loaded.settings, field) == value
        assert loaded.sources[field] == Source("preset", preset)


@pytest.mark.parametrize(
    ("environ", "home"),
    [
        ({"CI": "true"}, False),
        ({"CI": "false"}, True),
        ({"PYTEST_VERSION": "9"}, False),
        ({"PYTEST_CURRENT_TEST": "a"}, False),
        ({"CI": "true", "OTEL_PERF_HOME": "here"}, True),
    ],
)
def test_no_folder_in_test_runs_unless_asked(environ: dict[str, str], home: bool) -> None:
    """CI=true and pytest leave the state folder out, and an explicit one brings it back."""
    loaded = load({}, environ=environ)
    assert (loaded.settings.home is not None) == home
    if not home:
        assert loaded.sources["home"].detail in environ


def test_a_vanished_current_folder_is_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the process's folder was deleted, the state folder stays relative and nothing is raised."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert load({}, environ={}).settings.home == Path(".otel_perf")


def test_settings_cannot_be_changed() -> None:
    """The value is frozen: what was checked is what holds."""
    with pytest.raises(AttributeError):
        load({}, environ={}).settings.strict = True  # type: ignore[misc]


def test_process_environment_is_read_at_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a mapping the process's own environment counts, as it is at that moment."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "first")
    assert load({}).settings.service_name == "first"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "second")
    assert load({}).settings.service_name == "second"
