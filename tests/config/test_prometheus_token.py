"""The token of the metrics page is checked, and never shown."""

from otel_perf.config.describe import describe
from otel_perf.config.load import load

TOKEN = "a-token-that-nobody-guesses"


def test_a_token_is_never_shown() -> None:
    """Neither the description of the settings nor their text form holds it."""
    loaded = load({"prometheus_token": TOKEN}, environ={})

    assert loaded.settings.prometheus_token == {"token": TOKEN}
    assert TOKEN not in repr(loaded.settings)
    assert all(TOKEN not in row.value_text for row in describe(loaded))


def test_a_refused_token_is_not_shown_either() -> None:
    """A short one is refused with one line that does not contain it."""
    loaded = load({}, environ={"OTEL_PERF_PROMETHEUS_TOKEN": "short-secret"})

    assert len(loaded.problems) == 1
    assert "short-secret" not in str(loaded.problems[0])
    assert loaded.settings.prometheus_token == {}
