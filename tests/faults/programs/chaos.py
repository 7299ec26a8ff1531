# ruff: noqa: D103 - the functions are the program under test
"""A program with a hard life: ``chaos.py SECONDS SEED URL``.

Three threads call tools while pipelines with changing settings come and go, children are forked, the disk fills up and
the wall clock jumps, all from one seed. Each pipeline tells its ledger at its end as one line of JSON. After
``{"calm": true}`` the program expects a healthy backend, and delivers what is left on disk.
"""

import contextlib
import gc
import json
import os
import random
import resource
import sys
import threading
import time
from pathlib import Path

import psutil
from opentelemetry import trace

import otel_perf
from otel_perf.core import clock

seconds, seed, url = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
random_source = random.Random(seed)
process = psutil.Process()
WORKERS = 3
CHILD_SECONDS = 30
ended = threading.Event()
turns = [threading.Lock() for _ in range(WORKERS)]
made = [0] * WORKERS
jump_ns = [0]
children: dict[int, float] = {}
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)

clock.wall_ns = lambda: time.time_ns() + jump_ns[0]
clock.system_clock._wall_ns = lambda: time.time_ns() + jump_ns[0]  # noqa: SLF001 - there is no public way to set the clock back


def say(**facts):
    """One line in one system call: children write to the same pipe."""
    os.write(1, (json.dumps(facts) + "\n").encode())


@otel_perf.tool
def leaf(key):
    trace.get_current_span().set_attribute("chaos.key", key)


@otel_perf.tool
def outer(key):
    trace.get_current_span().set_attribute("chaos.key", key)
    leaf(f"{key}/leaf")
    raise LookupError("the tool's own")


def call(worker):
    """One or two calls; how many."""
    key = f"{os.getpid()}.{worker}.{made[worker]}"
    if made[worker] % 5:
        leaf(key)
        return 1
    with contextlib.suppress(LookupError):
        outer(key)
    return 2


def work(worker):
    while not ended.wait(0.02):
        with turns[worker]:
            made[worker] += call(worker)


@contextlib.contextmanager
def everybody_waits():
    with contextlib.ExitStack() as stack:
        for turn in turns:
            stack.enter_context(turn)
        yield


# -- the faults --------------------------------------------------------------------------------------------------------


def settings():
    choose = random_source.choice
    return {
        "endpoint": url,
        "compression": choose(["gzip", "none"]),
        "export_interval_seconds": choose([0.05, 0.2, 1.0]),
        "export_batch_size": choose([16, 128, 512]),
        "sampling_ratio": choose([1.0, 1.0, 0.5]),
        "tail_sampling": choose([False, False, True]),
        "tail_grace_seconds": 0.2,
        "metric_temporality": choose(["cumulative", "delta"]),
        "metric_interval_seconds": choose([0.5, 5.0]),
        "capture": choose(["off", "shape", "full"]),
        "timeout_seconds": choose([3.0, 10.0]),
        "shutdown_timeout_seconds": choose([0.2, 1.0, 2.0]),
        "spool": choose([True, True, True, False]),
        "prometheus": choose(["127.0.0.1:0", None]),
    }


def jump(_handle):
    jump_ns[0] = int(random_source.choice([0, 0.5, -3600, 86_400]) * 1e9)


def limit_disk(_handle):
    """Every write fails, or those that are longer than a few blocks do in the middle; or all is well again."""
    size = random_source.choice([0, 6000, unlimited[0], unlimited[0]])
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, unlimited[1]))


def fork(handle):
    calls = random_source.randint(1, 20)
    pid = os.fork()
    if pid:
        children[pid] = time.monotonic()
        return
    code = 1
    try:
        for number in range(calls):
            leaf(f"{os.getpid()}.{number}")
        handle.shutdown(random_source.choice([0.2, 1.0]))
        tell(handle, "child", calls, exact=True)
        code = 0
    finally:
        os._exit(code)


def reap():
    for pid, began in list(children.items()):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            del children[pid]
            say(child=os.waitstatus_to_exitcode(status))
        elif time.monotonic() - began > CHILD_SECONDS:
            os.kill(pid, 9)


# -- what is told ------------------------------------------------------------------------------------------------------


def tell(handle, kind, calls, *, exact, snapshots=0, unbalanced=0):
    status = handle.status()
    (spans,) = [entry for entry in status.destinations if entry.signal == "traces"]
    say(
        pipeline={
            "kind": kind,
            "exact": not exact or status.calls.calls - status.calls.disabled == calls,
            "calls": status.calls.calls - status.calls.disabled,
            "calls_made": calls,
            "recorded": status.calls.span_recorded,
            "balanced": status.balanced,
            "snapshots": snapshots,
            "unbalanced": unbalanced,
            "accepted": spans.accepted,
            "adopted": spans.adopted,
            "exported": spans.exported,
            "rejected": dict(spans.rejected),
            "dropped": dict(spans.dropped),
            "tail_sampled": spans.tail_sampled,
            "uncertain": spans.uncertain,
            "spooled": spans.spooled,
            "waiting": spans.queued + spans.in_flight,
            "internal_errors": dict(status.internal_errors),
            "worker_restarts": status.worker_restarts,
        }
    )


def look():
    gc.collect()
    say(look={"fds": process.num_fds(), "threads": process.num_threads(), "rss_mib": process.memory_info().rss / 2**20})


def live(until):
    """One pipeline, from ``instrument()`` to ``shutdown()``; whether nobody calls while it changes is up to chance."""
    exact = random_source.random() < 0.7
    with everybody_waits():
        began = sum(made)
        handle = otel_perf.instrument(**settings())
    snapshots = unbalanced = 0
    while time.monotonic() < until:
        random_source.choice([jump, limit_disk, fork, fork])(handle)
        for _ in range(3):
            time.sleep(random_source.uniform(0.02, 0.3))
            snapshots += 1
            unbalanced += not handle.status().balanced
        reap()
    with everybody_waits() if exact else contextlib.nullcontext():
        handle.shutdown()
        made_here = sum(made) - began
        tell(handle, "pipeline", made_here, exact=exact, snapshots=snapshots, unbalanced=unbalanced)
        look()


def segments():
    home = Path(os.environ["OTEL_PERF_HOME"])
    return [path for path in home.glob("spool/*/*/*") if path.suffix in {".segment", ".tmp"}]


def deliver_the_rest():
    with otel_perf.instrument(endpoint=url) as handle:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and (segments() or not handle.flush(5)):
            time.sleep(0.1)
    tell(handle, "last", 0, exact=True)
    say(left=[path.name for path in segments()])


threads = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
for thread in threads:
    thread.start()
end = time.monotonic() + seconds
while time.monotonic() < end:
    live(min(end, time.monotonic() + random_source.uniform(1, 6)))
ended.set()
for thread in threads:
    thread.join()
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
jump_ns[0] = 0
while children:
    reap()
    time.sleep(0.05)
say(calm=True)
deliver_the_rest()
