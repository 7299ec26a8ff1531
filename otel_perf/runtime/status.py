"""What ``handle.status()`` tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from otel_perf.config.describe import SettingRow, describe
from otel_perf.config.loaded import Loaded
from otel_perf.core.guard import guard
from otel_perf.core.intake import intake
from otel_perf.core.ledger import CallBalance, DestinationBalance
from otel_perf.pipeline.open_calls import OpenCall

__all__ = ["State", "Status", "idle_status", "settings_facts"]

State: TypeAlias = Literal["running", "disabled", "failed", "shut down"]


@dataclass(frozen=True, slots=True)
class Status:
    """One consistent look at everything.

    Attributes:
        state: ``running``, ``disabled`` (``OTEL_SDK_DISABLED``), ``failed`` (set-up went wrong) or ``shut down``.
        provider: ``owned``, ``adopted`` or ``private``; ``None`` when nothing runs.
        spans: ``deferred`` (the cheap way) or ``sdk`` (tool spans are SDK spans, at the SDK's cost).
        calls: Every call so far.
        destinations: Every span, metric point and event so far, by destination and signal. Empty: nothing is sent.
        open_calls: Calls that are running, oldest first.
        prometheus: URL of the metrics page, ``None`` without one.
        internal_errors: Errors of otel_perf itself, by stage.
        worker_restarts: How often the worker had to be started again.
        worker_cpu_seconds: CPU time of the worker thread.
        settings: Each setting, its value, and where it came from.
        problems: One line per setting that was refused.
        notes: What else a user should know, one line each.
    """

    state: State
    provider: Literal["owned", "adopted", "private"] | None
    spans: Literal["deferred", "sdk"] | None
    calls: CallBalance
    destinations: tuple[DestinationBalance, ...]
    open_calls: tuple[OpenCall, ...]
    prometheus: str | None
    internal_errors: Mapping[str, int]
    worker_restarts: int
    worker_cpu_seconds: float
    settings: tuple[SettingRow, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def balanced(self) -> bool:
        """Whether every call and every item is accounted for."""
        return self.calls.balanced and all(entry.balanced for entry in self.destinations)


def settings_facts(loaded: Loaded) -> dict[str, Any]:
    """The part of a status that follows from the settings, and the internal errors."""
    return {
        "settings": tuple(describe(loaded)),
        "problems": tuple(str(problem) for problem in loaded.problems),
        "internal_errors": dict(guard.counts),
    }


def idle_status(state: State, loaded: Loaded) -> Status:
    """The status when nothing runs: calls are only counted."""
    disabled = intake.disabled
    return Status(
        state=state,
        provider=None,
        spans=None,
        calls=CallBalance(calls=disabled, span_recorded=0, sampled_out=0, disabled=disabled, foreign_spans=0),
        destinations=(),
        open_calls=(),
        prometheus=None,
        worker_restarts=0,
        worker_cpu_seconds=0.0,
        notes=(),
        **settings_facts(loaded),
    )
