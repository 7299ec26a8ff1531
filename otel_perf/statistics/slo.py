"""Service level objectives: what an indicator should be over a window, and what is left of the error budget."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["DEFAULT_TARGETS", "Comparison", "SloState", "SloStatus", "SloTarget", "Tally", "judge"]

Comparison = Literal["<", "<=", ">", ">="]
SloState = Literal["met", "missed", "unknown"]

COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
LONGEST_WINDOW_SECONDS: Final = 90 * 86_400.0


@dataclass(frozen=True, slots=True)
class SloTarget:
    """One objective.

    Attributes:
        kpi: The indicator, as ``record_kpi`` names it.
        objective: What it is compared with, in the indicator's unit.
        comparison: How: the indicator has to be ``<``, ``<=``, ``>`` or ``>=`` the objective.
        share: Share of the single values that have to meet it (0.99: 99 of 100 answers below 3 s). ``None``: their
            mean has to.
        window_seconds: What is looked at: values of the last so many seconds.
    """

    kpi: str
    objective: float
    comparison: Comparison = ">"
    share: float | None = None
    window_seconds: float = 3600.0

    def __post_init__(self) -> None:
        """Check what was given.

        Raises:
            ValueError: An objective that is no finite number, another comparison, a share outside 0 to 1, or a
                window that is not above 0 and at most 90 days.
        """
        if not isfinite(self.objective):
            raise ValueError("objective must be a finite number")
        if self.comparison not in COMPARE:
            raise ValueError(f"comparison must be one of {', '.join(COMPARE)}, not {self.comparison!r}")
        if self.share is not None and not 0 < self.share <= 1:
            raise ValueError("share must be above 0 and at most 1")
        if not 0 < self.window_seconds <= LONGEST_WINDOW_SECONDS:
            raise ValueError("window_seconds must be above 0 and at most 90 days")

    @property
    def name(self) -> str:
        """What it is called in metrics: ``response_time < 3 for 99 %``."""
        share = "" if self.share is None else f" for {self.share * 100:g} %"
        return f"{self.kpi} {self.comparison} {self.objective:g}{share}"

    def meets(self, value: float) -> bool:
        """Whether a value is as it should be."""
        return COMPARE[self.comparison](value, self.objective)


DEFAULT_TARGETS: Final = (
    SloTarget("response_time", 3.0, "<"),
    SloTarget("success_rate", 0.95, ">"),
    SloTarget("cache_hit_rate", 0.70, ">"),
    SloTarget("token_efficiency", 0.80, ">"),
)
"""Usual targets of agent applications, for those who have none of their own. Nobody is held to one unasked."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The values of a window.

    Attributes:
        count: How many.
        total: Their sum.
        met: How many of them are as the target wants them.
    """

    count: int = 0
    total: float = 0.0
    met: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(self.count + other.count, self.total + other.total, self.met + other.met)


@dataclass(frozen=True, slots=True)
class SloStatus:
    """How a target stands.

    Attributes:
        target: The target.
        state: ``met``, ``missed``, or ``unknown`` without a value in the window.
        measured: What was compared: the mean, or with ``share`` the share of values that meet the objective;
            ``None`` without a value.
        values: Values in the window.
        error_budget_left: Share of the allowed failures that is left, 1 at best, negative when overspent; ``None``
            without a value, or where the target allows none or does not say how many.
    """

    target: SloTarget
    state: SloState
    measured: float | None
    values: int
    error_budget_left: float | None


def judge(target: SloTarget, tally: Tally) -> SloStatus:
    """Compare the values of a window with their target."""
    if not tally.count:
        return SloStatus(target, "unknown", None, 0, None)
    if target.share is not None:
        share = tally.met / tally.count
        left = _left(1 - share, 1 - target.share)
        return SloStatus(target, "met" if share >= target.share else "missed", share, tally.count, left)
    mean = tally.total / tally.count
    state: SloState = "met" if target.meets(mean) else "missed"
    return SloStatus(target, state, mean, tally.count, _budget_of_mean(target, mean))


def _budget_of_mean(target: SloTarget, mean: float) -> float | None:
    """A mean has a budget only where it is a rate: of 0.95 successes, 0.05 may fail."""
    if target.kpi.endswith("error_rate"):
        return _left(mean, target.objective)
    if target.kpi.endswith("_rate") and target.comparison in (">", ">="):
        return _left(1 - mean, 1 - target.objective)
    return None


def _left(spent: float, allowed: float) -> float | None:
    return 1 - spent / allowed if allowed > 0 else None
