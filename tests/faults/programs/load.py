# ruff: noqa: D103 - the functions are the program under test
"""A program under load: ``load.py WHAT THREADS CALLS URL``. It says what memory it took and how long calls took."""

import json
import statistics
import sys
import threading
import time

import psutil
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

import otel_perf

what, threads, calls, url = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]


class Hostile(SpanExporter):
    """An exporter of the application that does what it should not."""

    def export(self, spans):
        """Raise or hang."""
        if what == "exporter hangs":
            time.sleep(60)
        if what == "exporter raises":
            raise SystemExit(3)
        return SpanExportResult.FAILURE


def on_export_error(failure):
    if what == "callback hangs":
        time.sleep(60)
    raise RuntimeError("the callback's own")


def redactor(text):
    raise RuntimeError("the redactor's own")


options = {}
if what.startswith("exporter"):
    options["exporters"] = [Hostile()]
if what.startswith("callback"):
    options["on_export_error"] = on_export_error
if what == "redactor raises":
    options.update(redactor=redactor, capture="full")
if what == "large":
    options["capture"] = "full"
handle = otel_perf.instrument(endpoint=url, **options)


@otel_perf.tool
def leaf(argument):
    return 0


for _ in range(500):
    leaf("warm")
handle.flush(0.5)
process = psutil.Process()
before = process.memory_info().rss
highest = [before]
ended = threading.Event()


def watch():
    while not ended.wait(0.02):
        highest[0] = max(highest[0], process.memory_info().rss)


watcher = threading.Thread(target=watch)
watcher.start()
took = []
text = "x" * 1_000_000 if what == "large" else "x"


def tight():
    for number in range(calls):
        leaf(number)


def timed():
    now = time.perf_counter_ns
    for number in range(calls):
        argument = text + str(number)
        start = now()
        leaf(argument)
        took.append(now() - start)
        if number % 10 == 9:
            time.sleep(0.002)


workers = [threading.Thread(target=tight if threads > 1 else timed) for _ in range(threads)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
during = handle.status().balanced
handle.shutdown(None if what in {"slow", "healthy"} else 0.5)
ended.set()
watcher.join()
status = handle.status()
(spans,) = [e for e in status.destinations if e.signal == "traces" and "Hostile" not in e.destination]
facts = {
    "growth_mib": (highest[0] - before) / 2**20,
    "calls": status.calls.calls - 500,
    "balanced": during and status.balanced,
    "accepted": spans.accepted - 500,
    "exported": spans.exported,
    "dropped": dict(spans.dropped),
    "uncertain": spans.uncertain,
    "spooled": spans.spooled,
    "internal_errors": dict(status.internal_errors),
}
if took:
    cuts = statistics.quantiles(took, n=1000)
    facts.update(p50_us=cuts[499] / 1000, p99_us=cuts[989] / 1000)
print(json.dumps(facts), flush=True)
