"""Metric data as a Prometheus page: the text format 0.0.4, and OpenMetrics 1.0 with exemplars.

Written here and not by ``prometheus_client``, which takes 250 ms of processor time for 500 tools (and as long holds
up the application's threads); this takes a tenth. Tests hold both against each other.
"""

import json
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple, TypeAlias

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import ExponentialHistogram as SdkExponentialHistogram
from opentelemetry.sdk.metrics.export import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    Sum,
)
from opentelemetry.sdk.metrics.export import Histogram as SdkHistogram
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_perf.delivery.prometheus_buckets import classic_buckets
from otel_perf.delivery.prometheus_names import FamilyNames, Kind, label_name
from otel_perf.tracing.values import clean_text, clean_value

__all__ = ["OPENMETRICS", "TEXT", "Families", "gather", "render"]

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

VALUE_LENGTH: Final = 1024
"""Longest label value on the page, in characters."""


class Number(NamedTuple):
    """One value."""

    value: float
    exemplar: Exemplar | None


class Histogram(NamedTuple):
    """One histogram; counts not cumulative, one more than bounds."""

    bounds: Sequence[float]
    counts: Sequence[int]
    total: float
    exemplars: Sequence[Exemplar]


Row: TypeAlias = Number | Histogram


class Family:
    """Metrics of one Prometheus name.

    Attributes:
        rows: Series by their labels, written out.
    """

    __slots__ = ("base", "help", "kind", "rows", "unit")

    def __init__(self, base: str, unit: str, kind: Kind, meaning: str) -> None:
        """Start without a series."""
        self.base = base
        self.unit = unit
        self.kind = kind
        self.help = meaning
        self.rows: dict[str, Row] = {}

    def add(self, labels: str, row: Row) -> None:
        """Add a series. Of two with the same labels, counts are added, and the later gauge stands."""
        there = self.rows.get(labels)
        self.rows[labels] = row if there is None or self.kind == "gauge" else _added(there, row)


class Families(NamedTuple):
    """All that one page shows: resource labels, and families in order of their names."""

    target: str
    families: Sequence[Family]


# -- gathering ---------------------------------------------------------------------------------------------------


def gather(data: MetricsData, names: FamilyNames) -> Families:
    """Sort metric data into families; points that no text format can carry are left out."""
    families: dict[str, Family] = {}
    target: dict[str, str] = {}
    for entry in data.resource_metrics:
        target.update(_labels(entry.resource.attributes))
        for scope in entry.scope_metrics:
            shared = _scope_labels(scope.scope)
            for metric in scope.metrics:
                _gather_metric(metric, shared, names, families)
    return Families(_written(target), [families[base] for base in sorted(families)])


def _gather_metric(metric: Metric, shared: Mapping[str, str], names: FamilyNames, families: dict[str, Family]) -> None:
    kind = _kind_of(metric)
    name = names.of(metric.name, metric.unit or "", kind)
    family = families.get(name.base)
    if family is None:
        family = families[name.base] = Family(name.base, name.unit, kind, metric.description or "")
    for point in metric.data.data_points:
        row = _row_of(point)
        if row is not None:
            family.add(_written({**_labels(point.attributes), **shared}), row)


def _kind_of(metric: Metric) -> Kind:
    if isinstance(metric.data, SdkHistogram | SdkExponentialHistogram):
        return "histogram"
    return "counter" if isinstance(metric.data, Sum) and metric.data.is_monotonic else "gauge"


def _row_of(point: NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint) -> Row | None:
    if isinstance(point, NumberDataPoint):
        try:
            return Number(float(point.value), max(point.exemplars, key=_time_of, default=None))
        except (OverflowError, TypeError, ValueError):
            return None
    if isinstance(point, HistogramDataPoint):
        return Histogram(point.explicit_bounds, point.bucket_counts, float(point.sum), point.exemplars)
    bounds, counts = classic_buckets(point)
    return Histogram(bounds, counts, float(point.sum), point.exemplars)


def _time_of(exemplar: Exemplar) -> int:
    return exemplar.time_unix_nano


def _added(first: Row, second: Row) -> Row:
    if isinstance(first, Number) and isinstance(second, Number):
        return Number(first.value + second.value, second.exemplar or first.exemplar)
    if isinstance(first, Histogram) and isinstance(second, Histogram) and first.bounds == second.bounds:
        counts = [a + b for a, b in zip(first.counts, second.counts, strict=True)]
        return Histogram(first.bounds, counts, first.total + second.total, second.exemplars)
    return first


def _labels(attributes: Any) -> dict[str, str]:
    """Labels of attributes; values whose names become equal are joined with ``;``, as OpenTelemetry specifies."""
    found: dict[str, str] = {}
    for attribute in sorted(attributes) if attributes else ():
        name, text = label_name(attribute), _value_text(attributes[attribute])
        found[name] = f"{found[name]};{text}" if name in found else text
    return found


