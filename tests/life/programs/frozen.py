"""A handler that is frozen between two events: ``frozen.py EVENTS URL``. It flushes at the end of each."""

import os
import signal
import sys
import time

from account import account_at_the_end, say

import otel_perf

handles = []
account_at_the_end(handles)
handle = otel_perf.instrument(endpoint=sys.argv[2])
handles.append(handle)


@otel_perf.tool
def leaf(number):
    """The least that a tool can do."""
    return number


for event in range(int(sys.argv[1])):
    for number in range(10):
        leaf(number)
    started = time.monotonic()
    flushed = handle.flush(2)
    say(**{f"flushed {event}": flushed, f"seconds {event}": time.monotonic() - started})
    say(frozen=event)
    os.kill(os.getpid(), signal.SIGSTOP)
