"""The signals of tool calls and of otel_perf itself."""

from typing import Final

from otel_perf.core.signal_spec import AttributeSpec, MetricSpec

__all__ = ["AGENT_SECONDS", "METRICS", "TOOL_SECONDS"]

TOOL_SECONDS: Final = (
    0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005,
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
    160.0, 300.0,
)  # fmt: skip
"""Bounds in seconds. The conventions recommend 0.01 to 81.92; a 2 ms tool would then show a p95 of 9.5 ms."""

AGENT_SECONDS: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
"""Bounds in seconds that the GenAI conventions recommend for ``gen_ai.invoke_agent.duration``."""

TOOL_NAME: Final = AttributeSpec("gen_ai.tool.name", "Name of the tool.", "500 tools, then _OTHER")
AGENT_NAME: Final = AttributeSpec(
    "gen_ai.agent.name", "Name of the agent that made the call.", "500 agents, then _OTHER"
)
ERROR_TYPE: Final = AttributeSpec("error.type", "Exception class; only on failures.", "64 per tool, then _OTHER")
OUTCOME: Final = AttributeSpec("otel_perf.outcome", "How the call ended.", "ok, error, timeout, cancelled")
CALLER: Final = AttributeSpec("otel_perf.caller", "Name of the calling tool or agent; empty for a root.", "500 tools")
CALLEE: Final = AttributeSpec("otel_perf.callee", "Name of the called tool or agent.", "500 tools")
DESTINATION: Final = AttributeSpec("otel_perf.destination", "Host and port of the destination.", "configuration")
SIGNAL: Final = AttributeSpec("otel_perf.signal", "traces, metrics or logs.", "3 values")
STATE: Final = AttributeSpec("otel_perf.state", "What became of the items.", "the ledger's states")
REASON: Final = AttributeSpec("otel_perf.reason", "Why items were dropped or rejected.", "the ledger's reasons")
STAGE: Final = AttributeSpec("otel_perf.stage", "The part in which it happened.", "stages of the package")

METRICS: Final = (
    MetricSpec(
        "gen_ai.execute_tool.duration", "histogram", "s", "Duration of tool calls.",
        (TOOL_NAME, AGENT_NAME, ERROR_TYPE), TOOL_SECONDS, synchronous=True,
        source="OpenTelemetry GenAI conventions",
    ),
    MetricSpec(
        "gen_ai.invoke_agent.duration", "histogram", "s", "Duration of agent turns.",
        (AGENT_NAME, ERROR_TYPE), AGENT_SECONDS, synchronous=True,
        source="OpenTelemetry GenAI conventions",
    ),
    MetricSpec(
        "otel_perf.tool.calls", "counter", "{call}", "Tool calls that ended.", (TOOL_NAME, OUTCOME), synchronous=True,
    ),
    MetricSpec("otel_perf.tool.in_flight", "gauge", "{call}", "Tool calls that are running.", (TOOL_NAME,)),
    MetricSpec("otel_perf.tool.oldest_call.age", "gauge", "s", "Age of the oldest running call.", (TOOL_NAME,)),
    MetricSpec("otel_perf.tool.self_time", "counter", "s", "Time in the tool without its children.", (TOOL_NAME,)),
    MetricSpec(
        "otel_perf.tool.edges", "counter", "{call}", "Calls between tools.", (CALLER, CALLEE, OUTCOME),
        synchronous=True,
    ),
    MetricSpec(
        "otel_perf.tool.edge.time", "counter", "s", "Time in calls from one tool to another.", (CALLER, CALLEE),
        synchronous=True,
    ),
    MetricSpec("otel_perf.self.calls", "counter", "{call}", "Every call: recorded, sampled_out, disabled.", (STATE,)),
    MetricSpec(
        "otel_perf.self.measurements", "counter", "{measurement}",
        "Every measurement: recorded, invalid, dropped, disabled.", (STATE,),
    ),
    MetricSpec("otel_perf.self.events", "counter", "{event}", "Every event: recorded, dropped, disabled.", (STATE,)),
    MetricSpec("otel_perf.self.foreign_spans", "counter", "{span}", "Spans of other libraries that were received."),
    MetricSpec(
        "otel_perf.self.items", "counter", "{item}", "Settled items of each destination.",
        (DESTINATION, SIGNAL, STATE, REASON),
    ),
    MetricSpec(
        "otel_perf.self.items.waiting", "gauge", "{item}", "Items on their way, by state.",
        (DESTINATION, SIGNAL, STATE),
    ),
    MetricSpec(
        "otel_perf.self.spool.bytes", "gauge", "By", "Disk space of what waits in the spool, in whole blocks.",
        (DESTINATION, SIGNAL),
    ),
    MetricSpec("otel_perf.self.queue.items", "gauge", "{call}", "Records waiting for the worker."),
    MetricSpec("otel_perf.self.worker.cpu_time", "counter", "s", "CPU time of the worker thread."),
    MetricSpec("otel_perf.self.internal_errors", "counter", "{error}", "Errors of otel_perf itself, caught.", (STAGE,)),
)  # fmt: skip
