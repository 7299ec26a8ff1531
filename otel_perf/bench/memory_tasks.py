"""Measured inside a subject's process: bytes of a call that waits, and resident memory after many calls."""

import tracemalloc
from contextlib import nullcontext
from typing import Final

import psutil

from otel_perf.bench.cost_tasks import pinned
from otel_perf.bench.subjects import Subject

__all__ = ["queued_bytes", "resident"]

CHUNK: Final = 500
"""Calls between two flushes: they fit in every queue, so that nothing is dropped."""
MIB: Final = 1024 * 1024


def queued_bytes(subject: Subject, core: int, *, kind: str, calls: int) -> dict[str, float]:
    """Memory of calls that wait in the queue, the worker held meanwhile.

    Args:
        subject: One that has a handle with an engine.
        core: Where to run.
        kind: ``leaf``, ``ids`` (the identifiers are read) or ``attributes`` (three are set).
        calls: How many wait.

    Returns:
        ``bytes`` per call, of the objects made for it and its places in the queues.
    """
    call = subject.hold if kind == "ids" else subject.calls[kind]
    engine = None if subject.handle is None else subject.handle.engine
    subject.flush()
    with pinned(core), nullcontext() if engine is None else engine.worker.lock:
        call(0)
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for number in range(calls):
            call(number)
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    subject.flush()
    return {"bytes": (after - before) / calls}


def resident(subject: Subject, core: int, *, calls: int) -> dict[str, float]:
    """Make many calls, delivered as they are made.

    Returns:
        ``rss_mib`` at the end, when nothing waits.
    """
    traced = subject.calls["leaf"]
    with pinned(core):
        for start in range(0, calls, CHUNK):
            for number in range(start, start + CHUNK):
                traced(number)
            subject.flush()
    return {"rss_mib": psutil.Process().memory_info().rss / MIB}
