"""Highest memory of Python objects during an operation, by ``tracemalloc``: exact, and it slows allocation down.

``tracemalloc`` keeps one peak for the process. So that measures may overlap, the peak so far is handed to all open
ones before each reset.
"""

import os
import threading
from typing import Final

__all__ = ["PythonMemory"]


class PythonMemory:
    """One open measure. Tracing that somebody else started is used, and left on."""

    __slots__ = ("_highest_bytes", "_start_bytes")

    def __init__(self) -> None:
        """Trace from now on until ``close``."""
        self._start_bytes = self._highest_bytes = _tracing.enter(self)

    def see(self, peak_bytes: int) -> None:
        """Take a peak in."""
        self._highest_bytes = max(self._highest_bytes, peak_bytes)

    def close(self) -> int | None:
        """End; by how many bytes Python objects exceeded the start at most, ``None`` when tracing was stopped."""
        return self._highest_bytes - self._start_bytes if _tracing.leave(self) else None


class _Tracing:
    """Strictly private: who shares the tracing."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._lock = threading.Lock()
        self._open: list[PythonMemory] = []
        self._started_here = False

    def enter(self, memory: PythonMemory) -> int:
        import tracemalloc  # noqa: PLC0415 - only who asks for it pays for it

        with self._lock:
            if not tracemalloc.is_tracing():
                tracemalloc.start(1)
                self._started_here = True
            present, highest = tracemalloc.get_traced_memory()
            for other in self._open:
                other.see(highest)
            tracemalloc.reset_peak()
            self._open.append(memory)
            return present

    def leave(self, memory: PythonMemory) -> bool:
        import tracemalloc  # noqa: PLC0415 - as above

        with self._lock:
            if memory in self._open:
                self._open.remove(memory)
            if not tracemalloc.is_tracing():
                return False
            memory.see(tracemalloc.get_traced_memory()[1])
            if self._started_here and not self._open:
                tracemalloc.stop()
                self._started_here = False
            return True


_tracing: Final = _Tracing()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_tracing.forget)
