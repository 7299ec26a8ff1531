"""What an application asks for on top of our own redaction: more names, e-mail addresses, a function of its own."""

from collections.abc import Callable
from typing import Any

import pytest

import otel_perf
from otel_perf.config.load import load
from otel_perf.core.guard import guard
from tests.sinks.http_sink import http_sink


@otel_perf.tool
def write(text: str, patient_id: str = "none", **more: str) -> str:
    """The tool under test."""
    return text


def captured(**settings: Any) -> str:
    """What a receiver has of one call, with everything captured."""
    with http_sink() as sink:
        with otel_perf.instrument(endpoint=sink.url, capture="full", set_global=False, **settings) as handle:
            write("ann@example.com wrote patientId=P12345", patient_id="P12345", **{"X-Patient-Id": "P12345"})
            assert handle.flush(10)
        (request,) = sink.traces
    return str(request)


def test_more_names_of_secrets() -> None:
    """``redact_keys`` holds for arguments, nested names and names in a text, whatever their case and separators."""
    assert "P12345" in captured()
    text = captured(redact_keys=["patient_id"])
    assert "P12345" not in text
    assert "ann@example.com" in text


def test_emails_on_request() -> None:
    """``redact_emails`` takes addresses out, and nothing else."""
    text = captured(redact_emails=True)
    assert "ann@example.com" not in text
    assert "[REDACTED:email]" in text
    assert "P12345" in text


def test_a_function_of_the_application() -> None:
    """``redactor=`` has the last word on every captured text."""
    text = captured(redactor=lambda text: text.replace("wrote", "w***e"))
    assert "w***e" in text
    assert "wrote" not in text


def broken(text: str) -> str:
    """A defect in somebody's rules."""
    raise LookupError(text)


@pytest.mark.parametrize("redactor", [broken, lambda text: None, 7])
def test_a_function_that_fails_drops_the_value(
    redactor: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    """A redactor that raises, returns no text or cannot be called lets nothing through, not even into the log."""
    before = guard.counts["redaction"]
    text = captured(redactor=redactor)
    assert "<redaction failed>" in text
    assert "ann@example.com" not in text
    assert "P12345" not in text
    assert guard.counts["redaction"] > before
    assert "ann@example.com" not in caplog.text


def test_the_next_set_up_starts_anew() -> None:
    """After ``shutdown()`` neither names nor functions of the last set-up are left."""
    captured(redactor=broken, redact_keys=["patient_id"], redact_emails=True)
    assert "ann@example.com wrote patientId=P12345" in captured()


@pytest.mark.parametrize(
    ("text", "names"),
    [("patient_id, Kundennummer", ("patient_id", "Kundennummer")), ("mrn", ("mrn",)), ("mrn,,mrn", ("mrn",))],
)
def test_names_from_the_environment(text: str, names: tuple[str, ...]) -> None:
    """A list with commas, each name once, spelled as it was."""
    assert load({}, environ={"OTEL_PERF_REDACT_KEYS": text}).settings.redact_keys == names


@pytest.mark.parametrize("value", [["x"], ["--"], [""], [7], 7, "a", [" x "]])
def test_a_name_that_would_match_everything_is_refused(value: Any) -> None:
    """A single letter, or no letter at all, is told in one line and not used."""
    loaded = load({"redact_keys": value}, environ={})
    assert loaded.settings.redact_keys == ()
    assert len(loaded.problems) == 1
    assert "each of two or more letters or digits" in str(loaded.problems[0])
