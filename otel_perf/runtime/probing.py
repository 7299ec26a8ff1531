"""The probes of the running pipeline: read by the ticker, shown by whoever collects metrics."""

import os
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from otel_perf.config.settings import Settings
from otel_perf.core import clock
from otel_perf.core.guard import guard, logger
from otel_perf.core.measurements import Measurement
from otel_perf.pipeline.ticker import Job

if TYPE_CHECKING:
    from otel_perf.probes.gpu import GpuProbe
    from otel_perf.probes.interpreter import InterpreterProbe
    from otel_perf.probes.own_process import ProcessProbe
    from otel_perf.probes.probe_set import Probe, ProbeSet
    from otel_perf.probes.system_snapshot import SystemSnapshot

__all__ = ["Probing"]

FIRST_SECONDS: Final = 1.0
"""The first look. Not at once: loading the probes takes 20 ms, in which the application starts."""
UNAVAILABLE: Final = "no system metrics: psutil cannot be imported"


class _Told:
    """Strictly private: what the counters of this process showed when the last pipeline of the process ended."""

    pid = 0
    process: Mapping[Hashable, float] | None = None
    interpreter: Mapping[Hashable, float] | None = None


class Probing:
    """Makes the probes on the ticker's thread, where their imports cost the application nothing.

    Attributes:
        jobs: What the ticker has to do.
        note: What a user should know; ``None`` when all is well.
    """

    def __init__(self, settings: Settings, healthy: Callable[[], bool | None]) -> None:
        """Nothing is imported or read before the first job.

        Args:
            settings: Which probes, and how often.
            healthy: Whether the process is well now; ``None`` when that is not known.
        """
        self._settings = settings
        self._healthy = healthy
        self.note: str | None = None
        self.jobs: list[Job] = []
        if settings.system_metrics:
            period = settings.system_interval_seconds
            self.jobs.append(Job("system metrics", period, self.read, first_seconds=min(FIRST_SECONDS, period)))
        self._forget()

    def _forget(self) -> None:
        self._making = threading.Lock()
        self._set: ProbeSet | None = None
        self._gpu: GpuProbe | None = None
        self._process: ProcessProbe | None = None
        self._interpreter: InterpreterProbe | None = None
        self._made = False
        self._read_ns: int | None = None

    def read(self) -> None:
        """Look at everything that is due. Runs on the ticker; makes the probes when there are none."""
        with self._making:
            if not self._made:
                self._made = True
                self._make()
        if self._set is not None:
            self._read_ns = clock.monotonic_ns()
            self._set.read()

    def refresh(self) -> None:
        """Look once more before a flush, unless the last look was within the second, or there was none yet."""
        if self._read_ns is not None and clock.monotonic_ns() - self._read_ns >= FIRST_SECONDS * 1e9:
            self.read()

    def observed(self) -> Sequence[Measurement]:
        """What was found last; reads nothing."""
        return () if self._set is None else self._set.observed()

    def snapshot(self) -> "SystemSnapshot | None":
        """The same as one object; ``None`` before the first look."""
        observed = self.observed()
        if not observed:
            return None
        from otel_perf.probes.system_snapshot import snapshot_of

        return snapshot_of(observed, clock.wall_ns() / 1e9)

    def close(self) -> None:
        """Let go of what the probes hold; what they found stays. A later pipeline tells the rest, not all again."""
        if self._process is not None and self._interpreter is not None:
            _Told.pid = os.getpid()
            _Told.process, _Told.interpreter = self._process.shown(), self._interpreter.shown()
        gpu, self._gpu = self._gpu, None
        if gpu is not None:
            guard.call("probe gpu", gpu.close)

    def after_fork_in_child(self) -> None:
        """Make new probes: those of the parent look at the parent. Its collections were told there."""
        self._forget()
        if self.jobs:
            from otel_perf.probes.interpreter import collections_so_far

            told = guard.call("probe interpreter", collections_so_far) or {}
            _Told.interpreter = {key: value for key, value in told.items()}  # noqa: C416 - a wider type

    def _make(self) -> None:
        try:
            import psutil  # noqa: F401 - without it there are no probes
        except (ImportError, OSError, AttributeError) as error:
            self.note = UNAVAILABLE
            logger.warning("otel_perf: %s (%s: %s)", UNAVAILABLE, type(error).__name__, error)
            return
        from otel_perf.probes.probe_set import ProbeSet

        self._set = ProbeSet(self._probes(), self._settings.system_interval_seconds)

    def _probes(self) -> "list[Probe]":
        """All probes that the settings ask for."""
        from otel_perf.probes.attempts import Attempts
        from otel_perf.probes.control_group import ControlGroup
        from otel_perf.probes.disks import DiskProbe, FilesystemProbe
        from otel_perf.probes.gpu import GpuProbe
        from otel_perf.probes.interpreter import InterpreterProbe
        from otel_perf.probes.network import ConnectionProbe, NetworkProbe
        from otel_perf.probes.own_process import ProcessProbe, UniqueMemoryProbe
        from otel_perf.probes.process_table import ProcessTableProbe
        from otel_perf.probes.system_cpu import CpuProbe, HostProbe
        from otel_perf.probes.system_memory import MemoryProbe
        from otel_perf.probes.uptime import UptimeProbe

        settings, attempts, group = self._settings, Attempts(), ControlGroup()
        self._process = ProcessProbe(attempts, group, _Told.process if _Told.pid == os.getpid() else None)
        self._interpreter = InterpreterProbe(attempts, _Told.interpreter)
        probes: list[Probe] = [
            self._process,
            self._interpreter,
            CpuProbe(attempts, group),
            MemoryProbe(attempts, group),
            DiskProbe(attempts),
            NetworkProbe(attempts),
            FilesystemProbe(attempts),
            UptimeProbe(self._healthy, settings.system_interval_seconds),
            HostProbe(attempts),
            UniqueMemoryProbe(attempts),
            ProcessTableProbe(attempts, settings.top_processes),
        ]
        if settings.connection_metrics:
            probes.append(ConnectionProbe(attempts))
        if settings.gpu_metrics:
            self._gpu = GpuProbe(attempts)
            probes.append(self._gpu)
        return probes
