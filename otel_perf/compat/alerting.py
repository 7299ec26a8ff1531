"""Values judged by thresholds: one alert when a value crosses one, none while it stays beyond it."""

import math
from collections import deque
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from otel_perf.compat.forks import ForkSafeLock
from otel_perf.compat.system_metrics import SystemMetrics
from otel_perf.core.alert_signals import ALERT
from otel_perf.core.clock import system_clock
from otel_perf.core.events import Event, Severity, emit
from otel_perf.core.intake import intake
from otel_perf.core.operation_signals import COMMAND_DURATION

if TYPE_CHECKING:
    from otel_perf.core.records import AttributeValue

__all__ = ["AlertJudge", "AlertRecord", "AlertThresholds", "Level"]

Level: TypeAlias = Literal["WARNING", "CRITICAL"]

SEVERITIES: Final[dict[Level, Severity]] = {"WARNING": "WARN", "CRITICAL": "FATAL"}
RANK: Final[dict[Level | None, int]] = {None: 0, "WARNING": 1, "CRITICAL": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertThresholds:
    """What values must exceed for an alert; ``None`` for none. A value that equals its threshold is still well.

    Attributes:
        cpu_utilization: Warning, of the CPUs that the container may use or of the host's, 0 to 1. Default: the CPU
            limit of 80 % in S1-56.
        memory_utilization: Warning, of the container's or the host's memory, 0 to 1. Default: 0.8 (S1-57).
        memory_utilization_critical: Critical, of the same. Default: 0.9 (S1-66).
        disk_utilization: Warning, of the fullest local file system, 0 to 1. Default: none, for no number is given.
        response_time_seconds: Warning, of each command. Default: 5.0 (S1-65).
    """

    cpu_utilization: float | None = 0.8
    memory_utilization: float | None = 0.8
    memory_utilization_critical: float | None = 0.9
    disk_utilization: float | None = None
    response_time_seconds: float | None = 5.0

    def __post_init__(self) -> None:
        """Refuse what no value can be compared with.

        Raises:
            ValueError: A threshold is negative or not finite, or the critical one is below its warning.
        """
        for entry in fields(self):
            threshold = getattr(self, entry.name)
            if threshold is not None and not (math.isfinite(threshold) and threshold >= 0):
                raise ValueError(f"{entry.name} must be a number of at least 0, not {threshold!r}")
        warning, critical = self.memory_utilization, self.memory_utilization_critical
        if warning is not None and critical is not None and critical < warning:
            raise ValueError("memory_utilization_critical must not be below memory_utilization")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRecord:
    """One crossing of a threshold.

    Attributes:
        timestamp: Unix time in seconds.
        metric: OpenTelemetry name of what was judged.
        subject: The command it is of; ``None`` for the machine.
        value: The value, in ``unit``.
        threshold: What it exceeds.
        unit: UCUM unit of both.
        level: ``WARNING`` or ``CRITICAL``.
        message: The same as a sentence.
    """

    timestamp: float
    metric: str
    subject: str | None
    value: float
    threshold: float
    unit: str
    level: Level
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Rule:
    """Strictly private: a metric, and its thresholds with the highest level first."""

    metric: str
    unit: str
    levels: tuple[tuple[Level, float | None], ...]

    def judge(self, value: float) -> tuple[Level | None, float]:
        """The level of a value, and the threshold that gives it."""
        for level, threshold in self.levels:
            if threshold is not None and value > threshold:
                return level, threshold
        return None, 0.0


class AlertJudge:
    """Remembers how each value stands, and tells when it gets worse. Thread-safe; never raises."""

    def __init__(self, thresholds: AlertThresholds, max_alerts: int) -> None:
        """Everything is well.

        Args:
            thresholds: What to judge by.
            max_alerts: Records that are kept; the oldest leave first.
        """
        self.thresholds: Final = thresholds
        limits = thresholds
        self._cpu = _Rule("system.cpu.utilization", "1", (("WARNING", limits.cpu_utilization),))
        self._memory = _Rule(
            "system.memory.utilization", "1",
            (("CRITICAL", limits.memory_utilization_critical), ("WARNING", limits.memory_utilization)),
        )  # fmt: skip
        self._disk = _Rule("system.filesystem.utilization", "1", (("WARNING", limits.disk_utilization),))
        self._response = _Rule(COMMAND_DURATION.name, "s", (("WARNING", limits.response_time_seconds),))
        self._lock = ForkSafeLock()
        self._standing: dict[tuple[str, str | None], Level | None] = {}
        self._records: deque[AlertRecord] = deque(maxlen=max_alerts)
        self._total = 0

    @property
    def total(self) -> int:
        """All alerts so far, those that are not kept included."""
        return self._total

    def records(self) -> list[AlertRecord]:
        """The alerts that are kept, oldest first."""
        with self._lock:
            return list(self._records)

    def judge_system(self, metrics: SystemMetrics) -> None:
        """Judge a look at the machine. A value that is not known changes nothing."""
        self._judge(self._cpu, None, None if metrics.cpu is None else metrics.cpu.utilization)
        self._judge(self._memory, None, None if metrics.memory is None else metrics.memory.utilization)
        self._judge(self._disk, None, metrics.disk_utilization)

    def judge_response(self, command: str, seconds: float, place: tuple[str, str] | None = None) -> None:
        """Judge the duration of a command.

        Args:
            command: Its name, of few values: how each stands is remembered.
            seconds: How long it took.
            place: Trace and span id in hexadecimal digits.
        """
        self._judge(self._response, command, seconds, place)

    def _judge(
        self, rule: _Rule, subject: str | None, value: float | None, place: tuple[str, str] | None = None
    ) -> None:
        if value is None:
            return
        level, threshold = rule.judge(value)
        key = (rule.metric, subject)
        with self._lock:
            before = self._standing.get(key)
            if level == before:
                return
            self._standing[key] = level
            if level is None or RANK[level] < RANK[before]:
                return
            now_ns = intake.now_ns()
            record = AlertRecord(
                timestamp=system_clock.unix_ns(now_ns) / 1e9,
                metric=rule.metric,
                subject=subject,
                value=value,
                threshold=threshold,
                unit=rule.unit,
                level=level,
                message=_message(rule, subject, value, threshold),
            )
            self._records.append(record)
            self._total += 1
        _emit(record, now_ns, place)


def _message(rule: _Rule, subject: str | None, value: float, threshold: float) -> str:
    of = "" if subject is None else f" of {subject}"
    unit = "" if rule.unit == "1" else f" {rule.unit}"
    return f"{rule.metric}{of} is {value:.4g}{unit}, above {threshold:g}{unit}"


def _emit(record: AlertRecord, now_ns: int, place: tuple[str, str] | None) -> None:
    attributes: dict[str, AttributeValue] = {
        "otel_perf.alert.metric": record.metric,
        "otel_perf.alert.level": record.level,
        "otel_perf.alert.value": float(record.value),
        "otel_perf.alert.threshold": float(record.threshold),
        "otel_perf.alert.unit": record.unit,
    }
    if record.subject is not None:
        attributes["otel_perf.alert.subject"] = record.subject
    trace_id, span_id = (0, 0) if place is None else (int(place[0], 16), int(place[1], 16))
    emit(
        Event(
            ALERT,
            attributes,
            trace_id=trace_id,
            span_id=span_id,
            time_ns=now_ns,
            severity=SEVERITIES[record.level],
            body=record.message,
        )
    )
