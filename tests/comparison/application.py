"""The same application for every column: spans and a counter, by the plain SDK or by otel_perf.

Its one argument is a JSON object, the fields of ``Orders``. It leaves in its folder, each named after the run: a
count of the calls that are over (8 bytes, mapped, so that it outlives SIGKILL), the time when its work was done, what
was logged, and at its end what otel_perf's ledger says. End of standard input ends a run that lingers.
"""

import atexit
import json
import logging
import mmap
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

POISON = "poison"
CANNOT_BE_ENCODED = "surrogate \ud800"
CHILD_CALLS = 10


@dataclass(frozen=True)
class Orders:
    """What to do.

    Attributes:
        subject: ``sdk`` or ``otel_perf``.
        run: Name of the run, and of its spans.
        endpoint: Base URL for OTLP/HTTP.
        folder: Where to leave the account.
        calls: How many.
        rate: Calls per second; 0 as fast as they go.
        bad_name: Name of one span in the middle; empty for none.
        forks: Whether a forked child makes 10 more calls afterwards.
        lingers: Whether to stay until standard input ends.
        handle_sigterm: otel_perf's setting of that name.
    """

    subject: str
    run: str
    endpoint: str
    folder: str
    calls: int
    rate: float = 0.0
    bad_name: str = ""
    forks: bool = False
    lingers: bool = False
    handle_sigterm: bool = False


class Said(logging.Handler):
    """Writes down every warning and error of the telemetry, one JSON string per line."""

    def __init__(self, file: Path) -> None:
        super().__init__(logging.WARNING)
        self._file = file.open("w", encoding="utf-8", buffering=1)

    def emit(self, record: logging.LogRecord) -> None:
        self._file.write(json.dumps(record.getMessage()) + "\n")


def set_up_sdk(orders: Orders) -> Callable[[str], None]:
    """The defaults of the SDK; the providers end themselves at exit."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{orders.endpoint}/v1/traces")))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=f"{orders.endpoint}/v1/metrics"))
    tracer = tracers.get_tracer("application")
    counter = MeterProvider([reader]).get_meter("application").create_counter("application.calls")

    def call(name: str) -> None:
        with tracer.start_as_current_span(name):
            counter.add(1)

    return call


def set_up_otel_perf(orders: Orders) -> Callable[[str], None]:
    """One line; the state folder is the application's own."""
    import otel_perf

    file = Path(orders.folder) / f"{orders.run}.ledger"

    def tell() -> None:
        status = handle.status()
        balances = [asdict(entry) for entry in status.destinations if entry.signal == "traces"]
        file.write_text(json.dumps({"balanced": status.balanced, "destinations": balances}))

    # Registered before otel_perf's own, so that it runs after it.
    owner = os.getpid()
    atexit.register(lambda: tell() if os.getpid() == owner else None)
    handle = otel_perf.instrument(
        endpoint=orders.endpoint, home=f"{orders.folder}/state", handle_sigterm=orders.handle_sigterm
    )
    tools: dict[str, Any] = {}

    def call(name: str) -> None:
        if name not in tools:
            tools[name] = otel_perf.tool(name)(lambda: None)
        tools[name]()

    return call


def work(orders: Orders, call: Callable[[str], None], over: mmap.mmap) -> None:
    """Make the calls, count each when it is over."""
    began = time.monotonic()
    for number in range(orders.calls):
        if orders.rate:
            time.sleep(max(0.0, began + number / orders.rate - time.monotonic()))
        call(orders.bad_name if orders.bad_name and number == orders.calls // 2 else orders.run)
        over[:8] = (number + 1).to_bytes(8, "little")


def fork(call: Callable[[str], None]) -> None:
    """A child that makes calls and ends as a worker of a server does: by ``sys.exit``."""
    child = os.fork()
    if child == 0:
        for _ in range(CHILD_CALLS):
            call("child")
        sys.exit(0)
    os.waitpid(child, 0)


def main() -> None:
    """Carry out the orders."""
    orders = Orders(**json.loads(sys.argv[1]))
    account = Path(orders.folder)
    logging.getLogger().addHandler(Said(account / f"{orders.run}.said"))
    with (account / f"{orders.run}.over").open("w+b") as file:
        file.write(bytes(8))
        file.flush()
        over = mmap.mmap(file.fileno(), 8)
    call = (set_up_sdk if orders.subject == "sdk" else set_up_otel_perf)(orders)
    work(orders, call, over)
    if orders.forks:
        fork(call)
    done = account / f"{orders.run}.writing"
    done.write_text(str(time.monotonic()))
    done.rename(account / f"{orders.run}.done")
    if orders.lingers:
        sys.stdin.read()


if __name__ == "__main__":
    main()
