"""``docs/signals.md``: every span, event, metric and attribute. ``python -m tests.catalogue.page`` makes it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from otel_perf.core.signal_spec import AttributeSpec, MetricSpec
from otel_perf.core.signals import EVENTS, METRICS, SPANS, SUBJECTS
from otel_perf.delivery.prometheus_names import FamilyNames, Kind

REPOSITORY: Final = Path(__file__).resolve().parents[2]
PAGE: Final = REPOSITORY / "docs" / "signals.md"

HEAD: Final = """\
# Signals

Everything that otel_perf emits. Made by `python -m tests.catalogue.page` from the one catalogue in
`otel_perf/core/*_signals.py`, from which meters, Prometheus names and this page come; a test holds the page to it.

Names of the OpenTelemetry semantic conventions are used where there is one; all others begin with `otel_perf.`. A
metric whose value is not known is absent, never 0. Labels are bounded as said; beyond a bound they share `_OTHER`, and
no metric has more than 200 sets of labels unless its row says otherwise. No argument, prompt, result or user id is ever
a label. "When": *recorded* where it happens, or *observed* when metrics are collected.
"""


def page() -> str:
    """The whole page."""
    return "\n\n".join([HEAD.rstrip(), *_spans(), *_events(), *_metrics(), *_attributes()]) + "\n"


def _table(head: str, rows: Iterable[Iterable[str]]) -> str:
    columns = head.split("|")
    lines = [head, "|".join("---" for _ in columns), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line.strip()} |" for line in lines)


def _spans() -> Iterator[str]:
    yield "## Spans"
    yield _table(
        "Name | Kind | Meaning | Attributes | Source",
        ((f"`{s.name}`", s.kind.upper(), s.meaning, _names(s.attributes), s.source) for s in SPANS),
    )


def _events() -> Iterator[str]:
    yield "## Events"
    yield "OpenTelemetry log records with this event name."
    yield _table(
        "Name | Meaning | Attributes | Source",
        ((f"`{event.name}`", event.meaning, _names(event.attributes), event.source) for event in EVENTS),
    )


def _metrics() -> Iterator[str]:
    yield "## Metrics"
    names = FamilyNames()
    buckets = {bounds: chr(ord("A") + place) for place, bounds in enumerate(_all_bounds())}
    for subject, specs in SUBJECTS.items():
        yield f"### {subject}"
        yield _table(
            "Name | Kind | Unit | When | Meaning | Labels | Prometheus | Source",
            (
                (
                    f"`{spec.name}`",
                    f"{spec.instrument} {buckets[spec.bounds]}" if spec.bounds else spec.instrument,
                    f"`{spec.unit}`",
                    "recorded" if spec.synchronous else "observed",
                    spec.meaning,
                    _names(spec.attributes),
                    f"`{prometheus_name(names, spec)}`",
                    spec.source,
                )
                for spec in specs
            ),
        )
    yield "## Buckets"
    yield "Upper bounds of the histograms, in the unit of each metric."
    yield _table(
        "Letter | Bounds", ((letter, ", ".join(f"{b:,.15g}" for b in bounds)) for bounds, letter in buckets.items())
    )


def _all_bounds() -> list[tuple[float, ...]]:
    return list(dict.fromkeys(spec.bounds for spec in METRICS if spec.bounds))


def prometheus_name(names: FamilyNames, spec: MetricSpec) -> str:
    """The name of the metric's samples on the page; a histogram's without ``_bucket``, ``_count``, ``_sum``."""
    kinds: dict[str, Kind] = {"counter": "counter", "histogram": "histogram"}
    family = names.of(spec.name, spec.unit, kinds.get(spec.instrument, "gauge")).base
    return f"{family}_total" if spec.instrument == "counter" else family


def _names(attributes: Iterable[AttributeSpec]) -> str:
    return ", ".join(f"`{attribute.name}`" for attribute in attributes) or "-"


def all_attributes() -> dict[str, AttributeSpec]:
    """Every attribute by name; where several signals have it, the first that says what bounds it."""
    found: dict[str, AttributeSpec] = {}
    for owner in (*METRICS, *SPANS, *EVENTS):
        for attribute in owner.attributes:
            found.setdefault(attribute.name, attribute)
    return dict(sorted(found.items()))


def _attributes() -> Iterator[str]:
    yield "## Attributes"
    yield _table(
        "Name | Type | Meaning | Values as a label",
        (
            (f"`{name}`", attribute.type, attribute.meaning, attribute.bounded_by or "no label")
            for name, attribute in all_attributes().items()
        ),
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
