"""Headers and credentials in addresses are never repeated."""

import pytest

from otel_perf.config.describe import describe
from otel_perf.config.load import load
from otel_perf.core.errors import ConfigurationError

CANARY = "S3CRETcanary"

ADDRESSES = [
    f"https://user:{CANARY}@h:4318",
    f"https://{CANARY}@h",
    f"user:{CANARY}@h:4317",
    f"https://h/?api_key={CANARY}",
    f"https://h/?a=b&Authorization={CANARY}",
    f"https://h/#{CANARY}",
    f"ftp://user:{CANARY}@h",
    f"https://user%40{CANARY} @h",
]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("source", ["argument", "environment", "list"])
def test_an_address_with_a_credential_is_refused_unseen(address: str, source: str) -> None:
    """One line, without the secret, and no destination, whichever source says it."""
    arguments = {"argument": {"endpoint": address}, "list": {"endpoint": [address]}, "environment": {}}[source]
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": address} if source == "environment" else {}
    loaded = load(arguments, environ=environ)
    assert len(loaded.problems) == 1
    assert "(value hidden)" in str(loaded.problems[0])
    assert loaded.destinations.traces == loaded.destinations.metrics == ()
    assert CANARY not in f"{loaded!r}{describe(loaded)!r}"


HEADERS = [f"api-key={CANARY}", f"a={CANARY},broken", f"a={CANARY}%ff", f"a={CANARY}\x01", f"b c={CANARY}", CANARY]


@pytest.mark.parametrize("text", HEADERS)
@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"])
def test_headers_are_never_shown(name: str, text: str) -> None:
    """No repr, row, problem or error holds a header's value, well-formed or not."""
    environ = {name: text, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://h"}
    loaded = load({}, environ=environ)
    assert CANARY not in f"{loaded!r} {loaded.settings} {describe(loaded)!r} {list(map(str, loaded.problems))}"
    if loaded.problems:
        with pytest.raises(ConfigurationError) as raised:
            load({}, environ=environ, strict=True)
        assert CANARY not in f"{raised.value} {raised.value!r}"


def test_headers_travel_and_their_names_are_shown() -> None:
    """The sender gets the values; people see which headers there are."""
    loaded = load({"headers": {"Api-Key": CANARY}, "endpoint": "http://h"}, environ={})
    assert loaded.destinations.traces[0].headers["api-key"] == CANARY
    rows = {row.name: row.value_text for row in describe(loaded)}
    assert rows["headers"] == rows["traces.headers"] == "api-key=****"


@pytest.mark.parametrize(
    "arguments",
    [
        {"headers": CANARY},
        {"headers": {"a": [CANARY]}},
        {"headers": [CANARY]},
        {"api_key": CANARY},
        {"traces": {"token": CANARY}},
        {"endpoint": {"url": CANARY}},
    ],
)
def test_misplaced_secrets_are_not_repeated(arguments: dict[str, object]) -> None:
    """A secret in the wrong argument costs a line that names the argument only."""
    loaded = load(arguments, environ={})
    assert len(loaded.problems) == 1
    assert CANARY not in f"{loaded!r}"


def test_query_values_are_left_out_of_what_people_see() -> None:
    """A harmless query travels, and is masked all the same where it is shown."""
    loaded = load({"endpoint": "http://h?region=somewhere"}, environ={})
    assert loaded.destinations.traces[0].url == "http://h/v1/traces?region=somewhere"
    assert loaded.destinations.traces[0].name == "http://h/v1/traces"
    assert "somewhere" not in f"{describe(loaded)!r}"
