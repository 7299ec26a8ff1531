"""The spans of tool calls and of agent turns."""

from typing import Final

from otel_perf.core.compression_signals import SPAN_ATTRIBUTES as COMPRESSION
from otel_perf.core.signal_spec import AttributeSpec, SpanSpec

__all__ = ["SPANS"]

GENAI: Final = "OpenTelemetry GenAI conventions"

OPERATION: Final = AttributeSpec("gen_ai.operation.name", "execute_tool or invoke_agent.", source=GENAI)
TOOL: Final = AttributeSpec("gen_ai.tool.name", "Name of the tool.", source=GENAI)
AGENT: Final = AttributeSpec("gen_ai.agent.name", "Name of the agent that made the call.", source=GENAI)
CONVERSATION: Final = AttributeSpec("gen_ai.conversation.id", "Conversation of the agent's turn.", source=GENAI)
SESSION: Final = AttributeSpec("session.id", "Session of the agent's turn.", source="OpenTelemetry conventions")
USER: Final = AttributeSpec("user.id", "User of the agent's turn.", source="OpenTelemetry conventions")
ERROR_TYPE: Final = AttributeSpec(
    "error.type", "Exception class; only on failures, and not on cancelled calls.", source="OpenTelemetry conventions"
)
OUTCOME: Final = AttributeSpec("otel_perf.outcome", "error, timeout or cancelled; absent when the call ended well.")
PARAMETERS: Final = AttributeSpec(
    "otel_perf.tool.parameters", "Names of the function's parameters, never values.", type="string[]"
)
ARGUMENTS: Final = AttributeSpec(
    "gen_ai.tool.call.arguments", "Arguments as JSON, redacted; only with capture on.", source=GENAI
)
RESULT: Final = AttributeSpec(
    "gen_ai.tool.call.result", "Result as JSON, redacted; only with capture on.", source=GENAI
)

IDENTITY: Final = (AGENT, CONVERSATION, SESSION, USER)

SPANS: Final[tuple[SpanSpec, ...]] = (
    SpanSpec(
        "execute_tool {gen_ai.tool.name}",
        "internal",
        "A tool call. What the application sets on it comes on top.",
        (OPERATION, TOOL, *IDENTITY, ERROR_TYPE, OUTCOME, PARAMETERS, ARGUMENTS, RESULT, *COMPRESSION),
        source=GENAI,
    ),
    SpanSpec(
        "invoke_agent {gen_ai.agent.name}",
        "internal",
        "A turn of an agent.",
        (OPERATION, *IDENTITY, ERROR_TYPE, OUTCOME, *COMPRESSION),
        source=GENAI,
    ),
)
