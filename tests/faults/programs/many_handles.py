"""A thousand pipelines, one after the other: ``many_handles.py TIMES URL``."""

import atexit
import gc
import json
import sys
import threading

import psutil

import otel_perf

times, url = int(sys.argv[1]), sys.argv[2]
process = psutil.Process()


def look():
    """What may grow."""
    gc.collect()
    return {
        "rss_mib": process.memory_info().rss / 2**20,
        "fds": process.num_fds(),
        "threads": threading.active_count(),
        "atexit": atexit._ncallbacks(),  # noqa: SLF001 - there is no other way to see them
        "objects": len(gc.get_objects()),
    }


seen = []
for turn in range(times):
    handle = otel_perf.instrument(endpoint=url)
    with otel_perf.tool_call("once"):
        pass
    if turn % 2:
        handle.shutdown()
    else:
        with handle:
            pass
    del handle
    if turn in (times // 10, times - 1):
        seen.append(look())
print(json.dumps({"early": seen[0], "late": seen[1]}), flush=True)
