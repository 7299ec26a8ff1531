"""Calls of other libraries while they run: so that who called whom is known across libraries.

A span that stands for a tool, agent or model call gets its record when it starts. Calls below it, ours or others',
find it as their caller, through spans that stand for none.
"""

from itertools import islice
from typing import Any, Final

from opentelemetry.context import Context

from otel_perf.core.records import Identity, ParentSpan, Scope, Tool, ToolCall
from otel_perf.tracing.digest import recognize
from otel_perf.tracing.lifecycle import current_call

__all__ = ["ForeignCalls", "foreign_calls", "nearest_foreign_call"]

MAX_LIVE: Final = 16_384
"""Spans under watch. Beyond, the older half is forgotten: callers below them are then not known, nothing else."""
MAX_DISTANCE: Final = 128
"""Spans between a call and its caller that are looked through."""


class ForeignCalls:
    """The spans of other libraries that are running. No lock: single dictionary steps only."""

    def __init__(self) -> None:
        """Start empty."""
        self._live: dict[int, tuple[ToolCall | None, int | None]] = {}

    def started(self, span: Any, parent_context: Context | None) -> None:
        """Watch a span that has just started; a plain one only below a call that is watched."""
        recognized = recognize(span)
        if recognized is None and not self._live:
            return
        parent_id = None if span.parent is None else span.parent.span_id
        call = None
        if recognized is not None:
            kind, name = recognized
            call = ToolCall.__new__(ToolCall)
            call.tool = Tool(name, kind=kind)
            call.caller = self.nearest(parent_id) or current_call(parent_context)
            call.end_ns = call.failure = call.context = call.details = call.parent = None
            call.scope = _scope_below(call)
        if len(self._live) >= MAX_LIVE:
            for key in list(islice(self._live, MAX_LIVE // 2)):
                self._live.pop(key, None)
        self._live[span.context.span_id] = (call, parent_id)

    def ended(self, span: Any) -> ToolCall | None:
        """Let a span go; the record that was made for it, if any."""
        return self._live.pop(span.context.span_id, (None, None))[0] if self._live else None

    def nearest(self, span_id: int | None) -> ToolCall | None:
        """The call at or above a span of another library; ``None`` when there is none, or it is forgotten."""
        for _ in range(MAX_DISTANCE):
            known = None if span_id is None else self._live.get(span_id)
            if known is None:
                return None
            call, span_id = known
            if call is not None:
                return call
        return None

    def clear(self) -> None:
        """Forget everything."""
        self._live.clear()


foreign_calls: Final = ForeignCalls()


def _scope_below(call: ToolCall) -> Scope:
    """What calls below inherit: the identity around, and of an agent its own name. The sampling is the span's."""
    around = None if call.caller is None else call.caller.scope.identity
    if call.tool.kind == "agent":
        inherited = {} if around is None else around.attributes
        around = Identity(call.tool.name, {**inherited, "gen_ai.agent.name": call.tool.name})
    return Scope(sampled=False, identity=around)


def nearest_foreign_call(parent: ParentSpan) -> ToolCall | None:
    """The call of another library at or above ``parent``, if a foreign span that runs in this process is one."""
    context = parent.get_span_context()
    return foreign_calls.nearest(context.span_id) if context.is_valid and not context.is_remote else None
