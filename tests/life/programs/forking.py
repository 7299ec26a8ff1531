# ruff: noqa: D103, E402 - the functions are the program under test; its first hook comes first
"""A program with busy threads that forks: ``forking.py FORKS URL``. Each child makes two calls and an SDK span."""

import faulthandler
import logging
import os
import signal
import sys
import threading
import time

# First of all hooks: a child that hangs in one of ours is ended as well, and shows where.
os.register_at_fork(after_in_child=lambda: (signal.alarm(10), faulthandler.dump_traceback_later(8)))

from account import account_at_the_end, say
from opentelemetry import metrics, trace

import otel_perf

forks, url = int(sys.argv[1]), sys.argv[2]

logging.basicConfig(level=logging.DEBUG, handlers=[logging.NullHandler()])
counted = [0]
handles = []
account_at_the_end(handles, counted)
handle = otel_perf.instrument(endpoint=url, export_interval_seconds=0.05, metric_interval_seconds=0.2)
handles.append(handle)
tracer = trace.get_tracer("the application")
counter = metrics.get_meter("the application").create_counter("app.calls")
ended = threading.Event()
lock = threading.Lock()


@otel_perf.tool
def leaf(number):
    """Reads its ids, logs, and counts."""
    trace.get_current_span().get_span_context()
    logging.getLogger("app").debug("call %d", number)
    counter.add(1)
    return number


def busy():
    mine = 0
    while not ended.is_set():
        leaf(mine)
        mine += 1
        if mine % 8 == 0:
            with tracer.start_as_current_span("other"):
                pass
            time.sleep(0.001)
    with lock:
        counted[0] += mine


def child():
    """What one child does; 0 when all is well."""
    status = handle.status()
    spans = [entry for entry in status.destinations if entry.signal == "traces"]
    if status.calls.calls or any(entry.accepted for entry in spans) or status.open_calls:
        return 3
    leaf(1)
    leaf(2)
    with tracer.start_as_current_span("of the child"):
        pass
    if not handle.flush(4):
        return 4
    return 0 if handle.status().balanced else 5


threads = [threading.Thread(target=busy) for _ in range(4)]
for thread in threads:
    thread.start()
codes = {}
slowest = 0.0
for _ in range(forks):
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        code = 9
        try:
            code = child()
        finally:
            os._exit(code)
    _, waited = os.waitpid(pid, 0)
    slowest = max(slowest, time.monotonic() - started)
    code = os.waitstatus_to_exitcode(waited)
    codes[code] = codes.get(code, 0) + 1
ended.set()
for thread in threads:
    thread.join()
say(codes=codes, slowest=slowest)
