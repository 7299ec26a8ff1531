"""A server that instruments first and forks its workers then: ``prefork.py URL``. They leave by ``sys.exit``."""

import os
import sys

from opentelemetry import trace

import otel_perf

otel_perf.instrument(endpoint=sys.argv[1])


@otel_perf.tool
def leaf(number):
    """The least that a tool can do."""
    return number


for number in range(10):
    leaf(number)
workers = []
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        for number in range(100):
            leaf(number)
        with trace.get_tracer("other").start_as_current_span("of another library"):
            pass
        sys.exit(0)
    workers.append(pid)
assert all(os.waitpid(pid, 0)[1] == 0 for pid in workers)
