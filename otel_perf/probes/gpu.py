"""GPUs of NVIDIA, through NVML: absent without the library, the driver, or the device."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from otel_perf.probes.attempts import Attempts
from otel_perf.probes.collected import Collected
from otel_perf.probes.totals import Totals

__all__ = ["GpuProbe", "load_nvml"]

MAX_GPUS: Final = 16
DRIVER_FILES: Final = (Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/proc/driver/nvidia"))
"""One of them is there on Linux (``dxg``: in the Windows subsystem) where there is a driver."""

PERCENT: Final = 100
MILLI: Final = 1000
RETRY_SECONDS: Final = 600.0


def load_nvml() -> Any:
    """The module ``pynvml`` of the extra ``gpu``; ``None`` without it, and without a driver, which is looked for first.

    The import takes 30 ms, which is nothing to pay where there is no GPU.
    """
    if sys.platform == "linux" and not any(file.exists() for file in DRIVER_FILES):
        return None
    try:
        return import_module("pynvml")
    except (ImportError, OSError):
        return None


class GpuProbe:
    """Use, memory, temperature, power and energy of each GPU."""

    name = "gpu"
    costly = True

    def __init__(self, attempts: Attempts, nvml: Any) -> None:
        """Nothing is opened before the first look.

        Args:
            attempts: Asks.
            nvml: The module ``pynvml``.
        """
        self._attempts = attempts
        self._nvml = nvml
        self._opened = False
        self._not_before_ns = 0
        self._totals = Totals()

    def read(self, found: Collected) -> None:
        """See the catalogue: ``hw.*``."""
        if not self._opened and not self._open(found.time_ns):
            return
        count = self._ask("the number of GPUs", self._nvml.nvmlDeviceGetCount)
        for index in range(min(count or 0, MAX_GPUS)):
            self._read_device(found, index)

    def _open(self, now_ns: int) -> bool:
        """Open the library; where that fails, try again ten minutes later: a driver may be loaded meanwhile."""
        if now_ns < self._not_before_ns:
            return False
        self._not_before_ns = now_ns + int(RETRY_SECONDS * 1e9)
        try:
            self._nvml.nvmlInit()
        except (self._nvml.NVMLError, OSError):
            return False
        self._opened = True
        return True

    def _ask(self, what: str, question: Callable[..., Any], *arguments: Any) -> Any:
        def answer() -> Any:
            try:
                return question(*arguments)
            except self._nvml.NVMLError as error:
                raise NotImplementedError(str(error)) from error

        return self._attempts.ask(what, answer)

    def _read_device(self, found: Collected, index: int) -> None:
        nvml, which = self._nvml, f"of GPU {index}"
        device = self._ask(f"the handle {which}", nvml.nvmlDeviceGetHandleByIndex, index)
        if device is None:
            return
        identity = _text(self._ask(f"the UUID {which}", nvml.nvmlDeviceGetUUID, device)) or str(index)
        name = _text(self._ask(f"the name {which}", nvml.nvmlDeviceGetName, device))
        rates = self._ask(f"the use {which}", nvml.nvmlDeviceGetUtilizationRates, device)
        busy = getattr(rates, "gpu", None)
        found.put("hw.gpu.utilization", None if busy is None else busy / PERCENT, identity, name)
        memory = self._ask(f"the memory {which}", nvml.nvmlDeviceGetMemoryInfo, device)
        if memory is not None and memory.total:
            found.put("hw.gpu.memory.usage", memory.used, identity, name)
            found.put("hw.gpu.memory.limit", memory.total, identity, name)
            found.put("hw.gpu.memory.utilization", memory.used / memory.total, identity, name)
        celsius = self._ask(
            f"the temperature {which}", nvml.nvmlDeviceGetTemperature, device, nvml.NVML_TEMPERATURE_GPU
        )
        found.put("hw.temperature", celsius, identity, "gpu")
        milliwatts = self._ask(f"the power {which}", nvml.nvmlDeviceGetPowerUsage, device)
        found.put("hw.power", None if milliwatts is None else milliwatts / MILLI, identity, "gpu")
        millijoules = self._ask(f"the energy {which}", nvml.nvmlDeviceGetTotalEnergyConsumption, device)
        grown = self._totals.since_first(identity, millijoules)
        found.put("hw.energy", None if grown is None else grown / MILLI, identity, "gpu")

    def close(self) -> None:
        """Let the library go."""
        opened, self._opened = self._opened, False
        if opened:
            self._ask("the end of NVML", self._nvml.nvmlShutdown)


def _text(value: Any) -> str | None:
    """Older libraries answer in bytes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None
