"""The snapshot: one object with the numbers that the metrics show."""

import dataclasses
from pathlib import Path

import psutil
import pytest

from otel_perf.probes.attempts import Attempts
from otel_perf.probes.probe_set import ProbeSet
from otel_perf.probes.system_snapshot import SystemSnapshot, snapshot_of
from tests.probes.looking import every_probe, no_group


@pytest.mark.feature("S0-32")
def test_a_snapshot_has_the_numbers_of_the_metrics(tmp_path: Path) -> None:
    """A dataclass with timestamp, cpu, memory, disk, network and process; shares are absent at the first look."""
    probes = ProbeSet(every_probe(Attempts(), no_group(tmp_path)), 5)
    probes.read()
    snapshot = snapshot_of(probes.observed(), 1000.5)
    assert {field.name for field in dataclasses.fields(SystemSnapshot)} == {
        "timestamp", "cpu", "memory", "disk", "network", "process",
    }  # fmt: skip
    assert snapshot.timestamp == 1000.5
    assert snapshot.cpu is not None
    assert snapshot.cpu.utilization is None
    assert snapshot.cpu.logical_count == psutil.cpu_count()
    assert snapshot.memory is not None
    assert snapshot.memory.limit_bytes == psutil.virtual_memory().total
    assert snapshot.memory.source == "host"
    assert snapshot.network is not None
    assert snapshot.process is not None
    assert snapshot.process.cpu_utilization is None
    assert snapshot.process.resident_bytes == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)


@pytest.mark.feature("S0-32")
def test_what_is_not_known_is_none() -> None:
    """Of a system that tells nothing there is nothing, not a row of zeros."""
    assert snapshot_of([], 1.0) == SystemSnapshot(1.0, None, None, None, None, None)
