# ruff: noqa: D103, S606 - the functions are the program under test
"""A program that makes calls and ends: ``leaving.py WAY CALLS URL``; without a URL it is not instrumented at all."""

import os
import signal
import sys
import time

from account import account_at_the_end, leaving, say

way, calls = sys.argv[1], int(sys.argv[2])
url = sys.argv[3] if len(sys.argv) > 3 else None
protocol = sys.argv[4] if len(sys.argv) > 4 else "http/protobuf"

handles = []
if url is None:

    def leaf(number):
        return number

else:
    import otel_perf

    account_at_the_end(handles)
    handles.append(otel_perf.instrument(endpoint=url, protocol=protocol, service_name="leaving"))

    @otel_perf.tool
    def leaf(number):
        return number


for number in range(calls):
    leaf(number)
if way in ("lingers", "killed", "os._exit", "abort", "segfault", "execv"):
    # One call a millisecond, until the end comes without warning.
    say(ready=True)
    deadline = time.monotonic() + (30 if way in ("lingers", "killed") else 1.7)
    n = calls
    while time.monotonic() < deadline:
        leaf(n)
        n += 1
        if n % 50 == 0:
            say(counted=n, at=time.monotonic())
        time.sleep(0.001)
    say(counted=n, at=time.monotonic())
leaving()
if way == "exit 3":
    sys.exit(3)
elif way == "uncaught":
    raise ValueError("the program's own")
elif way == "interrupted":
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)
elif way == "explicit":
    handles[0].shutdown()
elif way == "os._exit":
    os._exit(7)
elif way == "abort":
    os.abort()
elif way == "segfault":
    os.kill(os.getpid(), signal.SIGSEGV)
elif way == "execv":
    os.execv(sys.executable, [sys.executable, "-c", "raise SystemExit(9)"])
