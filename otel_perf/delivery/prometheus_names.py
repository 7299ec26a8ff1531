"""Prometheus names of OpenTelemetry metrics and attributes, as ``opentelemetry-exporter-prometheus`` makes them.

Two things it leaves open are settled here: names that would meet in Prometheus are kept apart, and labels that mean
something to Prometheus itself are moved out of the way.
"""

import re
from typing import Final, Literal, NamedTuple, TypeAlias

from otel_perf.core.guard import logger

__all__ = ["FamilyName", "FamilyNames", "Kind", "label_name", "unit_suffix"]

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]

_NOT_IN_NAMES: Final = re.compile(r"[^a-zA-Z0-9:]+")
_NOT_IN_LABELS: Final = re.compile(r"[^a-zA-Z0-9]+")
_ANNOTATION: Final = re.compile(r"{.*}")

UNITS: Final = {
    "d": "days", "h": "hours", "min": "minutes", "s": "seconds",
    "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds",
    "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes", "TiBy": "tibibytes",
    "KBy": "kilobytes", "MBy": "megabytes", "GBy": "gigabytes", "TBy": "terabytes",
    "m": "meters", "V": "volts", "A": "amperes", "J": "joules", "W": "watts", "g": "grams",
    "Cel": "celsius", "Hz": "hertz", "1": "", "%": "percent",
}  # fmt: skip
"""UCUM units as words. ``1`` has none here; Prometheus' own OTLP receiver makes ``_ratio`` of it."""

PER: Final = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}

RESERVED: Final = frozenset(("le", "quantile", "job", "instance"))
"""Labels that Prometheus sets or reads itself. A user's own get the prefix that Prometheus gives such: exported_."""

SUFFIXES: Final[dict[Kind, tuple[str, ...]]] = {
    "counter": ("", "_total", "_created"),
    "gauge": ("",),
    "histogram": ("", "_bucket", "_count", "_sum", "_created"),
}
"""Sample names that belong to a family of this kind."""


def unit_suffix(unit: str) -> str:
    """The word for a UCUM unit: ``By`` is ``bytes``, ``m/s`` is ``meters_per_second``, ``{call}`` has none."""
    unit = _ANNOTATION.sub("", unit)
    if unit in UNITS:
        return UNITS[unit]
    top, slash, bottom = unit.partition("/")
    divisor = _NOT_IN_NAMES.sub("_", bottom)
    if slash and divisor:
        dividend = _NOT_IN_NAMES.sub("_", top)
        dividend = UNITS.get(dividend, dividend)
        divisor = PER.get(divisor, divisor)
        return f"{dividend}_per_{divisor}" if dividend else f"per_{divisor}"
    return _NOT_IN_NAMES.sub("_", unit).strip("_")


def label_name(attribute: str) -> str:
    """The label of an attribute; never empty, never one that Prometheus reserves."""
    if attribute[:1].isdigit():
        attribute = "_" + attribute[1:]
    name = _NOT_IN_LABELS.sub("_", attribute) or "_"
    return f"exported_{name}" if name in RESERVED or name.startswith("otel_scope_") else name


def _base_name(name: str, unit: str, kind: Kind) -> str:
    if name[:1].isdigit():
        name = "_" + name[1:]
    base = _NOT_IN_NAMES.sub("_", name)
    if kind == "counter":
        base = base.removesuffix("_total")
    return base if not unit or base.endswith(f"_{unit}") else f"{base}_{unit}"


class FamilyName(NamedTuple):
    """The name of a family, without ``_total``, and its unit, which is empty when the name does not end in it."""

    base: str
    unit: str


class FamilyNames:
    """The names that were given so far. A name once given stays, so that series do not change between scrapes."""

    def __init__(self) -> None:
        """Start with the family of the page's own ``target_info``."""
        self._owners: dict[str, object] = {"target": None, "target_info": None}
        self._given: dict[tuple[str, str, Kind], FamilyName] = {}

    def of(self, metric: str, unit: str, kind: Kind) -> FamilyName:
        """The family of a metric; the same metric in two scopes has one family.

        Args:
            metric: OpenTelemetry name.
            unit: OpenTelemetry unit.
            kind: What it is to Prometheus.
        """
        owner = (metric, unit_suffix(unit), kind)
        given = self._given.get(owner)
        if given is None:
            given = self._given[owner] = self._claim(owner)
        return given

    def _claim(self, owner: tuple[str, str, Kind]) -> FamilyName:
        metric, unit, kind = owner
        wanted = _base_name(metric, unit, kind)
        base, attempt = wanted, 1
        while any(base + suffix in self._owners for suffix in SUFFIXES[kind]):
            base = f"{wanted}_{kind}" if attempt == 1 else f"{wanted}_{kind}_{attempt}"
            attempt += 1
        self._owners.update(dict.fromkeys((base + suffix for suffix in SUFFIXES[kind]), owner))
        if base != wanted:
            logger.warning(
                "otel_perf: %s %r has the Prometheus name of another metric; it is shown as %s", kind, metric, base
            )
        return FamilyName(base, unit if base.endswith(f"_{unit}") else "")
