"""The machine that the numbers belong to."""

import os
import platform
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from otel_perf._version import __version__

__all__ = ["Machine", "cores", "describe_machine", "last_cache_bytes"]

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


@dataclass(frozen=True, slots=True)
class Machine:
    """What a reader needs to judge a number.

    Attributes:
        cpu: Model name.
        cores: Cores that this process may use.
        load: Load average of the last minute before the run; a busy machine shows here. None where not known.
        system: Operating system and its release.
        python: Implementation and version.
        opentelemetry: Version of the SDK.
        otel_perf: Version of this package.
    """

    cpu: str
    cores: int
    load: float | None
    system: str
    python: str
    opentelemetry: str
    otel_perf: str


def describe_machine() -> Machine:
    """Look at the machine."""
    return Machine(
        cpu=_cpu_model(),
        cores=len(cores()),
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        system=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        opentelemetry=version("opentelemetry-sdk"),
        otel_perf=__version__,
    )


def cores() -> list[int]:
    """Numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def last_cache_bytes() -> int:
    """Size of the largest cache; 32 MiB where the system does not tell."""
    found = [_size(path.read_text()) for path in CACHES.glob("index*/size")]
    return max(found, default=32 * 1024 * 1024)


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+)([KM]?)\s*", text)
    return 0 if match is None else int(match[1]) * {"": 1, "K": 1024, "M": 1024 * 1024}[match[2]]


def _cpu_model() -> str:
    try:
        match = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        match = None
    return match[1].strip() if match else platform.processor() or platform.machine()
