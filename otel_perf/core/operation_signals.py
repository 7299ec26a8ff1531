"""The signals of measured operations, and of the application's commands, contexts, interfaces and states."""

from typing import Final

from otel_perf.core.signal_spec import AttributeSpec, MetricSpec, SpanSpec
from otel_perf.core.tool_signals import ERROR_TYPE, OUTCOME, TOOL_SECONDS

__all__ = [
    "COMMAND_DURATION",
    "COMMAND_EXECUTIONS",
    "CONTEXT_MODE",
    "CONTEXT_PREPARATION_DURATION",
    "INTERFACE_DURATION",
    "INTERFACE_SWITCH_DURATION",
    "METRICS",
    "OPERATION_CPU_UTILIZATION",
    "OPERATION_DURATION",
    "OPERATION_MEMORY_PEAK",
    "OPERATION_SECONDS",
    "OPERATION_SLOW",
    "SLOW_OPERATION",
    "SPANS",
    "STATE_TRANSITION_DURATION",
]

OPERATION_SECONDS: Final = TOOL_SECONDS
"""Bounds in seconds: an operation may be as short as a tool call, or as long."""

SERIES: Final = "200 series, then _OTHER"
MEBIBYTE: Final = 1024 * 1024
MEMORY_BYTES: Final = tuple(float(MEBIBYTE << step) for step in range(4, 16))
"""Bounds in bytes, 16 MiB to 32 GiB in steps of two: a Python process holds some 10 MiB when it does nothing."""
CORES: Final = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0, 1.1)
"""Bounds in cores. One thread uses one core at most; readings of two clocks may say a little more."""

OPERATION_NAME: Final = AttributeSpec(
    "otel_perf.operation.name", "Name of the operation.", "500 operations, then _OTHER"
)
METHOD: Final = AttributeSpec(
    "otel_perf.memory.peak.method",
    "How the peak was found: VmHWM, VmHWM reset, sampler, peak_wset, ru_maxrss.",
    "5 values",
)
LOGGED: Final = AttributeSpec(
    "otel_perf.logged",
    "Whether a warning was written: true, or false where one had been within the last 60 s.",
    "2 values",
)
COMMAND_NAME: Final = AttributeSpec("otel_perf.command.name", "Name of the command.", SERIES)
CONTEXT_MODE: Final = AttributeSpec(
    "otel_perf.context.mode",
    "How the context is prepared: auto, on, off, FANCY, SIMPLE, or a name of the application's.",
    SERIES,
)
INTERFACE_NAME: Final = AttributeSpec(
    "otel_perf.interface.name", "Name of the interface through which the agent is asked.", SERIES
)
INTERFACE_FROM: Final = AttributeSpec("otel_perf.interface.from", "The interface that was left.", SERIES)
INTERFACE_TO: Final = AttributeSpec("otel_perf.interface.to", "The interface that was switched to.", SERIES)
STATE_MACHINE: Final = AttributeSpec("otel_perf.state.machine", "Name of the state machine, where it has one.", SERIES)
STATE_FROM: Final = AttributeSpec("otel_perf.state.from", "The state that was left.", SERIES)
STATE_TO: Final = AttributeSpec("otel_perf.state.to", "The state that was entered.", SERIES)

OPERATION_DURATION: Final = MetricSpec(
    "otel_perf.operation.duration", "histogram", "s", "Duration of measured operations.",
    (OPERATION_NAME, OUTCOME, ERROR_TYPE), OPERATION_SECONDS, synchronous=True,
)  # fmt: skip
OPERATION_CPU_UTILIZATION: Final = MetricSpec(
    "otel_perf.operation.cpu.utilization", "histogram", "1",
    "CPU time of the operation's thread by its duration, in cores; absent where it cannot be told.",
    (OPERATION_NAME,), CORES, synchronous=True,
)  # fmt: skip
OPERATION_MEMORY_PEAK: Final = MetricSpec(
    "otel_perf.operation.memory.peak", "histogram", "By",
    "Highest resident memory of the process during the operation.",
    (OPERATION_NAME, METHOD), MEMORY_BYTES, synchronous=True,
)  # fmt: skip
OPERATION_SLOW: Final = MetricSpec(
    "otel_perf.operation.slow", "counter", "{operation}", "Operations over their threshold for slow ones.",
    (OPERATION_NAME, LOGGED), synchronous=True,
)  # fmt: skip
COMMAND_EXECUTIONS: Final = MetricSpec(
    "otel_perf.command.executions", "counter", "{command}", "Commands that ended.", (COMMAND_NAME, OUTCOME),
    synchronous=True,
)  # fmt: skip
COMMAND_DURATION: Final = MetricSpec(
    "otel_perf.command.duration", "histogram", "s", "Duration of commands.", (COMMAND_NAME, OUTCOME, ERROR_TYPE),
    OPERATION_SECONDS, synchronous=True,
)  # fmt: skip
CONTEXT_PREPARATION_DURATION: Final = MetricSpec(
    "otel_perf.context.preparation.duration", "histogram", "s", "Duration of preparing a context.",
    (CONTEXT_MODE, OUTCOME), OPERATION_SECONDS, synchronous=True,
)  # fmt: skip
INTERFACE_DURATION: Final = MetricSpec(
    "otel_perf.interface.duration", "histogram", "s", "Time in which an agent answers through an interface.",
    (INTERFACE_NAME, OUTCOME, ERROR_TYPE), OPERATION_SECONDS, synchronous=True,
)  # fmt: skip
INTERFACE_SWITCH_DURATION: Final = MetricSpec(
    "otel_perf.interface.switch.duration", "histogram", "s", "Duration of switching from one interface to another.",
    (INTERFACE_FROM, INTERFACE_TO, OUTCOME), OPERATION_SECONDS, synchronous=True,
)  # fmt: skip
STATE_TRANSITION_DURATION: Final = MetricSpec(
    "otel_perf.state.transition.duration", "histogram", "s", "Duration of a state machine's transition.",
    (STATE_FROM, STATE_TO, STATE_MACHINE, OUTCOME), OPERATION_SECONDS, synchronous=True,
)  # fmt: skip

