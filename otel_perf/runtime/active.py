"""The one pipeline of this process, if any: the only module-level state of the runtime."""

import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from otel_perf.runtime.handle import Handle

__all__ = ["current", "flush", "lock", "renew_lock", "start_alone", "take_over"]


class _Active:
    __slots__ = ("handle", "lock")

    def __init__(self) -> None:
        self.handle: Handle | None = None
        self.lock = threading.RLock()


_active: Final = _Active()


def lock() -> threading.RLock:
    """Held while a pipeline is being set up or taken down."""
    return _active.lock


def renew_lock() -> None:
    """After a fork: the lock may have been held by a thread that the child does not have."""
    _active.lock = threading.RLock()


def current() -> "Handle | None":
    """The live handle."""
    return _active.handle


def take_over(handle: "Handle | None") -> None:
    """Make ``handle`` the live one. Runs under ``lock``."""
    _active.handle = handle


def start_alone() -> None:
    """Start a pipeline for a processor that was put on a provider by hand, unless one runs."""
    from otel_perf.runtime.instrument import instrument_alone

    instrument_alone()


def flush(timeout_seconds: float | None) -> bool:
    """Flush the live pipeline; True when there is none, since then nothing waits."""
    handle = _active.handle
    return True if handle is None else handle.flush(timeout_seconds)
