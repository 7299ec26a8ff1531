"""Imports on threads of ours, made safe for forks.

A child that is forked while another thread imports a module finds that module locked for ever: whoever imports it
there hangs. So a fork waits for such an import, and not for long.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["background_import"]

LONGEST_WAIT_SECONDS: Final = 0.5
"""The heaviest import of ours on a thread takes 0.3 s on an idle machine; a fork must not wait without a bound."""


class _Gate:
    """Strictly private: held while a thread imports, and during a fork."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.lock = threading.RLock()
        self.forking = False

    def before_fork(self) -> None:
        self.forking = self.lock.acquire(timeout=LONGEST_WAIT_SECONDS)

    def after_fork_in_parent(self) -> None:
        if self.forking:
            self.forking = False
            self.lock.release()


_gate: Final = _Gate()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_gate.before_fork, after_in_parent=_gate.after_fork_in_parent, after_in_child=_gate.renew
    )


@contextmanager
def background_import() -> Iterator[None]:
    """Import inside of this on a thread that is not the application's: a fork waits for it, half a second at most."""
    with _gate.lock:
        yield
