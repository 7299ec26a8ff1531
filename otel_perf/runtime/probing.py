"""The probes of the running pipeline: read by the ticker, shown by whoever collects metrics."""

import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from otel_perf.config.settings import Settings
from otel_perf.core import clock
from otel_perf.core.guard import guard, logger
from otel_perf.core.measurements import Measurement
from otel_perf.pipeline.ticker import Job

if TYPE_CHECKING:
    from otel_perf.probes.standard import StandardProbes, Told
    from otel_perf.probes.system_snapshot import SystemSnapshot

__all__ = ["Probing"]

FIRST_SECONDS: Final = 1.0
"""The first look: not while the application starts, and soon enough for a short run."""
UNAVAILABLE: Final = "no system metrics: psutil cannot be imported"


class _Earlier:
    """Strictly private: what earlier pipelines of this process told already."""

    pid = 0
    told: "Told | None" = None


class Probing:
    """Loads the probes at once, and makes and reads them on the ticker's thread.

    Attributes:
        jobs: What the ticker has to do.
        note: What a user should know; ``None`` when all is well.
    """

    def __init__(self, settings: Settings, healthy: Callable[[], bool | None]) -> None:
        """Import the probes, some 8 ms; nothing is read before the first job.

        Args:
            settings: Which probes, and how often.
            healthy: Whether the process is well now; ``None`` when that is not known.
        """
        self._settings = settings
        self._healthy = healthy
        self._nvml: Any = None
        self.note: str | None = None
        self.jobs: list[Job] = []
        if settings.system_metrics and self._load():
            period = settings.system_interval_seconds
            self.jobs.append(Job("system metrics", period, self.read, first_seconds=min(FIRST_SECONDS, period)))
        self._forget()

    def _load(self) -> bool:
        try:
            from otel_perf.probes import standard, system_snapshot  # noqa: F401 - ready for the ticker
            from otel_perf.probes.gpu import load_nvml
        except (ImportError, OSError, AttributeError) as error:
            self.note = UNAVAILABLE
            logger.warning("otel_perf: %s (%s: %s)", UNAVAILABLE, type(error).__name__, error)
            return False
        if self._settings.gpu_metrics:
            self._nvml = load_nvml()
        return True

    def _forget(self) -> None:
        self._making = threading.Lock()
        self._standard: StandardProbes | None = None
        self._made = False
        self._read_ns: int | None = None

    def read(self) -> None:
        """Look at everything that is due. Runs on the ticker; makes the probes when there are none."""
        with self._making:
            if not self._made:
                self._made = True
                self._standard = self._make()
        if self._standard is not None:
            self._read_ns = clock.monotonic_ns()
            self._standard.probes.read()

    def refresh(self) -> None:
        """Look once more before a flush, unless the last look was within the second, or there was none yet."""
        if self._read_ns is not None and clock.monotonic_ns() - self._read_ns >= FIRST_SECONDS * 1e9:
            self.read()

    def observed(self) -> Sequence[Measurement]:
        """What was found last; reads nothing."""
        return () if self._standard is None else self._standard.probes.observed()

    def snapshot(self) -> "SystemSnapshot | None":
        """The same as one object; ``None`` before the first look."""
        observed = self.observed()
        if not observed:
            return None
        from otel_perf.probes.system_snapshot import snapshot_of

        return snapshot_of(observed, clock.wall_ns() / 1e9)

    def close(self) -> None:
        """Let go of what the probes hold; what they found stays. A later pipeline tells the rest, not all again."""
        if self._standard is not None:
            _Earlier.pid, _Earlier.told = os.getpid(), guard.call("probes", self._standard.close)

    def after_fork_in_child(self) -> None:
        """Make new probes: those of the parent look at the parent, and it tells what was collected before the fork."""
        self._forget()
        if self.jobs:
            from otel_perf.probes.interpreter import collections_so_far
            from otel_perf.probes.standard import Told

            _Earlier.pid = os.getpid()
            _Earlier.told = Told(interpreter=guard.call("probes", collections_so_far))

    def _make(self) -> "StandardProbes":
        from otel_perf.probes.standard import StandardProbes, Told

        told = _Earlier.told if _Earlier.pid == os.getpid() else None
        return StandardProbes(self._settings, self._healthy, told or Told(), self._nvml)
