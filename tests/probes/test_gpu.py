"""GPUs, with a library that answers as NVML does."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from otel_perf.probes import gpu
from otel_perf.probes.attempts import Attempts
from otel_perf.probes.gpu import RETRY_SECONDS, GpuProbe, load_nvml
from tests.probes.looking import SECOND, Look

GIB = 1024**3


class FakeError(Exception):
    """As ``pynvml.NVMLError``."""


class FakeNvml:
    """Two GPUs: one that knows everything, and an old one that knows little and answers in bytes."""

    NVMLError = FakeError
    NVML_TEMPERATURE_GPU = 0

    def __init__(self) -> None:
        self.millijoules = 5_000_000
        self.open = 0

    def nvmlInit(self) -> None:  # noqa: N802 - its name
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetUUID(self, device: int) -> Any:  # noqa: N802
        return ["GPU-1", b"GPU-2"][device]

    def nvmlDeviceGetName(self, device: int) -> Any:  # noqa: N802
        return ["New", b"Old"][device]

    def nvmlDeviceGetUtilizationRates(self, device: int) -> Any:  # noqa: N802
        return SimpleNamespace(gpu=[45, 0][device], memory=1)

    def nvmlDeviceGetMemoryInfo(self, device: int) -> Any:  # noqa: N802
        return SimpleNamespace(total=16 * GIB, used=4 * GIB, free=12 * GIB)

    def nvmlDeviceGetTemperature(self, device: int, sensor: int) -> int:  # noqa: N802
        return 61

    def nvmlDeviceGetPowerUsage(self, device: int) -> int:  # noqa: N802
        return self._new(device, 75_500)

    def nvmlDeviceGetTotalEnergyConsumption(self, device: int) -> int:  # noqa: N802
        return self._new(device, self.millijoules)

    def _new(self, device: int, value: int) -> int:
        if device:
            raise FakeError("Not Supported")
        return value


def test_a_gpu_has_use_memory_temperature_power_and_energy() -> None:
    """Units of the conventions; energy since the first look; what the old one does not know is absent."""
    nvml = FakeNvml()
    probe = GpuProbe(Attempts(), nvml)
    look = Look(probe)
    assert look["hw.gpu.utilization", "GPU-1", "New"] == 0.45
    assert look["hw.gpu.utilization", "GPU-2", "Old"] == 0
    assert look["hw.gpu.memory.usage", "GPU-1", "New"] == 4 * GIB
    assert look["hw.gpu.memory.limit", "GPU-1", "New"] == 16 * GIB
    assert look["hw.gpu.memory.utilization", "GPU-2", "Old"] == 0.25
    assert look["hw.temperature", "GPU-1", "gpu"] == 61
    assert look["hw.power", "GPU-1", "gpu"] == 75.5
    assert look["hw.energy", "GPU-1", "gpu"] == 0
    assert ("hw.power", ("GPU-2", "gpu")) not in look.values
    assert ("hw.energy", ("GPU-2", "gpu")) not in look.values
    nvml.millijoules += 2500
    assert Look(probe)["hw.energy", "GPU-1", "gpu"] == 2.5
    probe.close()
    probe.close()
    assert nvml.open == 0


@pytest.mark.parametrize("error", [FakeError("Driver Not Loaded"), OSError("no library")])
def test_t66_without_library_or_driver_there_is_no_gpu(error: Exception) -> None:
    """Absent, silently, and tried again after ten minutes."""

    class Unready(FakeNvml):
        tried = 0

        def nvmlInit(self) -> None:  # noqa: N802
            self.tried += 1
            if self.tried == 1:
                raise error
            super().nvmlInit()

    nvml = Unready()
    probe = GpuProbe(Attempts(), nvml)
    assert not Look(probe, SECOND).values
    assert not Look(probe, 2 * SECOND).values
    assert nvml.tried == 1
    probe.close()
    assert nvml.open == 0
    assert Look(probe, int((RETRY_SECONDS + 2) * SECOND)).values


def test_the_library_of_this_machine_answers_or_is_absent() -> None:
    """Whatever runs this: no module, or one that is asked without an exception."""
    nvml = load_nvml()
    if nvml is not None:
        probe = GpuProbe(Attempts(), nvml)
        Look(probe)
        probe.close()


def test_t66_a_package_that_is_missing_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver without the extra."""
    monkeypatch.setattr(gpu, "DRIVER_FILES", (Path("/"),))
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert load_nvml() is None
