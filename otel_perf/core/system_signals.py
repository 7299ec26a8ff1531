"""The signals of the machine, of the container around the process, and of the probes that look at both."""

from typing import Final

from otel_perf.core.signal_spec import AttributeSpec, MetricSpec

__all__ = ["METRICS"]

SYSTEM: Final = "OpenTelemetry system conventions"
LOAD: Final = "OpenTelemetry Collector, hostmetrics"
"""The conventions have no load average; the collector has one."""
CONTAINER: Final = "OpenTelemetry container conventions"
HARDWARE: Final = "OpenTelemetry hardware conventions"

CPU_MODE: Final = AttributeSpec(
    "cpu.mode", "user, nice, system, idle, iowait, interrupt or steal.", "7 values", source=SYSTEM
)
LIMIT_SOURCE: Final = AttributeSpec(
    "otel_perf.limit.source", "What the value is a share of: the whole host, or the limit of the cgroup.",
    "host, cgroup",
)  # fmt: skip
MEMORY_STATE: Final = AttributeSpec("system.memory.state", "used, free, cached or buffers.", "4 values", source=SYSTEM)
PAGING_STATE: Final = AttributeSpec("system.paging.state", "used or free.", "2 values", source=SYSTEM)
FAULT_TYPE: Final = AttributeSpec("system.paging.fault.type", "major or minor.", "2 values", source=SYSTEM)
PAGING_DIRECTION: Final = AttributeSpec("system.paging.direction", "in or out.", "2 values", source=SYSTEM)
DEVICE: Final = AttributeSpec("system.device", "Name of the device.", "32 devices, then _OTHER", source=SYSTEM)
DISK_DIRECTION: Final = AttributeSpec("disk.io.direction", "read or write.", "2 values", source=SYSTEM)
MODE: Final = AttributeSpec("system.filesystem.mode", "rw or ro.", "2 values", source=SYSTEM)
MOUNT: Final = AttributeSpec("system.filesystem.mountpoint", "Where it is mounted.", "32 file systems", source=SYSTEM)
FILESYSTEM_STATE: Final = AttributeSpec("system.filesystem.state", "used, free or reserved.", "3 values", source=SYSTEM)
FILESYSTEM_TYPE: Final = AttributeSpec(
    "system.filesystem.type", "Type, as ext4.", "local types; 32 file systems", source=SYSTEM
)
INTERFACE: Final = AttributeSpec(
    "network.interface.name", "Name of the interface.", "32 interfaces, then _OTHER", source=SYSTEM
)
NETWORK_DIRECTION: Final = AttributeSpec("network.io.direction", "receive or transmit.", "2 values", source=SYSTEM)
CONNECTION_STATE: Final = AttributeSpec("network.connection.state", "State of TCP.", "11 values", source=SYSTEM)
TRANSPORT: Final = AttributeSpec("network.transport", "tcp.", "1 value", source=SYSTEM)
PROCESS_STATE: Final = AttributeSpec(
    "process.state", "running, sleeping, stopped or defunct.", "4 values", source=SYSTEM
)
GPU_ID: Final = AttributeSpec("hw.id", "UUID of the GPU.", "16 GPUs", source=HARDWARE)
GPU_NAME: Final = AttributeSpec("hw.name", "Product name of the GPU.", "16 GPUs", source=HARDWARE)
HARDWARE_TYPE: Final = AttributeSpec("hw.type", "gpu.", "1 value", source=HARDWARE)
PROBE: Final = AttributeSpec("otel_perf.probe", "The group of values that is read together.", "probes of the package")

FILESYSTEM: Final = (DEVICE, MODE, MOUNT, FILESYSTEM_STATE, FILESYSTEM_TYPE)
INTERFACE_IO: Final = (INTERFACE, NETWORK_DIRECTION)
DISK_IO: Final = (DEVICE, DISK_DIRECTION)

CPU: Final = (
    MetricSpec("system.cpu.time", "counter", "s", "CPU time of the host since the first look at it, by mode.",
               (CPU_MODE,), source=SYSTEM),
    MetricSpec("system.cpu.utilization", "gauge", "1",
               "Share of the time since the last look that the CPUs, or those the cgroup may use, spent in a mode.",
               (CPU_MODE, LIMIT_SOURCE), source=SYSTEM),
    MetricSpec("system.cpu.logical.count", "updowncounter", "{cpu}", "Logical CPUs of the host.", source=SYSTEM),
    MetricSpec("system.cpu.physical.count", "updowncounter", "{cpu}", "Physical cores of the host.", source=SYSTEM),
    MetricSpec("system.cpu.frequency", "gauge", "Hz", "Present frequency, the mean of all CPUs.", source=SYSTEM),
    MetricSpec(
        "system.cpu.load_average.1m", "gauge", "{thread}", "Load average of the last minute.", source=LOAD,
    ),
    MetricSpec(
        "system.cpu.load_average.5m", "gauge", "{thread}", "Load average of the last 5 minutes.", source=LOAD,
    ),
    MetricSpec(
        "system.cpu.load_average.15m", "gauge", "{thread}", "Load average of the last 15 minutes.", source=LOAD,
    ),
    MetricSpec("system.uptime", "gauge", "s", "Time since the host started.", source=SYSTEM),
)  # fmt: skip

