"""Metrics that the application makes up: one call each, names made safe, number and labels bounded.

>>> from otel_perf.core.custom_metrics import counter
>>> docs_indexed = counter("docs_indexed")
>>> docs_indexed(3, {"source": "wiki"})

They go the way of every other metric: OTLP and the Prometheus page, on our own or an adopted meter provider.
"""

import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import Final, Literal, TypeAlias, get_args

from otel_perf.core import clock
from otel_perf.core.guard import guard, logger
from otel_perf.core.recording import record
from otel_perf.core.signal_spec import AttributeSpec, MetricSpec

__all__ = [
    "CustomMetrics",
    "LastValue",
    "MetricKind",
    "Recorder",
    "as_number",
    "counter",
    "custom_metrics",
    "gauge",
    "histogram",
    "record_custom_metric",
]

MetricKind: TypeAlias = Literal["counter", "gauge", "histogram"]

KINDS: Final = get_args(MetricKind)
MOST_METRICS: Final = 200
MOST_TAGS: Final = 8
"""Tags of one metric. Its sets of tag values are bounded as those of all metrics are: 200, then ``_OTHER``."""
MOST_SPELLINGS: Final = 64
"""Tags as they were given, of one metric, that are found without a lock."""
LONGEST_NAME: Final = 255
LONGEST_TAG: Final = 128
MOST_TOLD: Final = 64
RESERVED: Final = ("otel_perf.", "gen_ai.", "otel.")
"""Names of the package and of the conventions, whose meaning is fixed."""

BOUNDS: Final = tuple(base * 10.0**power for power in range(-3, 6) for base in (1, 2, 5))
"""0.001 to 500,000 in steps of 1, 2 and 5: for what is measured in an unknown unit."""

_METRIC_FAULTS: Final = re.compile(r"[^A-Za-z0-9_.\-/]")
_TAG_FAULTS: Final = re.compile(r"[^A-Za-z0-9_.]")
"""The syntax of instrument names is that of the OpenTelemetry metrics API."""


@dataclass(frozen=True, slots=True)
class LastValue:
    """The newest value of a custom metric.

    Attributes:
        value: As it was given.
        tags: As they were recorded.
        time_unix_ns: When, in Unix nanoseconds.
    """

    value: float
    tags: Mapping[str, str]
    time_unix_ns: int


@dataclass(slots=True)
class _Custom:
    """Strictly private: a metric, the place of each tag among its labels, its newest value with labels and time."""

    spec: MetricSpec
    places: dict[str, int] = field(default_factory=dict)
    spellings: dict[str, int | None] = field(default_factory=dict)
    newest: tuple[float, list[str | None], int] | None = None


class CustomMetrics:
    """The custom metrics of this process.

    A metric and its tags are looked up without a lock; the lock is for their first use.

    Attributes:
        refused: Values that were not taken, tags that were left out, by reason: ``name``, ``reserved``, ``limit``,
            ``kind``, ``value``, ``tag``.
    """

    def __init__(self, most: int = MOST_METRICS) -> None:
        """Start without one; ``most`` bounds their number."""
        self._most = most
        self.forget()

    def forget(self) -> None:
        """Start again without one."""
        self._lock = threading.RLock()
        self._metrics: dict[str, _Custom] = {}
        self._shown: dict[str, str] = {}
        self.refused: Counter[str] = Counter()
        self._told: set[tuple[str, str]] = set()

    def after_fork_in_child(self) -> None:
        """Keep all; the lock may have been held by a thread that the child does not have."""
        self._lock = threading.RLock()

    def record(
        self, name: object, value: object, tags: Mapping[str, object] | None, kind: MetricKind, unit: str = ""
    ) -> None:
        """Take one value in."""
        given = name if isinstance(name, str) else str(name)
        if kind not in KINDS:
            self._refuse("kind", given, f"a metric is one of {', '.join(KINDS)}; not recorded")
            return
        number = as_number(value)
        if number is None or not isfinite(number) or (kind == "counter" and number < 0):
            self._refuse("value", given, f"a {kind} cannot take {type(value).__name__} {str(value)[:32]!r}")
            return
        custom = self._custom(given, kind, unit)
        if custom is None:
            return
        labels = self._labels(custom, tags) if tags else []
        custom.newest = (number, labels, clock.wall_ns())
        record(custom.spec, number, *labels)

    def last(self, name: str) -> LastValue | None:
        """The newest value of a metric, by the name that was given or the one it got."""
        found = self._metrics.get(self._shown.get(name, name).lower())
        if found is None or found.newest is None:
            return None
        number, labels, time_unix_ns = found.newest
        named = zip(found.spec.attributes, labels, strict=False)
        return LastValue(number, {tag.name: label for tag, label in named if label is not None}, time_unix_ns)

    def names(self) -> tuple[str, ...]:
        """The names in use, in the order of their first use."""
        return tuple(custom.spec.name for custom in list(self._metrics.values()))

    def _custom(self, given: str, kind: MetricKind, unit: str) -> _Custom | None:
        shown = self._shown.get(given)
        found = None if shown is None else self._metrics.get(shown.lower())
        if found is None:
            with self._lock:
                found = self._make(given, kind, unit)
        if found is not None and found.spec.instrument != kind:
            self._refuse("kind", given, f"it is a {found.spec.instrument}, and goes on as one; not recorded as {kind}")
            return None
        return found

    def _make(self, given: str, kind: MetricKind, unit: str) -> _Custom | None:
        name = self._admit(given)
        if name is None:
            return None
        # Instrument names that differ in case only are the same to OpenTelemetry.
        found = self._metrics.get(name.lower())
        if found is None and len(self._metrics) >= self._most:
            self._refuse("limit", given, f"{self._most} custom metrics is the most; this one is not recorded")
            return None
        return found or self._metrics.setdefault(name.lower(), _Custom(_specify(name, kind, unit)))

    def _admit(self, given: str) -> str | None:
        """The name under which a metric is known; the first use of an odd one is told."""
        name = _METRIC_FAULTS.sub("_", given[:LONGEST_NAME])
        if not name[:1].isalpha():
            name = f"m_{name}"[:LONGEST_NAME]
        if name.lower().startswith(RESERVED):
            self._refuse("reserved", given, "the name belongs to OpenTelemetry or to this package; not recorded")
            return None
        if not given.strip():
            self._refuse("name", given, "a metric needs a name; not recorded")
            return None
        if name != given:
            self._tell("renamed", given, f"the name is not allowed; recorded as {name!r}")
        if len(self._shown) < 4 * self._most:
            self._shown[given] = name
        return name

    def _labels(self, custom: _Custom, tags: Mapping[str, object]) -> list[str | None]:
        labels: list[str | None] = [None] * len(custom.places)
        for key, value in tags.items():
            if value is None:
                continue
            place = custom.spellings.get(key, -1)
            if place == -1:
                with self._lock:
                    place = self._place(custom, key)
            if place is None:
                self._refuse("tag", custom.spec.name, f"{MOST_TAGS} tags is the most; others are left out")
                continue
            labels.extend([None] * (place + 1 - len(labels)))
            labels[place] = value if isinstance(value, str) else str(value)
        return labels

    @staticmethod
    def _place(custom: _Custom, key: object) -> int | None:
        """The place of a tag among the labels; a new one is put at the end, ``None`` when there are too many."""
        given = str(key)
        tag = _TAG_FAULTS.sub("_", given[:LONGEST_TAG]) or "_"
        place = custom.places.get(tag)
        if place is None and len(custom.places) < MOST_TAGS:
            place = len(custom.places)
            # Measurements know their labels by place, so that attributes may be added at the end, before the first use.
            grown = (*custom.spec.attributes, AttributeSpec(tag, "The application's own.", "200 series, then _OTHER"))
            object.__setattr__(custom.spec, "attributes", grown)
            custom.places[tag] = place
        if len(custom.spellings) < MOST_SPELLINGS:
            custom.spellings[given] = place
        return place

    def _refuse(self, reason: str, name: str, rule: str) -> None:
        self.refused[reason] += 1
        self._tell(reason, name, rule)

    def _tell(self, reason: str, name: str, rule: str) -> None:
        if (reason, name) in self._told or len(self._told) >= MOST_TOLD:
            return
        self._told.add((reason, name))
        shown = name[:64].encode("ascii", "backslashreplace").decode()
        logger.warning("otel_perf: custom metric %r: %s", shown, rule)


