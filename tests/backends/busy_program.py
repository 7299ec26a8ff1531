# ruff: noqa: D103 - the functions are the program under test
"""A program with 10,000 tool calls from four threads and an event loop; writes down what it did itself.

Arguments: provider (owned, adopted), protocol, endpoint, file for its own account (JSON).
"""

import asyncio
import json
import sys
import threading
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

import otel_perf

THREADS = 4
TURNS = 250
"""Per thread: each turn is an agent and seven calls, so 4 * 250 * 8 = 8,000; the loop makes the other 2,000."""


class Account(SpanExporter):
    """The program's own account of its spans."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: Any) -> SpanExportResult:
        self.spans.extend(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing to give up."""


@otel_perf.tool
def leaf(number: int) -> int:
    trace.get_current_span().set_attribute("number", number)
    return number


@otel_perf.tool("middle", attributes={"layer": "m"})
def middle(number: int) -> int:
    with trace.get_tracer("library").start_as_current_span("GET /thing"):
        return leaf(number) + leaf(number + 1)


@otel_perf.tool
def failing() -> None:
    raise TimeoutError("too late")


@otel_perf.tool
async def waiting(number: int) -> int:
    await asyncio.sleep(0)
    return number


def turns(thread: int) -> None:
    for turn in range(TURNS):
        with otel_perf.agent(f"agent-{thread}", conversation_id=f"{thread}-{turn}"):
            middle(turn)
            middle(turn)
            try:
                failing()
            except TimeoutError:
                trace.get_current_span().add_event("gave up", {"turn": turn})


async def loop() -> None:
    for _ in range(100):
        async with otel_perf.tool_call("batch"):
            await asyncio.gather(*(waiting(number) for number in range(19)))


def main() -> None:
    provider, protocol, endpoint, file = sys.argv[1:]
    account = Account()
    if provider == "adopted":
        trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
    handle = otel_perf.instrument(
        service_name="busy", endpoint=endpoint, protocol=protocol, exporters=[account], strict=True
    )
    threads = [threading.Thread(target=turns, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    asyncio.run(loop())
    for thread in threads:
        thread.join()
    delivered = handle.flush(60)
    handle.shutdown(30)
    status = handle.status()
    Path(file).write_text(
        json.dumps(
            {
                "delivered": delivered,
                "provider": status.provider,
                "balanced": status.balanced,
                "internal_errors": dict(status.internal_errors),
                "calls": status.calls.calls,
                "foreign": status.calls.foreign_spans,
                "destinations": {
                    f"{each.signal} {number}": [each.accepted, each.exported, each.lost]
                    for number, each in enumerate(status.destinations)
                },
                "spans": {f"{span.context.span_id:016x}": described(span) for span in account.spans if span.context},
            }
        )
    )


def described(span: ReadableSpan) -> dict[str, Any]:
    assert span.context is not None
    return {
        "trace": f"{span.context.trace_id:032x}",
        "parent": "" if span.parent is None else f"{span.parent.span_id:016x}",
        "name": span.name,
        "kind": span.kind.value + 1,
        "attributes": {key: list(v) if isinstance(v, tuple) else v for key, v in (span.attributes or {}).items()},
        "start": span.start_time,
        "end": span.end_time,
        "status": span.status.status_code.value,
        "events": [event.name for event in span.events],
    }


main()
