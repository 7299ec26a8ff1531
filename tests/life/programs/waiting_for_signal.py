"""A program that blocks a signal in order to wait for it: ``waiting_for_signal.py URL``."""

import signal
import sys

from account import say

import otel_perf

otel_perf.instrument(endpoint=sys.argv[1])
with otel_perf.tool_call("before"):
    pass
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})
say(ready=True)
say(got=signal.sigwait({signal.SIGTERM, signal.SIGUSR1}))
