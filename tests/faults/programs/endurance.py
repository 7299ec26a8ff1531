"""A million calls while nobody listens: ``endurance.py CALLS URL``. What grows is told after each tenth."""

import contextlib
import gc
import json
import sys
import threading
import time
import urllib.request

import psutil

import otel_perf

calls, url = int(sys.argv[1]), sys.argv[2]
process = psutil.Process()
handle = otel_perf.instrument(
    endpoint=url,
    prometheus="127.0.0.1:0",
    capture="shape",
    spool_max_bytes=4 * 2**20,
    export_queue_max_bytes=4 * 2**20,
    export_interval_seconds=0.2,
    metric_interval_seconds=0.5,
)


@otel_perf.tool
def leaf(number):
    """The least that a tool can do."""
    return number


@otel_perf.tool
def outer(number):
    """A parent, and now and then a failure."""
    leaf(number)
    if number % 10 == 0:
        raise LookupError(number)


def call(number):
    """Two calls."""
    with contextlib.suppress(LookupError):
        outer(number)


def look():
    """What may grow, when nothing waits for the worker and the page was read."""
    while handle.status().calls.calls < made:
        time.sleep(0.01)
    with urllib.request.urlopen(handle.status().prometheus, timeout=10) as page:  # noqa: S310 - our own page
        size = len(page.read())
    gc.collect()
    return {
        "rss_mib": process.memory_info().rss / 2**20,
        "fds": process.num_fds(),
        "threads": threading.active_count(),
        "page_bytes": size,
    }


looks, made = [], 0
for _turn in range(10):
    for number in range(calls // 20):
        call(number)
        if number % 500 == 0:
            time.sleep(0.001)
    made += calls // 10
    looks.append(look())
handle.shutdown(1)
status = handle.status()
(spans,) = [entry for entry in status.destinations if entry.signal == "traces"]
facts = {
    "looks": looks,
    "calls": status.calls.calls,
    "balanced": status.balanced,
    "accepted": spans.accepted,
    "exported": spans.exported,
    "dropped": dict(spans.dropped),
    "spooled": spans.spooled,
    "internal_errors": dict(status.internal_errors),
}
print(json.dumps(facts), flush=True)
