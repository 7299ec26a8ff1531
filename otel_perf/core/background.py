"""Threads of our own: daemons that leave every signal to the application's threads."""

import signal
import threading
from collections.abc import Callable
from typing import Final

__all__ = ["background_thread"]

FAULTS: Final = {
    getattr(signal, name)
    for name in ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGSYS", "SIGTRAP")
    if hasattr(signal, name)
}
"""Raised by a thread's own deed; blocked, they would keep ``faulthandler`` from telling of it."""


def background_thread(target: Callable[[], object], name: str) -> threading.Thread:
    """A daemon thread, not started, on which ``target`` runs.

    The kernel gives a signal for the process to any thread that does not block it. An application that blocks one in
    order to wait for it (``signal.sigwait``) would be killed through a thread of ours that lets it in.
    """

    def run() -> None:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - FAULTS)
        target()

    return threading.Thread(target=run, name=name, daemon=True)
