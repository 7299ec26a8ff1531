"""The ends and beginnings of processes: exit, fork, and children of ``multiprocessing``."""

import atexit
import os
import sys
from typing import Any

from otel_perf.core.guard import guard
from otel_perf.runtime import active

__all__ = ["watch_process"]


class _Watch:
    """Strictly private: whether the hooks are in place. They stay for the life of the process."""

    installed = False


def watch_process() -> None:
    """Shut the live pipeline down at exit, and renew it in forked children. Once per process."""
    if _Watch.installed:
        return
    _Watch.installed = True
    atexit.register(_at_exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_in_forked_child)
    _end_with_multiprocessing()


def _at_exit() -> None:
    handle = active.current()
    if handle is not None:
        handle.shutdown()


def _in_forked_child() -> None:
    active.renew_lock()
    handle = active.current()
    if handle is None or handle.engine is None:
        return
    guard.call("fork", handle.engine.after_fork_in_child)
    _end_with_multiprocessing(forked=True)


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
