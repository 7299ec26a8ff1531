# ruff: noqa: D103 - the functions are the program under test
"""A program that is busy when a signal comes: ``signalled.py WORK HANDLER URL``. It ends by the signal only."""

import asyncio
import atexit
import os
import signal
import sys
import threading
import time

from account import account_at_the_end, leaving, say

import otel_perf

work, handler, url = sys.argv[1:4]

counted = [0]
handles = []
heard = []


def user_handler(number, frame):
    """The application's own."""
    heard.append(number)
    if handler == "raises":
        raise ValueError("the handler's own")
    if handler == "chains":
        below(number, frame)
    elif handler != "only marks":
        sys.exit(5)


@atexit.register
def told():
    say(heard=heard)


account_at_the_end(handles, counted)
if handler in ("before", "raises", "only marks"):
    signal.signal(signal.SIGTERM, user_handler)
handle = otel_perf.instrument(endpoint=url, handle_sigterm=True)
handles.append(handle)
if handler in ("after", "chains"):
    below = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, user_handler)


@otel_perf.tool
def leaf(number):
    """The least that a tool can do."""
    return number


@otel_perf.tool
def napping():
    """A tool that waits."""
    time.sleep(0.001)


napping_in_the_library = otel_perf.tool(time.sleep)


def tight():
    while not (handler == "only marks" and heard):
        leaf(1)
        counted[0] += 1


def paced():
    while True:
        napping()
        counted[0] += 1


def native():
    """Between two calls no line of the application runs."""
    for _ in map(leaf, range(10**9)):
        counted[0] += 1


def in_a_tool():
    napping_in_the_library(60)


def in_a_flush():
    leaf(1)
    counted[0] += 1
    handle.flush(60)


def waiting():
    leaf(1)
    counted[0] += 1
    threading.Event().wait()


def four_threads():
    def busy():
        while True:
            leaf(1)

    for _ in range(4):
        threading.Thread(target=busy, daemon=True).start()
    threading.Event().wait()


def stuck_thread():
    """A thread that is no daemon keeps the process; what there is leaves all the same."""
    leaf(1)
    counted[0] += 1
    threading.Thread(target=time.sleep, args=(float(os.environ["STUCK_SECONDS"]),)).start()
    say(stuck=True)
    threading.Event().wait()


def swallows():
    """The first SystemExit is caught; the program goes on, and is still ended by the next signal."""
    try:
        tight()
    except SystemExit:
        say(swallowed=True)
    tight()


def in_shutdown():
    """The signal comes in the middle of an explicit shutdown."""
    for _ in range(2000):
        leaf(1)
        counted[0] += 1
    say(shutting_down=True)
    handle.shutdown()
    say(shutdown_over=True)
    time.sleep(30)


def at_the_end():
    """The signal comes while the process leaves by itself."""
    for _ in range(2000):
        leaf(1)
        counted[0] += 1
    say(shutting_down=True)


async def loop_of_calls(ended):
    """Calls in a task, ended from outside."""
    while not ended.is_set():
        leaf(1)
        counted[0] += 1
        await asyncio.sleep(0)


async def in_a_loop():
    ended = asyncio.Event()
    if handler == "loop":

        def stop():
            heard.append(signal.SIGTERM)
            ended.set()

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    say(ready=True)
    await loop_of_calls(ended)
    await asyncio.sleep(0.2)  # a second call of the callback would show now


async def busy_loop():
    """Tasks that do nothing but take turns: the loop itself is nearly always what runs."""
    leaf(1)
    counted[0] += 1
    say(ready=True)

    async def turn():
        while True:
            await asyncio.sleep(0)

    await asyncio.gather(*(turn() for _ in range(3)))


async def loop_made_before():
    """The loop has the signal when ``instrument()`` comes."""
    handle.shutdown()
    counted[0] = 0
    ended = asyncio.Event()

    def stop():
        heard.append(signal.SIGTERM)
        ended.set()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    handles[0] = otel_perf.instrument(endpoint=url, handle_sigterm=True)
    say(ready=True)
    await loop_of_calls(ended)
    await asyncio.sleep(0.2)


if work in ("in_a_loop", "loop_made_before", "busy_loop"):
    asyncio.run(globals()[work]())
else:
    say(ready=True)
    globals()[work]()
leaving()
