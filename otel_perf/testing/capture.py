"""What the fixture hands to a test: everything that was recorded, in memory, with known identifiers and times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from otel_perf.core import clock
from otel_perf.core.clock import system_clock
from otel_perf.core.events import Event
from otel_perf.core.ledger import CallBalance
from otel_perf.core.records import ToolCall
from otel_perf.delivery.readable import to_readable
from otel_perf.pipeline.open_calls import OpenCall
from otel_perf.runtime.engine import Engine
from otel_perf.statistics.tool_summary import ToolSummary

__all__ = ["Capture", "CapturedCall", "SpanCollector"]


@dataclass(frozen=True, slots=True)
class CapturedCall:
    """One call that ended.

    Attributes:
        tool: Name of the tool or agent.
        caller: Name of the enclosing tool or agent; ``None`` for a root.
        agent: Agent name it ran under.
        outcome: ``ok``, ``error``, ``timeout`` or ``cancelled``.
        error_type: Exception class of a failure.
        sampled: Whether its span is delivered.
        duration_seconds: From start to end.
    """

    tool: str
    caller: str | None
    agent: str | None
    outcome: str
    error_type: str | None
    sampled: bool
    duration_seconds: float


class SpanCollector:
    """Keeps every span and every call. A carrier of the worker."""

    def __init__(self) -> None:
        """Start empty."""
        self.spans: list[ReadableSpan] = []

    def on_calls(self, calls: Sequence[ToolCall]) -> None:
        """Keep the spans of the sampled calls."""
        for call in calls:
            if call.scope.sampled:
                carried = call.readable
                self.spans.append(carried if isinstance(carried, ReadableSpan) else to_readable(call, system_clock))

    def on_foreign(self, spans: Sequence[Any]) -> None:
        """Keep the spans of other libraries."""
        self.spans.extend(spans)

    def on_overflow(self, call: ToolCall) -> None:
        """A dropped call has no span."""


class CallCollector:
    """Keeps every call. A reader of the worker."""

    def __init__(self) -> None:
        """Start empty."""
        self.calls: list[CapturedCall] = []

    def on_starts(self, calls: Sequence[ToolCall]) -> None:
        """A start alone is no call yet."""

    def on_calls(self, calls: Sequence[ToolCall]) -> None:
        """Keep the calls."""
        self.calls.extend(_captured(call) for call in calls)

    def on_foreign_calls(self, calls: Sequence[ToolCall]) -> None:
        """Keep the calls of other libraries."""
        self.calls.extend(_captured(call) for call in calls)

    def on_overflow(self, call: ToolCall) -> None:
        """A dropped call is not kept."""


class EventCollector:
    """Keeps every event. A reader of events of the worker."""

    def __init__(self) -> None:
        """Start empty."""
        self.events: list[Event] = []

    def on_events(self, events: Sequence[Event]) -> None:
        """Keep the events."""
        self.events.extend(events)


class Capture:
    """What was recorded since the fixture began. Each property drains first, so it is complete."""

    def __init__(self, engine: Engine, spans: SpanCollector, calls: CallCollector, events: EventCollector) -> None:
        """Made by the fixture."""
        self._events = events
        self._engine = engine
        self._spans = spans
        self._calls = calls

    def _drain(self) -> None:
        self._engine.worker.drain(clock.monotonic_ns() + 10_000_000_000)

    @property
    def spans(self) -> list[ReadableSpan]:
        """Finished spans in the order of their ends, those of other libraries on our provider included."""
        self._drain()
        return list(self._spans.spans)

    @property
    def calls(self) -> list[CapturedCall]:
        """Finished calls in the order of their ends, sampled or not."""
        self._drain()
        return list(self._calls.calls)

    @property
    def events(self) -> list[Event]:
        """Events in the order in which they happened: late scores, alerts."""
        self._drain()
        return list(self._events.events)

    @property
    def balance(self) -> CallBalance:
        """The ledger of calls."""
        return self._engine.balances()[0]

    @property
    def open_calls(self) -> tuple[OpenCall, ...]:
        """Calls that are running."""
        return self._engine.running()

    @property
    def tools(self) -> Mapping[str, ToolSummary]:
        """Statistics by tool name."""
        return {entry.name: entry for entry in self._engine.look().tools}

    def span(self, name: str) -> ReadableSpan:
        """The only finished span called ``name``.

        Raises:
            LookupError: There is none, or more than one.
        """
        found = [span for span in self.spans if span.name == name]
        if len(found) != 1:
            raise LookupError(f"{len(found)} spans are called {name!r}; there are {[s.name for s in self.spans]}")
        return found[0]

    def metrics(self) -> dict[str, list[Any]]:
        """Data points by metric name, as the OpenTelemetry SDK's data classes."""
        self._drain()
        data = self._engine.metrics_out.collect()
        return {
            metric.name: list(metric.data.data_points)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def look_at_the_system(self) -> None:
        """Read the machine, the process and the GPU now; nothing else does, since no thread runs."""
        self._engine.probing.read()

    def tree(self) -> str:
        """The spans as an indented text, one line each, siblings by their start: good for literal comparison."""
        spans = sorted(self.spans, key=lambda span: (span.start_time or 0, span.context.span_id if span.context else 0))
        known = {span.context.span_id for span in spans if span.context}
        lines: list[str] = []

        def below(parent_id: int | None, depth: int) -> None:
            for span in spans:
                above = span.parent.span_id if span.parent is not None and span.parent.span_id in known else None
                if above == parent_id and span.context is not None:
                    failed = (span.attributes or {}).get("error.type")
                    lines.append("  " * depth + span.name + (f" !{failed}" if failed else ""))
                    below(span.context.span_id, depth + 1)

        below(None, 0)
        return "\n".join(lines)


def _captured(call: ToolCall) -> CapturedCall:
    identity = call.scope.identity
    return CapturedCall(
        tool=call.tool.name,
        caller=None if call.caller is None else call.caller.tool.name,
        agent=None if identity is None else identity.agent_name,
        outcome=call.outcome,
        error_type=None if call.failure is None else call.failure.error_type,
        sampled=call.scope.sampled,
        duration_seconds=call.duration_ns / 1e9,
    )
