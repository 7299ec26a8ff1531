"""Key performance indicators as the application knows them: checked, bounded, recorded; some 1 us each."""

import itertools
from collections.abc import Mapping
from math import isfinite
from typing import Final

from otel_perf.core.custom_metrics import as_number, record_custom_metric
from otel_perf.core.guard import guard, logger
from otel_perf.core.intake import so_far
from otel_perf.core.kpi_signals import ADAPTATION_ATTEMPTS, ADAPTATION_SUCCESSES, KPI_LABELS, KPIS, REJECTED, Kpi
from otel_perf.core.recording import record

__all__ = ["Adaptations", "adaptations", "record_adaptation", "record_kpi"]

ALIASES: Final[Mapping[str, str]] = {"f1": "f1_score", "latency": "response_time"}
MOST_TOLD: Final = 64


class _Told:
    """Strictly private: what was said once; further slips of the same kind are only counted."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str]] = set()

    def first(self, name: str, reason: str) -> bool:
        """Whether a slip has not been told yet."""
        if (name, reason) in self._known or len(self._known) >= MOST_TOLD:
            return False
        self._known.add((name, reason))
        return True

    def forget(self) -> None:
        """Tell all again."""
        self._known.clear()


told: Final = _Told()


def record_kpi(name: str, value: float, **labels: str | None) -> None:
    """Record one value of an indicator. Never raises, never blocks.

    A value outside the indicator's range, or none at all (NaN), is left out and counted in
    ``otel_perf.kpi.rejected``, with one log line per indicator and reason. A name that is not known is recorded as a
    custom metric (a gauge) of that name.

    Args:
        name: ``f1_score``, ``precision``, ``recall``, ``accuracy``, ``exact_match``, ``response_quality``,
            ``context_accuracy``, ``token_efficiency``, ``token_reduction``, ``cache_hit_rate``,
            ``adaptation_success_rate``, ``success_rate``, ``error_rate`` (all 0 to 1), ``context_utilization`` (0 and
            above), ``response_time`` (seconds), or a name of your own.
        value: The value.
        **labels: Any of ``model``, ``provider``, ``agent``, ``tool``, ``dataset``; ``conversation`` (its name) for
            ``context_utilization``. Others are left out, and counted: an id as a label would make a series per id.
    """
    guard.call("kpi", _record_kpi, name, value, labels)


def record_adaptation(success: bool, **labels: str | None) -> None:  # noqa: FBT001 - the one thing it is about
    """Count one adaptation of a model, prompt or strategy, and whether it did what it was to do.

    Args:
        success: Whether it succeeded.
        **labels: As of ``record_kpi``.
    """
    guard.call("kpi", _record_adaptation, success, labels)


class Adaptations:
    """How often adaptations succeeded in this process, whether or not anything is recorded."""

    def __init__(self) -> None:
        """Start at zero."""
        self.forget()

    def forget(self) -> None:
        """Start again at zero."""
        self._failures = itertools.count()
        self._successes = itertools.count()

    def add(self, *, success: bool) -> None:
        """Count one (atomic: one step of a C iterator)."""
        next(self._successes if success else self._failures)

    @property
    def successes(self) -> int:
        """Adaptations that succeeded."""
        return so_far(self._successes)

    @property
    def attempts(self) -> int:
        """All adaptations."""
        return so_far(self._successes) + so_far(self._failures)

    @property
    def success_rate(self) -> float | None:
        """Successes over attempts; ``None`` without an attempt."""
        successes, failures = so_far(self._successes), so_far(self._failures)
        return successes / (successes + failures) if successes + failures else None


adaptations: Final = Adaptations()


def _record_kpi(name: str, value: object, labels: Mapping[str, object]) -> None:
    known = name if name in KPIS else ALIASES.get(name, str(name))
    kpi = KPIS.get(known)
    if kpi is None:
        record_custom_metric(known, value, labels)  # type: ignore[arg-type]  # it judges the value itself
        return
    number = as_number(value)
    reason = _fault(kpi, number)
    if reason is not None or number is None:
        _reject(known, reason or "not_a_number", value)
        return
    record(kpi.metric, number, *_placed(known, labels, kpi.labels))


def _fault(kpi: Kpi, number: float | None) -> str | None:
    """What is wrong with a value: a reason for the counter."""
    if number is None:
        return "not_a_number"
    if not isfinite(number):
        return "not_finite"
    return None if kpi.low <= number <= kpi.high else "out_of_range"


def _reject(name: str, reason: str, value: object) -> None:
    record(REJECTED, 1, name, reason)
    if not told.first(name, reason):
        return
    if reason == "out_of_range":
        kpi = KPIS[name]
        logger.warning("otel_perf: %s = %.6g is not within %g to %g; not taken", name, value, kpi.low, kpi.high)
    else:
        logger.warning("otel_perf: a value of %s is no finite number (%s); not taken", name, type(value).__name__)


def _placed(name: str, labels: Mapping[str, object], allowed: tuple[str, ...]) -> tuple[str | None, ...]:
    """Labels in the order of the metric's attributes; what is not known is counted and left out."""
    if not labels:
        return ()
    for key in labels:
        if key not in allowed:
            _leave_out(name, key, allowed)
    return tuple([None if (value := labels.get(key)) is None else str(value) for key in allowed])


def _leave_out(name: str, key: str, allowed: tuple[str, ...]) -> None:
    record(REJECTED, 1, name, "unknown_label")
    if told.first(name, "unknown_label"):
        logger.warning("otel_perf: %s takes the labels %s; %r is left out", name, ", ".join(allowed), key[:64])


def _record_adaptation(success: object, labels: Mapping[str, object]) -> None:
    succeeded = bool(success)
    adaptations.add(success=succeeded)
    placed = _placed("adaptation", labels, tuple(KPI_LABELS))
    record(ADAPTATION_ATTEMPTS, 1, *placed)
    record(ADAPTATION_SUCCESSES, int(succeeded), *placed)
