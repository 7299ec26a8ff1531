"""The ends and beginnings of processes: exit, fork, and children of ``multiprocessing`` and Celery."""

import atexit
import os
import sys
from contextlib import suppress
from typing import Any

from otel_perf.core.guard import guard
from otel_perf.runtime import active
from otel_perf.runtime.handle import Handle

__all__ = ["watch_process"]


class _Watch:
    """Strictly private: whether the hooks are in place (they stay for the life of the process), and the last handle."""

    installed = False
    handle: Handle | None = None


def watch_process(handle: Handle) -> None:
    """Shut the live pipeline down at exit, and renew it in forked children."""
    _Watch.handle = handle
    if _Watch.installed:
        return
    _Watch.installed = True
    atexit.register(_at_exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_in_forked_child)
    _end_with_multiprocessing()
    _end_with_celery()


def _at_exit() -> None:
    handle = _Watch.handle
    if handle is not None:
        with suppress(KeyboardInterrupt):  # it has cut the wait short; the process ends as it was going to
            handle.end_with_process()


def _in_forked_child() -> None:
    active.renew_lock()
    handle = active.current()
    if handle is None or handle.engine is None:
        return
    guard.call("fork", handle.engine.after_fork_in_child)
    _end_with_multiprocessing(forked=True)
    _end_with_celery()


def _end_with_multiprocessing(*, forked: bool = False) -> None:
    """A child of ``multiprocessing`` leaves by ``os._exit``, so ``atexit`` does not run: its own finalizers do."""
    util: Any = sys.modules.get("multiprocessing.util")
    process: Any = sys.modules.get("multiprocessing.process")
    if util is None or process is None:
        return
    if forked:
        util.register_after_fork(_Watch, lambda _watch: util.Finalize(None, _at_exit, exitpriority=10))
    elif process.parent_process() is not None:
        util.Finalize(None, _at_exit, exitpriority=10)


def _end_with_celery() -> None:
    """A child of a Celery worker leaves by ``os._exit`` too, past every finalizer, but says so first."""
    signals: Any = sys.modules.get("celery.signals")
    if signals is not None:
        with guard.block("celery"):
            signals.worker_process_shutdown.connect(_celery_child_ends, weak=False, dispatch_uid="otel_perf")


def _celery_child_ends(**_facts: object) -> None:
    _at_exit()
