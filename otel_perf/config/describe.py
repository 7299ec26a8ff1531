"""The settings for people: one row each, with its origin and without secrets."""

from dataclasses import dataclass

from otel_perf.config import endpoints
from otel_perf.config.headers import HIDDEN, Headers
from otel_perf.config.loaded import Loaded
from otel_perf.config.rules import SIGNALS, TYPES, leaf

__all__ = ["SettingRow", "describe", "value_text"]


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting as ``status()`` and ``otel-perf config`` show it.

    Attributes:
        name: The field; of one signal's OTLP settings with the signal in front.
        value_text: Its value; of headers the names, of addresses no query values.
        source_text: Where it came from: ``default``, ``argument``, a variable's name, ``file:line``, a preset.
    """

    name: str
    value_text: str
    source_text: str


def describe(loaded: Loaded) -> list[SettingRow]:
    """All settings, in the order of ``Settings``, the two signals' own ones last."""
    return [SettingRow(name, value_text(name, _value(loaded, name)), str(loaded.sources[name])) for name in TYPES]


def _value(loaded: Loaded, name: str) -> object:
    signal, _, field = name.rpartition(".")
    owner = getattr(loaded.settings, signal) if signal in SIGNALS else loaded.settings
    return getattr(owner, field)


def value_text(field: str, value: object) -> str:
    """A value of a field in words that may be shown to anybody."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return _mapping(value)
    if isinstance(value, tuple):
        return _sequence(field, value)
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _mapping(value: dict[str, str]) -> str:
    secret = isinstance(value, Headers)
    return ", ".join(f"{name}={HIDDEN if secret else text}" for name, text in value.items()) or "none"


def _sequence(field: str, value: tuple[object, ...]) -> str:
    match value:
        case (str(host), int(port)):
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        case _ if leaf(field) == "endpoint":
            return ", ".join(endpoints.masked(str(address)) for address in value) or "none"
    return ", ".join(str(item) for item in value) or "none"
