# ruff: noqa: D103 - the functions are the program under test
"""A program under contrib's instrumentations, with our span current; prints what it saw as JSON.

Runs in the environment of other people's code (``.ci/setup.py foreign``).
"""

import asyncio
import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import requests
from opentelemetry import trace
from opentelemetry.instrumentation.asyncio import AsyncioInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.logging import LoggingInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.threading import ThreadingInstrumentor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

import otel_perf


class Kept(SpanExporter):
    """Keeps what is exported."""

    def __init__(self) -> None:
        self.spans: list[Any] = []

    def export(self, spans: Any) -> SpanExportResult:
        self.spans.extend(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing to give up."""


class Server(BaseHTTPRequestHandler):
    """Answers with the traceparent it was sent."""

    def do_GET(self) -> None:
        text = self.headers.get("traceparent", "").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class Lines(logging.Handler):
    """Keeps the trace and span ids that the logging instrumentation puts on records."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: dict[str, tuple[str, str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.ids[record.getMessage()] = (getattr(record, "otelTraceID", ""), getattr(record, "otelSpanID", ""))


kept, lines = Kept(), Lines()
handle = otel_perf.instrument(service_name="foreign", exporters=[kept], strict=True)
for instrumentor in (RequestsInstrumentor, HTTPXClientInstrumentor, AsyncioInstrumentor, ThreadingInstrumentor):
    instrumentor().instrument()
LoggingInstrumentor().instrument(inject_trace_context=True)
log = logging.getLogger("program")
log.addHandler(lines)
log.setLevel(logging.INFO)
seen: dict[str, Any] = {}
server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
url = f"http://127.0.0.1:{server.server_port}/"


def own_id() -> str:
    return f"{trace.get_current_span().get_span_context().span_id:016x}"


@otel_perf.tool
def with_requests() -> str:
    return requests.get(url, timeout=5).text


@otel_perf.tool
def with_httpx() -> str:
    return httpx.get(url, timeout=5).text


@otel_perf.tool
def with_logging() -> str:
    log.info("inside")
    return own_id()


@otel_perf.tool
def in_thread() -> str:
    return own_id()


@otel_perf.tool
def starts_threads() -> str:
    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(in_thread).result()
    return own_id()


@otel_perf.tool
async def in_task() -> str:
    await asyncio.sleep(0)
    return own_id()


@otel_perf.tool
async def gathers() -> str:
    await asyncio.gather(in_task(), in_task())
    async with httpx.AsyncClient() as client:
        seen["async httpx"] = (await client.get(url)).text
    return own_id()


threading.Thread(target=server.serve_forever, daemon=True).start()
with otel_perf.agent("turn"):
    seen["requests"] = with_requests()
    seen["httpx"] = with_httpx()
    seen["logging"] = with_logging()
    seen["threads"] = starts_threads()
    seen["asyncio"] = asyncio.run(gathers())
server.shutdown()
server.server_close()
handle.flush(10)
status = handle.status()
handle.shutdown(10)
print(
    json.dumps(
        {
            "seen": seen,
            "log": lines.ids,
            "balanced": status.balanced,
            "internal_errors": dict(status.internal_errors),
            "spans": [
                {
                    "name": span.name,
                    "id": f"{span.context.span_id:016x}",
                    "trace": f"{span.context.trace_id:032x}",
                    "parent": None if span.parent is None else f"{span.parent.span_id:016x}",
                    "scope": span.instrumentation_scope.name,
                }
                for span in kept.spans
            ],
        }
    )
)
