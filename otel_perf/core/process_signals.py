"""The signals of this process: what the kernel and the interpreter know of it, and whether it was well."""

from typing import Final

from otel_perf.core.signal_spec import AttributeSpec, MetricSpec
from otel_perf.core.system_signals import CPU_MODE, DISK_DIRECTION, FAULT_TYPE, LIMIT_SOURCE
from otel_perf.core.tool_signals import TOOL_SECONDS

__all__ = ["EVENT_LOOP_LAG", "METRICS", "PROJECTS_ACTIVE"]

PROCESS: Final = "OpenTelemetry process conventions"
CPYTHON: Final = "OpenTelemetry CPython conventions"

SWITCH_TYPE: Final = AttributeSpec(
    "process.context_switch.type", "voluntary or involuntary.", "2 values", source=PROCESS
)
GENERATION: Final = AttributeSpec("cpython.gc.generation", "0, 1 or 2.", "3 values", source=CPYTHON)
EXECUTABLE: Final = AttributeSpec(
    "process.executable.name", "Name of the process, without its arguments.", "10 processes at a time", source=PROCESS
)
PID: Final = AttributeSpec("process.pid", "Id of the process.", "10 processes at a time", source=PROCESS)

KERNEL: Final = (
    MetricSpec("process.cpu.time", "counter", "s", "CPU time since the process began, by mode.", (CPU_MODE,),
               source=PROCESS),
    MetricSpec("process.cpu.utilization", "gauge", "1",
               "CPU time / (time since the last look * CPUs that the process may use), by mode.",
               (CPU_MODE, LIMIT_SOURCE), source=PROCESS),
    MetricSpec("process.memory.usage", "updowncounter", "By", "Resident memory (RSS).", source=PROCESS),
    MetricSpec("process.memory.virtual", "updowncounter", "By", "Virtual memory.", source=PROCESS),
    MetricSpec("process.memory.utilization", "gauge", "1",
               "Resident memory / memory there is: the limit of the cgroup where it is lower than that of the host.",
               (LIMIT_SOURCE,), source=PROCESS),
    MetricSpec("otel_perf.process.memory.unique", "gauge", "By",
               "Memory that would be free if the process ended (USS); at most once a minute, not above 4 GiB RSS."),
    MetricSpec("process.disk.io", "counter", "By", "Bytes read from and written to disks since the process began.",
               (DISK_DIRECTION,), source=PROCESS),
    MetricSpec("process.thread.count", "updowncounter", "{thread}", "Threads.", source=PROCESS),
    MetricSpec("process.unix.file_descriptor.count", "updowncounter", "{file_descriptor}", "Open file descriptors.",
               source=PROCESS),
    MetricSpec("otel_perf.process.unix.file_descriptor.limit", "gauge", "{file_descriptor}",
               "File descriptors that the process may have open (soft RLIMIT_NOFILE)."),
    MetricSpec("process.windows.handle.count", "updowncounter", "{handle}", "Open handles.", source=PROCESS),
    MetricSpec("process.context_switches", "counter", "{context_switch}",
               "Context switches of all threads since the process began.", (SWITCH_TYPE,), source=PROCESS),
    MetricSpec("process.paging.faults", "counter", "{fault}", "Page faults since the process began.", (FAULT_TYPE,),
               source=PROCESS),
    MetricSpec("process.uptime", "gauge", "s", "Time since the process began.", source=PROCESS),
)  # fmt: skip

INTERPRETER: Final = (
    MetricSpec("cpython.gc.collections", "counter", "{collection}", "Collections of a generation.", (GENERATION,),
               source=CPYTHON),
    MetricSpec("cpython.gc.collected_objects", "counter", "{object}", "Objects that were collected.", (GENERATION,),
               source=CPYTHON),
    MetricSpec("cpython.gc.uncollectable_objects", "counter", "{object}", "Objects that could not be collected.",
               (GENERATION,), source=CPYTHON),
)  # fmt: skip

EVENT_LOOP_LAG: Final = MetricSpec(
    "otel_perf.event_loop.lag", "histogram", "s", "How late a timer of a watched event loop ran.", (), TOOL_SECONDS,
    synchronous=True,
)  # fmt: skip
PROJECTS_ACTIVE: Final = MetricSpec(
    "otel_perf.projects.active", "gauge", "{project}", "Projects that are worked on, as the application says.",
    synchronous=True,
)  # fmt: skip

HEALTH: Final = (
    MetricSpec("otel_perf.uptime.ratio", "gauge", "1", "Healthy time / observed time; absent before any was observed."),
    MetricSpec("otel_perf.uptime.observed_time", "counter", "s",
               "Time for which it is known whether the process was healthy."),
    MetricSpec("otel_perf.uptime.healthy_time", "counter", "s",
               "The part of it in which no call ran longer than open_call_warning_seconds."),
)  # fmt: skip

TOP: Final = (
    MetricSpec("otel_perf.top_process.cpu.utilization", "gauge", "1",
               "Share of one CPU of the processes that use most of it; with top_processes.", (EXECUTABLE, PID)),
    MetricSpec("otel_perf.top_process.memory.usage", "gauge", "By",
               "Resident memory of the same processes.", (EXECUTABLE, PID)),
)  # fmt: skip

METRICS: Final[tuple[MetricSpec, ...]] = (*KERNEL, *INTERPRETER, EVENT_LOOP_LAG, PROJECTS_ACTIVE, *HEALTH, *TOP)