METRICS: Final[tuple[MetricSpec, ...]] = (
    OPERATION_DURATION,
    OPERATION_CPU_UTILIZATION,
    OPERATION_MEMORY_PEAK,
    OPERATION_SLOW,
    COMMAND_EXECUTIONS,
    COMMAND_DURATION,
    CONTEXT_PREPARATION_DURATION,
    INTERFACE_DURATION,
    INTERFACE_SWITCH_DURATION,
    STATE_TRANSITION_DURATION,
)

SPEED: Final = AttributeSpec("otel_perf.speed", "fast, moderate or slow, by the operation's thresholds.")
MEASURED: Final = (
    AttributeSpec("otel_perf.cpu.time", "CPU time of the operation's thread in seconds.", type="double"),
    AttributeSpec("otel_perf.cpu.utilization", "That time by the duration, in cores.", type="double"),
    AttributeSpec("otel_perf.memory.rss", "Resident memory of the process at the end, in bytes.", type="int"),
    AttributeSpec("otel_perf.memory.rss.before", "Resident memory of the process at the start, in bytes.", type="int"),
    AttributeSpec("otel_perf.memory.peak", "Highest resident memory of the process meanwhile, in bytes.", type="int"),
    METHOD,
    AttributeSpec(
        "otel_perf.memory.python.peak",
        "By how many bytes Python objects exceeded the start at most (tracemalloc).",
        type="int",
    ),
)
"""On the span of a measured operation."""
SLOW_OPERATION: Final = (
    OPERATION_NAME,
    SPEED,
    AttributeSpec("otel_perf.operation.duration", "Duration in seconds.", type="double"),
    AttributeSpec("otel_perf.memory.rss", "Resident memory of the process at the end, in bytes.", type="int"),
    AttributeSpec("thread.id", "Thread that ended the operation.", type="int", source="OpenTelemetry conventions"),
    AttributeSpec("thread.name", "Its name.", source="OpenTelemetry conventions"),
    AttributeSpec("code.stacktrace", "Where it ended; in debug mode only.", source="OpenTelemetry conventions"),
)
"""Attributes of the span event ``slow_operation``."""

ENDING: Final = (SPEED, CONTEXT_MODE, ERROR_TYPE, OUTCOME)
"""On the span of any operation: its speed, the mode in force, and how it ended where it did not end well."""

SPANS: Final[tuple[SpanSpec, ...]] = (
    SpanSpec(
        "{otel_perf.operation.name}",
        "internal",
        "A measured operation; a slow one, as any below, has an event slow_operation.",
        (OPERATION_NAME, *MEASURED, *ENDING),
    ),
    SpanSpec("command {otel_perf.command.name}", "internal", "A command.", (OPERATION_NAME, COMMAND_NAME, *ENDING)),
    SpanSpec("context.preparation", "internal", "A context is prepared.", (OPERATION_NAME, *ENDING)),
    SpanSpec(
        "interface {otel_perf.interface.name}",
        "internal",
        "An answer through an interface.",
        (OPERATION_NAME, INTERFACE_NAME, *ENDING),
    ),
    SpanSpec(
        "interface.switch",
        "internal",
        "A switch of interfaces.",
        (OPERATION_NAME, INTERFACE_FROM, INTERFACE_TO, *ENDING),
    ),
    SpanSpec(
        "state.transition",
        "internal",
        "A transition of a state machine.",
        (OPERATION_NAME, STATE_FROM, STATE_TO, STATE_MACHINE, *ENDING),
    ),
)
