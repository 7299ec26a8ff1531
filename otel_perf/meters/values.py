"""Labelled values on their way from the meters to a reader, of no SDK's types."""

from typing import NamedTuple, TypeAlias

from otel_perf.core.signal_spec import AttributeSpec
from otel_perf.meters.cell import CallExemplar
from otel_perf.meters.roster import label_text

__all__ = ["HistogramReading", "Labels", "NumberReading", "labels_of"]

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Attribute names and values, in the order of the catalogue; an attribute that does not apply is left out."""


class NumberReading(NamedTuple):
    """One value of a counter, up-down counter or gauge."""

    labels: Labels
    value: int | float


class HistogramReading(NamedTuple):
    """One histogram in the metric's unit; counts not cumulative over the buckets; extremes ``None`` when not known."""

    labels: Labels
    counts: tuple[int, ...]
    total: float
    minimum: float | None
    maximum: float | None
    exemplars: tuple[CallExemplar, ...]


def labels_of(attributes: tuple[AttributeSpec, ...], raw: tuple[str | None, ...]) -> Labels:
    """Texts in the order of the attributes as labels that can be encoded."""
    pairs = zip(attributes, raw, strict=False)
    return tuple((attribute.name, label_text(value)) for attribute, value in pairs if value is not None)