def _specify(name: str, kind: MetricKind, unit: str) -> MetricSpec:
    return MetricSpec(
        name,
        kind,
        unit,
        "A metric of the application's own.",
        bounds=BOUNDS if kind == "histogram" else (),
        synchronous=True,
        source="the application",
    )


def as_number(value: object) -> float | None:
    """A number of any numeric type as Python's own (numpy's and decimals too); ``None`` for what is none.

    What no float can hold is infinite.
    """
    if isinstance(value, str | bytes | bytearray) or value is None:
        return None
    try:
        number = float(value)  # type: ignore[arg-type]  # whatever has __float__
    except (TypeError, ValueError):
        return None
    except OverflowError:
        return inf
    return value if isinstance(value, int) else number


custom_metrics: Final = CustomMetrics()


def record_custom_metric(
    name: str,
    value: float,
    tags: Mapping[str, object] | None = None,
    kind: MetricKind = "gauge",
    *,
    unit: str = "",
) -> None:
    """Record one value of a metric of your own. Never raises, never blocks.

    A name that OpenTelemetry does not allow is made safe, with one warning. The first use of a name settles its kind.

    Args:
        name: Letters, digits, ``_ . - /``, beginning with a letter; at most 255 characters.
        value: A finite number; a counter takes only what is not negative.
        tags: Labels: a few values each, no ids. At most 8 names per metric.
        kind: ``gauge`` (the last value counts), ``counter`` (values are added), ``histogram`` (distributed).
        unit: UCUM unit, such as ``s`` or ``By``; the first use of a name settles it.
    """
    guard.call("custom metrics", custom_metrics.record, name, value, tags, kind, unit)


Recorder: TypeAlias = Callable[..., None]


class _Named:
    """Strictly private: what ``counter``, ``gauge`` and ``histogram`` give."""

    __slots__ = ("_kind", "_name", "_unit")

    def __init__(self, name: str, kind: MetricKind, unit: str) -> None:
        self._name = name
        self._kind: MetricKind = kind
        self._unit = unit

    def __call__(self, value: float = 1, tags: Mapping[str, object] | None = None) -> None:
        """Record one value."""
        record_custom_metric(self._name, value, tags, self._kind, unit=self._unit)

    def __repr__(self) -> str:
        return f"{self._kind}({self._name!r})"


def counter(name: str, unit: str = "") -> Recorder:
    """A counter of your own: call it with what to add (1 when left out), and tags."""
    return _Named(name, "counter", unit)


def gauge(name: str, unit: str = "") -> Recorder:
    """A gauge of your own: call it with the present value, and tags."""
    return _Named(name, "gauge", unit)


def histogram(name: str, unit: str = "") -> Recorder:
    """A histogram of your own: call it with each value, and tags."""
    return _Named(name, "histogram", unit)