MEMORY: Final = (
    MetricSpec("system.memory.usage", "updowncounter", "By",
               "Memory of the host, or of the cgroup where that has a limit, by state.",
               (MEMORY_STATE, LIMIT_SOURCE), source=SYSTEM),
    MetricSpec("system.memory.limit", "updowncounter", "By",
               "Memory there is: the limit of the cgroup where it is lower than the memory of the host.",
               (LIMIT_SOURCE,), source=SYSTEM),
    MetricSpec("system.memory.utilization", "gauge", "1", "Share of system.memory.limit, by state.",
               (MEMORY_STATE, LIMIT_SOURCE), source=SYSTEM),
    MetricSpec("system.memory.linux.available", "updowncounter", "By",
               "Memory of the host that can be had without swapping, as the kernel estimates it.", source=SYSTEM),
    MetricSpec("system.paging.usage", "updowncounter", "By", "Swap space by state.", (PAGING_STATE,), source=SYSTEM),
    MetricSpec("system.paging.utilization", "gauge", "1", "Share of the swap space, by state.", (PAGING_STATE,),
               source=SYSTEM),
    MetricSpec("system.paging.faults", "counter", "{fault}", "Page faults of the host since the first look at it.",
               (FAULT_TYPE,), source=SYSTEM),
    MetricSpec("system.paging.operations", "counter", "{operation}",
               "Pages swapped in and out since the first look at the host.", (PAGING_DIRECTION,), source=SYSTEM),
)  # fmt: skip

DISK: Final = (
    MetricSpec("system.disk.io", "counter", "By", "Bytes read and written since the first look at the disk.",
               DISK_IO, source=SYSTEM),
    MetricSpec("system.disk.operations", "counter", "{operation}",
               "Reads and writes that ended since the first look at the disk.", DISK_IO, source=SYSTEM),
    MetricSpec("system.disk.merged", "counter", "{operation}",
               "Reads and writes that the kernel made part of others.", DISK_IO, source=SYSTEM),
    MetricSpec("system.disk.operation_time", "counter", "s", "Sum of the time of all reads and writes.", DISK_IO,
               source=SYSTEM),
    MetricSpec("system.disk.io_time", "counter", "s", "Time in which the disk was busy.", (DEVICE,), source=SYSTEM),
    MetricSpec("system.filesystem.usage", "updowncounter", "By", "Bytes of a local file system, by state.",
               FILESYSTEM, source=SYSTEM),
    MetricSpec("system.filesystem.utilization", "gauge", "1", "Share of a local file system, by state.",
               FILESYSTEM, source=SYSTEM),
    MetricSpec("system.filesystem.limit", "updowncounter", "By", "Size of a local file system.",
               (DEVICE, MODE, MOUNT, FILESYSTEM_TYPE), source=SYSTEM),
)  # fmt: skip

NETWORK: Final = (
    MetricSpec("system.network.io", "counter", "By", "Bytes since the first look at the interface.",
               INTERFACE_IO, source=SYSTEM),
    MetricSpec("system.network.packet.count", "counter", "{packet}", "Packets since the first look at the interface.",
               (DEVICE, NETWORK_DIRECTION), source=SYSTEM),
    MetricSpec("system.network.packet.dropped", "counter", "{packet}",
               "Packets dropped since the first look at the interface.", INTERFACE_IO, source=SYSTEM),
    MetricSpec("system.network.errors", "counter", "{error}", "Errors since the first look at the interface.",
               INTERFACE_IO, source=SYSTEM),
    MetricSpec("system.network.connection.count", "updowncounter", "{connection}",
               "TCP connections of the host, or of the container's network, by state; with connection_metrics.",
               (CONNECTION_STATE, TRANSPORT), source=SYSTEM),
    MetricSpec("system.process.count", "updowncounter", "{process}", "Processes that can be seen, by state.",
               (PROCESS_STATE,), source=SYSTEM),
)  # fmt: skip

CGROUP: Final = (
    MetricSpec("container.cpu.time", "counter", "s", "CPU time of the cgroup since the first look at it, by mode.",
               (CPU_MODE,), source=CONTAINER),
    MetricSpec("otel_perf.container.cpu.limit", "gauge", "{cpu}",
               "CPUs that the cgroup may use: quota / period, the lowest on the way to the root."),
    MetricSpec("otel_perf.container.cpu.throttled.time", "counter", "s",
               "Time in which the cgroup was held back by its quota, since the first look at it."),
)  # fmt: skip

GPU: Final = (
    MetricSpec("hw.gpu.utilization", "gauge", "1", "Share of the time in which the GPU ran a kernel.",
               (GPU_ID, GPU_NAME), source=HARDWARE),
    MetricSpec("hw.gpu.memory.usage", "updowncounter", "By", "Memory of the GPU in use.", (GPU_ID, GPU_NAME),
               source=HARDWARE),
    MetricSpec("hw.gpu.memory.limit", "updowncounter", "By", "Memory of the GPU.", (GPU_ID, GPU_NAME),
               source=HARDWARE),
    MetricSpec("hw.gpu.memory.utilization", "gauge", "1", "Share of the memory of the GPU in use.",
               (GPU_ID, GPU_NAME), source=HARDWARE),
    MetricSpec("hw.temperature", "gauge", "Cel", "Temperature of the GPU.", (GPU_ID, HARDWARE_TYPE), source=HARDWARE),
    MetricSpec("hw.power", "gauge", "W", "Present power of the GPU.", (GPU_ID, HARDWARE_TYPE), source=HARDWARE),
    MetricSpec("hw.energy", "counter", "J", "Energy of the GPU since the first look at it.", (GPU_ID, HARDWARE_TYPE),
               source=HARDWARE),
)  # fmt: skip

PROBES: Final = (
    MetricSpec("otel_perf.self.probe.age", "gauge", "s", "Time since the values of a probe were read.", (PROBE,)),
    MetricSpec("otel_perf.self.probe.cpu_time", "counter", "s", "CPU time that reading took.", (PROBE,)),
)

METRICS: Final[tuple[MetricSpec, ...]] = (*CPU, *MEMORY, *DISK, *NETWORK, *CGROUP, *GPU, *PROBES)