def _scope_labels(scope: InstrumentationScope) -> dict[str, str]:
    attributes = scope.attributes or {}
    named = {f"otel_scope_{label_name(name)}": _value_text(value) for name, value in attributes.items()}
    return {
        **named,
        "otel_scope_name": scope.name or "",
        "otel_scope_version": scope.version or "",
        "otel_scope_schema_url": scope.schema_url or "",
    }


def _value_text(value: object) -> str:
    if isinstance(value, str):
        return clean_text(value, VALUE_LENGTH)
    return json.dumps(clean_value(value, VALUE_LENGTH), default=str)


def _written(labels: Mapping[str, str]) -> str:
    """``a="1",b="2"``. An empty label is none to Prometheus."""
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items() if value)


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


# -- writing -----------------------------------------------------------------------------------------------------


def render(page: Families, content_type: str) -> bytes:
    """Write a page in the text format or in OpenMetrics."""
    openmetrics = content_type == OPENMETRICS
    lines: list[str] = []
    if page.target:
        name, kind = ("target", "info") if openmetrics else ("target_info", "gauge")
        lines += [f"# HELP {name} Target metadata\n# TYPE {name} {kind}\n", f"target_info{{{page.target}}} 1\n"]
    for family in page.families:
        if family.rows:
            lines.append(_head(family, openmetrics=openmetrics))
            lines.extend(_samples(family, openmetrics=openmetrics))
    if openmetrics:
        lines.append("# EOF\n")
    return "".join(lines).encode("utf-8", "replace")


def _head(family: Family, *, openmetrics: bool) -> str:
    name = family.base if openmetrics or family.kind != "counter" else f"{family.base}_total"
    meaning = family.help.replace("\\", r"\\").replace("\n", r"\n")
    if openmetrics:
        meaning = meaning.replace('"', r"\"")
    unit = f"# UNIT {name} {family.unit}\n" if openmetrics and family.unit else ""
    return f"# HELP {name} {meaning}\n# TYPE {name} {family.kind}\n{unit}"


def _samples(family: Family, *, openmetrics: bool) -> Iterator[str]:
    name = f"{family.base}_total" if family.kind == "counter" else family.base
    for labels, row in family.rows.items():
        if isinstance(row, Histogram):
            yield _histogram_lines(family.base, labels, row, openmetrics=openmetrics)
            continue
        exemplar = _exemplar(row.exemplar) if openmetrics and family.kind == "counter" else ""
        yield (
            f"{name}{{{labels}}} {_number(row.value)}{exemplar}\n"
            if labels
            else f"{name} {_number(row.value)}{exemplar}\n"
        )


def _histogram_lines(base: str, labels: str, row: Histogram, *, openmetrics: bool) -> str:
    head = f"{base}_bucket{{{labels},le=" if labels else f"{base}_bucket{{le="
    suffixes = _exemplars(row) if openmetrics and row.exemplars else {}
    bounds = [*map(_bound, row.bounds), "+Inf"]
    reached = list(accumulate(row.counts))
    lines = [
        f'{head}"{bound}"}} {count}{suffixes.get(i, "")}\n'
        for i, (bound, count) in enumerate(zip(bounds, reached, strict=True))
    ]
    # A sum that negative values may lower is no counter; both formats want it left out then.
    if not row.bounds or row.bounds[0] >= 0:
        braces = f"{{{labels}}}" if labels else ""
        lines.append(f"{base}_count{braces} {reached[-1]}\n{base}_sum{braces} {_number(row.total)}\n")
    return "".join(lines)


def _exemplars(row: Histogram) -> dict[int, str]:
    """The newest exemplar of each bucket, written out."""
    ordered: Iterable[Exemplar] = sorted(row.exemplars, key=_time_of)
    return {bisect_left(row.bounds, exemplar.value): _exemplar(exemplar) for exemplar in ordered}


def _exemplar(exemplar: Exemplar | None) -> str:
    if exemplar is None:
        return ""
    ids = ""
    if exemplar.trace_id and exemplar.span_id:
        ids = f'trace_id="{exemplar.trace_id:032x}",span_id="{exemplar.span_id:016x}"'
    return f" # {{{ids}}} {_number(exemplar.value)} {exemplar.time_unix_nano / 1e9:.3f}"


_BOUNDS: Final[dict[float, str]] = {}


def _bound(bound: float) -> str:
    """A bucket's bound as OpenMetrics wants it, a float; written once, for there are few."""
    text = _BOUNDS.get(bound)
    if text is None:
        text = _number(float(bound), whole=False)
        if len(_BOUNDS) < 4096:  # noqa: PLR2004 - an application's own bounds, bounded
            _BOUNDS[bound] = text
    return text


def _number(value: float, *, whole: bool = True) -> str:
    """A number as both formats read it; a whole one without ``.0``, which is shorter and means the same."""
    if value != value:  # noqa: PLR0124 - NaN
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if whole and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return repr(value)
