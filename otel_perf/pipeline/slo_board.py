"""Targets under watch: the values of their windows, fed by measurements and calls, judged when somebody asks.

What the application records by ``record_kpi`` counts for a target. Only while it has recorded none in the window, two
indicators are taken from calls themselves: ``response_time`` is the duration of agent turns that nothing of ours has
called, ``success_rate`` has a 1 for every tool call that ended well and a 0 for one that failed or timed out (a
cancelled one is neither).
"""

import threading
from collections.abc import Iterable, Sequence
from typing import Final

from otel_perf.core.intake import intake
from otel_perf.core.kpi_signals import KPIS, SLO_ERROR_BUDGET, SLO_MEASURED, SLO_MET, SLO_OBJECTIVE
from otel_perf.core.measurements import Measurement
from otel_perf.core.records import ToolCall
from otel_perf.statistics.slo import SloStatus, SloTarget, Tally, judge

__all__ = ["SlidingTally", "SloBoard", "slo_board"]

SLOTS: Final = 60
"""A window moves on in steps of a sixtieth of it."""
MOST_TARGETS: Final = 64
NOTHING: Final = Tally()


class SlidingTally:
    """The values of the last so many seconds, in slots: 60 small objects, however many values."""

    def __init__(self, target: SloTarget) -> None:
        """Start empty."""
        self._target = target
        self._slot_ns = max(1, int(target.window_seconds * 1e9 / SLOTS))
        self._slots: dict[int, Tally] = {}

    def add(self, value: float, time_ns: int, count: int = 1) -> None:
        """Count ``count`` values that were measured then."""
        slot = time_ns // self._slot_ns
        met = count if self._target.meets(value) else 0
        self._slots[slot] = self._slots.get(slot, NOTHING) + Tally(count, value * count, met)
        if len(self._slots) > 2 * SLOTS:
            self._drop_before(max(self._slots) - SLOTS + 1)

    def tally(self, now_ns: int) -> Tally:
        """All of the window that ends now."""
        first = now_ns // self._slot_ns - SLOTS + 1
        self._drop_before(first)
        return sum((tally for slot, tally in self._slots.items() if slot >= first), NOTHING)

    def _drop_before(self, first: int) -> None:
        self._slots = {slot: tally for slot, tally in self._slots.items() if slot >= first}


class _Watched:
    """Strictly private: a target, what was recorded for it, and what calls say."""

    def __init__(self, target: SloTarget) -> None:
        self.target = target
        self.recorded = SlidingTally(target)
        self.derived = SlidingTally(target)

    def status(self, now_ns: int) -> SloStatus:
        recorded = self.recorded.tally(now_ns)
        return judge(self.target, recorded if recorded.count else self.derived.tally(now_ns))


class SloBoard:
    """The targets that the application chose. Reads calls and measurements on the worker; any thread may ask."""

    def __init__(self) -> None:
        """Watch nothing: no target is anybody's unless it was chosen."""
        self._lock = threading.RLock()
        self._watched: tuple[_Watched, ...] = ()

    def watch(self, *targets: SloTarget) -> None:
        """Watch targets from now on; one that is watched already goes on.

        Raises:
            ValueError: Its indicator is not known, or there are more than 64.
        """
        for target in targets:
            if target.kpi not in KPIS:
                raise ValueError(f"{target.kpi!r} is no known indicator; known are {', '.join(KPIS)}")
        with self._lock:
            known = {watched.target for watched in self._watched}
            fresh = [target for target in dict.fromkeys(targets) if target not in known]
            if len(known) + len(fresh) > MOST_TARGETS:
                raise ValueError(f"at most {MOST_TARGETS} targets can be watched")
            self._watched = (*self._watched, *map(_Watched, fresh))

    def clear(self) -> None:
        """Watch nothing any more."""
        with self._lock:
            self._watched = ()

    def forget(self) -> None:
        """Keep the targets, drop the values: what a forked child does."""
        self._lock = threading.RLock()
        self._watched = tuple(_Watched(watched.target) for watched in self._watched)

    def status(self) -> tuple[SloStatus, ...]:
        """How each target stands now, in the order in which they were chosen."""
        now_ns = intake.now_ns()
        with self._lock:
            return tuple(watched.status(now_ns) for watched in self._watched)

    def observe(self) -> Sequence[Measurement]:
        """The metrics ``otel_perf.slo.*`` of the targets that have data."""
        now_ns = intake.now_ns()
        return [measurement for status in self.status() for measurement in _measurements(status, now_ns)]

    # -- on the worker -------------------------------------------------------------------------------------------

    def on_measurements(self, measurements: Sequence[Measurement]) -> None:
        """Count the indicators that a target is about."""
        if not self._watched:
            return
        with self._lock:
            for watched in self._watched:
                metric = KPIS[watched.target.kpi].metric
                for entry in (entry for entry in measurements if entry.metric is metric):
                    watched.recorded.add(entry.value, entry.time_ns, entry.times)

    def on_calls(self, calls: Sequence[ToolCall]) -> None:
        """Count what calls say of response time and success."""
        if not self._watched:
            return
        with self._lock:
            for watched in self._watched:
                for value, time_ns in _derived(watched.target.kpi, calls):
                    watched.derived.add(value, time_ns)

    on_foreign_calls = on_calls

    def on_starts(self, calls: Sequence[ToolCall]) -> None:
        """A start alone says nothing."""

    def on_overflow(self, call: ToolCall) -> None:
        """A dropped call is in the ledger."""


def _derived(kpi: str, calls: Sequence[ToolCall]) -> Iterable[tuple[float, int]]:
    if kpi == "response_time":
        return [(c.duration_ns / 1e9, c.end_ns or 0) for c in calls if c.tool.kind == "agent" and c.caller is None]
    if kpi == "success_rate":
        return [
            (float(c.outcome == "ok"), c.end_ns or 0)
            for c in calls
            if c.tool.kind == "tool" and c.outcome != "cancelled"
        ]
    return ()


def _measurements(status: SloStatus, now_ns: int) -> Iterable[Measurement]:
    if status.measured is None:
        return
    labels = (status.target.name,)
    objective = status.target.objective if status.target.share is None else status.target.share
    yield Measurement(SLO_MET, float(status.state == "met"), labels, now_ns)
    yield Measurement(SLO_MEASURED, status.measured, labels, now_ns)
    yield Measurement(SLO_OBJECTIVE, objective, labels, now_ns)
    if status.error_budget_left is not None:
        yield Measurement(SLO_ERROR_BUDGET, status.error_budget_left, labels, now_ns)


slo_board: Final = SloBoard()
"""The board of this process: ``slo_board.watch(SloTarget("response_time", 3.0, "<"))``."""
