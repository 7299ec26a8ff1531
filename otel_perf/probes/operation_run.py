"""One run of a measured operation: what is read at its start and end, and the result that is made of it."""

import threading
from collections.abc import Callable
from typing import Final, NamedTuple

from otel_perf.core.clock import system_clock
from otel_perf.core.guard import guard
from otel_perf.core.operation_signals import OPERATION_CPU_UTILIZATION, OPERATION_MEMORY_PEAK
from otel_perf.core.recording import record
from otel_perf.core.records import AttributeValue, Failure
from otel_perf.probes.cpu_time import CpuTime
from otel_perf.probes.occurrence import NANOSECONDS, Occurrence, Work
from otel_perf.probes.operation_result import OperationResult
from otel_perf.probes.peak_memory import MemoryUse, OpenMemory
from otel_perf.probes.python_memory import PythonMemory
from otel_perf.probes.speed import Speed

__all__ = ["Operation", "Wanted"]

PYTHON_STOPPED: Final = "tracemalloc was stopped meanwhile"
NO_MEMORY: Final = MemoryUse(None, None, None, None, None)


class Wanted(NamedTuple):
    """What is measured beside time.

    Attributes:
        memory: Resident memory before, after and at its peak.
        tracemalloc: Memory of Python objects.
        reset_peak: Reset the system's high-water mark first.
    """

    memory: bool
    tracemalloc: bool
    reset_peak: bool


class Operation(Occurrence):
    """One run that is measured."""

    __slots__ = (
        "_block",
        "_cpu",
        "_cpu_ns",
        "_failure",
        "_memory",
        "_no_cpu",
        "_on_end",
        "_python",
        "_python_bytes",
        "_result",
        "_speed",
        "_thread",
        "_use",
        "_wanted",
    )

    def __init__(
        self, wanted: Wanted, work: Work, on_end: "Callable[[Operation], None] | None" = None, *, block: bool
    ) -> None:
        """Begin.

        Args:
            wanted: What is measured.
            work: What is the same for every run.
            on_end: Called with the run once it has ended; forgotten then, so that nothing refers in a circle.
            block: Whether it is a block, during which an event loop may run.
        """
        self._on_end = on_end
        self._wanted = wanted
        self._block = block
        self._memory: OpenMemory | None = None
        self._python: PythonMemory | None = None
        self._cpu = CpuTime()
        self._use = NO_MEMORY
        self._cpu_ns: int | None = None
        self._no_cpu: str | None = None
        self._python_bytes: int | None = None
        self._failure: Failure | None = None
        self._speed: Speed = "fast"
        self._thread: str | None = None
        self._result: OperationResult | None = None
        super().__init__(work)

    @property
    def name(self) -> str:
        """Its name."""
        return self.work.described.name

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """Set an attribute of its span."""
        self.span.set_attributes({key: value})

    def __repr__(self) -> str:
        """Name, and what was measured."""
        return f"<Operation {self.name!r}: {'running' if self.result is None else self.result}>"

    def prepare(self) -> None:
        """Begin to measure memory."""
        wanted = self._wanted
        if wanted.tracemalloc:
            self._python = PythonMemory()
        if wanted.memory:
            self._memory = OpenMemory(reset_peak=wanted.reset_peak)

    def resume(self) -> None:
        """The work goes on here."""
        super().resume()
        if self._block:
            guard.call("operation.event_loop", self._cpu.watch_event_loop)
        self._cpu.resume()

    def pause(self) -> None:
        """The work is interrupted, or over."""
        self._cpu.pause()
        super().pause()

    def step_begins(self) -> None:
        """A step of a coroutine runs."""
        self._cpu.resume()

    def step_ends(self) -> None:
        """It waits, or is over."""
        self._cpu.pause()

    def rss_bytes(self) -> int | None:
        """Resident memory at the end, read once."""
        return super().rss_bytes() if self._memory is None else self._use.after_bytes

    def conclude(self, duration_ns: int, failure: Failure | None, speed: Speed) -> dict[str, AttributeValue]:
        """Read everything once more, and record it."""
        if self._memory is not None:
            self._use = self._memory.close()
        if self._python is not None:
            self._python_bytes = self._python.close()
        self._cpu_ns, self._no_cpu = self._cpu.used(duration_ns)
        self._failure = failure
        self._speed = speed
        self._thread = threading.current_thread().name
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(self)
        return self._record(duration_ns) if self.span.recorded else {}

    def _record(self, duration_ns: int) -> dict[str, AttributeValue]:
        attributes: dict[str, AttributeValue] = {}
        if self._cpu_ns is not None:
            utilization = self._cpu_ns / duration_ns
            attributes["otel_perf.cpu.time"] = self._cpu_ns / NANOSECONDS
            attributes["otel_perf.cpu.utilization"] = utilization
            record(OPERATION_CPU_UTILIZATION, utilization, self.name)
        use = self._use
        if use.peak_bytes is not None and use.method is not None:
            attributes["otel_perf.memory.peak"] = use.peak_bytes
            attributes["otel_perf.memory.peak.method"] = use.method
            record(OPERATION_MEMORY_PEAK, use.peak_bytes, self.name, use.method)
        if use.before_bytes is not None and use.after_bytes is not None:
            attributes["otel_perf.memory.rss"] = use.after_bytes
            attributes["otel_perf.memory.rss.before"] = use.before_bytes
        if self._python_bytes is not None:
            attributes["otel_perf.memory.python.peak"] = self._python_bytes
        return attributes

    @property
    def result(self) -> OperationResult | None:
        """What was measured; ``None`` while it runs. Made when it is first asked for."""
        if self._result is None and self.duration_ns is not None and self._thread is not None:
            self._result = self._make_result(self.duration_ns)
        return self._result

    def _make_result(self, duration_ns: int) -> OperationResult:
        start_unix_ns = system_clock.unix_ns(self.span.start_ns)
        use, cpu_ns, failure = self._use, self._cpu_ns, self._failure
        trace_id, span_id = self.span.identifiers or (None, None)
        absent = {"cpu_seconds": self._no_cpu, "rss_peak_bytes": use.note}
        if self._python is not None and self._python_bytes is None:
            absent["python_peak_bytes"] = PYTHON_STOPPED
        return OperationResult(
            name=self.name,
            start_unix_ns=start_unix_ns,
            end_unix_ns=start_unix_ns + duration_ns,
            duration_seconds=duration_ns / NANOSECONDS,
            cpu_seconds=None if cpu_ns is None else cpu_ns / NANOSECONDS,
            cpu_utilization=None if cpu_ns is None else cpu_ns / duration_ns,
            rss_before_bytes=use.before_bytes,
            rss_after_bytes=use.after_bytes,
            rss_peak_bytes=use.peak_bytes,
            peak_method=use.method,
            python_peak_bytes=self._python_bytes,
            outcome="ok" if failure is None else failure.outcome,
            error_type=None if failure is None else failure.error_type,
            speed=self._speed,
            thread=self._thread,
            trace_id=trace_id,
            span_id=span_id,
            absent={name: reason for name, reason in absent.items() if reason is not None},
        )
