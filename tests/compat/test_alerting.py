"""Thresholds: one alert per crossing, with the numbers that crossed, as a record and as an event."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.compat.alerting import AlertJudge, AlertThresholds
from otel_perf.compat.monitor import PrometheusPerformanceMonitor
from otel_perf.compat.system_metrics import SystemMetrics
from otel_perf.probes.system_snapshot import CpuState, MemoryState
from otel_perf.testing.capture import Capture


def machine(*, cpu: float | None = None, memory: float | None = None, disk: float | None = None) -> SystemMetrics:
    """A look at a machine with these shares in use."""
    return SystemMetrics(
        timestamp=0.0,
        cpu=None if cpu is None else CpuState(cpu, None, None, None),
        memory=None if memory is None else MemoryState(None, None, memory, "host"),
        disk_utilization=disk,
    )


@pytest.fixture
def judge() -> AlertJudge:
    """Judges by what holds without a choice."""
    return AlertJudge(AlertThresholds(), 100)


@pytest.mark.feature("S0-28")
def test_a_crossing_is_one_alert_however_many_samples_follow(judge: AlertJudge) -> None:
    """Beyond the threshold, beyond it still, back, and beyond it again: two alerts."""
    for cpu in (0.5, 0.81, 0.9, 0.99, 0.8, 0.2, 0.95, 0.96):
        judge.judge_system(machine(cpu=cpu))

    first, second = judge.records()
    assert (first.metric, first.level, first.value, first.threshold, first.unit) == (
        "system.cpu.utilization", "WARNING", 0.81, 0.8, "1",
    )  # fmt: skip
    assert (second.value, judge.total) == (0.95, 2)
    assert first.message == "system.cpu.utilization is 0.81, above 0.8"
    assert first.timestamp <= second.timestamp


@pytest.mark.feature("S0-28")
def test_each_metric_has_its_threshold() -> None:
    """CPU, memory, disk and the response time of each command are judged apart."""
    judge = AlertJudge(AlertThresholds(disk_utilization=0.7), 100)
    judge.judge_system(machine(cpu=0.9, memory=0.85, disk=0.75))
    judge.judge_response("slow", 5.1)
    judge.judge_response("fast", 4.9)
    judge.judge_response("slower", 60.0)

    assert [(record.metric, record.subject, record.threshold) for record in judge.records()] == [
        ("system.cpu.utilization", None, 0.8),
        ("system.memory.utilization", None, 0.8),
        ("system.filesystem.utilization", None, 0.7),
        ("otel_perf.command.duration", "slow", 5.0),
        ("otel_perf.command.duration", "slower", 5.0),
    ]


def test_memory_gets_worse_in_two_steps(judge: AlertJudge) -> None:
    """A warning above 0.8, critical above 0.9; easing to the warning is no new alert, getting worse again is one."""
    for memory in (0.85, 0.91, 0.95, 0.85, 0.92, 0.5):
        judge.judge_system(machine(memory=memory))

    assert [(record.level, record.value) for record in judge.records()] == [
        ("WARNING", 0.85), ("CRITICAL", 0.91), ("CRITICAL", 0.92),
    ]  # fmt: skip


def test_a_value_at_its_threshold_is_well_and_an_unknown_one_changes_nothing(judge: AlertJudge) -> None:
    """Strictly above; no data is no recovery."""
    for cpu in (0.8, 0.9, None, 0.9):
        judge.judge_system(machine(cpu=cpu))

    assert [record.value for record in judge.records()] == [0.9]


def test_there_is_no_alert_without_a_threshold() -> None:
    """The disk has none by default, and each one can be taken away."""
    judge = AlertJudge(AlertThresholds(cpu_utilization=None, response_time_seconds=None), 100)
    judge.judge_system(machine(cpu=1.0, disk=1.0))
    judge.judge_response("endless", 1e6)

    assert judge.records() == []


def test_the_records_are_bounded_and_counted() -> None:
    """The newest stay."""
    judge = AlertJudge(AlertThresholds(), 2)
    for number in range(5):
        judge.judge_response(f"command {number}", 9.0)

    assert [record.subject for record in judge.records()] == ["command 3", "command 4"]
    assert judge.total == 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"cpu_utilization": -0.1},
        {"response_time_seconds": float("nan")},
        {"memory_utilization": 0.9, "memory_utilization_critical": 0.8},
    ],
)
def test_a_threshold_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    """A mistake of the program is told where it is made."""
    with pytest.raises(ValueError, match="_"):
        AlertThresholds(**wrong)


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=60))
def test_alerts_are_the_upward_crossings(values: list[float | None]) -> None:
    """For any series of values: as many alerts as times a known value above follows one that is not."""
    judge = AlertJudge(AlertThresholds(), 1000)
    for value in values:
        judge.judge_system(machine(cpu=value))

    known = [value > 0.8 for value in values if value is not None]
    assert judge.total == sum(now and not before for before, now in zip([False, *known], known, strict=False))


def test_threads_that_see_the_same_crossing_tell_it_once(judge: AlertJudge) -> None:
    """Eight judges of one value at the same time."""
    gate = threading.Barrier(8)

    def work(_number: int) -> None:
        gate.wait()
        for _ in range(100):
            judge.judge_response("shared", 6.0)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    assert judge.total == 1


@pytest.mark.feature("S0-28")
def test_a_slow_command_is_a_record_and_an_event_on_its_span(otel_perf_capture: Capture) -> None:
    """The threshold of the monitor is crossed by a real command: one record, one event with the same numbers."""
    monitor = PrometheusPerformanceMonitor(thresholds=AlertThresholds(response_time_seconds=0.0001))
    for _ in range(3):
        with monitor.measure_command("import"):
            pass

    (record,) = monitor.get_alerts()
    (event,) = otel_perf_capture.events
    first = otel_perf_capture.spans[0]
    assert first.context is not None
    assert (event.name, event.severity, event.body) == ("otel_perf.alert", "WARN", record.message)
    assert (event.trace_id, event.span_id) == (first.context.trace_id, first.context.span_id)
    assert event.attributes == {
        "otel_perf.alert.metric": "otel_perf.command.duration",
        "otel_perf.alert.level": "WARNING",
        "otel_perf.alert.value": record.value,
        "otel_perf.alert.threshold": 0.0001,
        "otel_perf.alert.unit": "s",
        "otel_perf.alert.subject": "import",
    }
    summary = monitor.get_metrics_summary()["alerts"]
    assert (summary["count"]["value"], summary["recent"]) == (1, [record.to_dict()])


@pytest.mark.feature("S0-28")
def test_the_machine_is_judged(otel_perf_capture: Capture) -> None:
    """A real look at memory that is above its threshold: one critical alert, and none at the next look."""
    thresholds = AlertThresholds(
        cpu_utilization=None, memory_utilization=0.0, memory_utilization_critical=0.0, response_time_seconds=None
    )
    monitor = PrometheusPerformanceMonitor(thresholds=thresholds)

    (record,) = monitor.check_thresholds()

    assert monitor.check_thresholds() == [record]
    assert (record.metric, record.level) == ("system.memory.utilization", "CRITICAL")
    assert 0 < record.value <= 1
    assert [(event.severity, event.trace_id) for event in otel_perf_capture.events] == [("FATAL", 0)]
