"""The handle that ``instrument()`` returns."""

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from otel_perf.config.loaded import Loaded
from otel_perf.core import clock
from otel_perf.core.guard import guard
from otel_perf.runtime import active
from otel_perf.runtime.status import State, Status, idle_status

if TYPE_CHECKING:
    from otel_perf.reports.run_summary import RunSummary
    from otel_perf.runtime.engine import Engine
    from otel_perf.runtime.performance import Performance

__all__ = ["Handle"]

LONGEST_WAIT_SECONDS = 86_400.0


class Handle:
    """Control over what ``instrument()`` started. Every method may be called from any thread, and never raises.

    Used as a context manager it shuts down at the end of the block.
    """

    def __init__(self, loaded: Loaded, engine: "Engine | None") -> None:
        """Made by ``instrument()`` only; without an engine nothing runs."""
        self._loaded = loaded
        self._engine = engine
        self._shut_down = False
        self._ended = threading.Event()

    @property
    def engine(self) -> "Engine | None":
        """The running parts; for the package's own use."""
        return self._engine

    def flush(self, timeout: float | None = None) -> bool:
        """Deliver everything recorded so far.

        Args:
            timeout: Longest wait in seconds; the setting ``flush_timeout_seconds`` when left out.

        Returns:
            True when every destination has acknowledged (or finally refused) what was recorded before the call.
        """
        if self._engine is None or self._shut_down:
            return True
        seconds = _seconds(timeout, self._loaded.settings.flush_timeout_seconds)
        return guard.call("flush", self._engine.flush, _deadline(seconds)) or False

    def shutdown(self, timeout: float | None = None) -> bool:
        """Stop recording, deliver what is left, end every thread. A second call only waits for the first.

        Args:
            timeout: Longest wait in seconds for all parts together; the setting ``shutdown_timeout_seconds`` when
                left out.

        Returns:
            True when nothing was left behind. What was is counted in ``status()``.
        """
        return self._shut_down_once(timeout)

    def end_with_process(self) -> None:
        """Shut down because the process ends; waits for a shutdown that is under way on another thread."""
        self._shut_down_once(None, process_ends=True)

    def _shut_down_once(self, timeout: float | None, *, process_ends: bool = False) -> bool:
        seconds = _seconds(timeout, self._loaded.settings.shutdown_timeout_seconds)
        with active.lock():
            first, self._shut_down = not self._shut_down, True
            if active.current() is self:
                active.take_over(None)
        if not first or self._engine is None:
            return self._engine is None or self._ended.wait(seconds)
        try:
            done = guard.call("shutdown", self._engine.shutdown, _deadline(seconds), process_ends=process_ends)
        except KeyboardInterrupt:
            # Whoever waits for us has lost patience: settle what is left, so that the account is true, and go.
            guard.call("shutdown", self._engine.shutdown, _deadline(0), process_ends=process_ends)
            raise
        finally:
            self._ended.set()
        return done or False

    def status(self) -> Status:
        """One consistent look at everything: the ledger, running calls, settings, problems."""
        state = self._state()
        found = None if self._engine is None else guard.call("status", self._engine.status, state)
        return found or idle_status(state, self._loaded)

    def summary(self) -> "RunSummary":
        """What ran so far: call tree, slowest traces, ledger, open calls. Works after ``shutdown()`` too."""
        from otel_perf.reports.run_summary import RunSummary
        from otel_perf.runtime.summary import summarise

        found = None if self._engine is None else guard.call("summary", summarise, self._engine)
        if found is None:
            calls = idle_status(self._state(), self._loaded).calls
            return RunSummary.build(tree=(), slowest=(), tools=(), calls=calls)
        return found

    def performance(self) -> "Performance":
        """How the application does: response times, the last operation, memory against its limit.

        Works after ``shutdown()`` too. Memory is read now, which takes some 0.2 ms.
        """
        from otel_perf.runtime.performance import Performance, measure_performance

        return guard.call("performance", measure_performance, self._engine) or Performance()

    def _state(self) -> State:
        if self._shut_down:
            return "shut down"
        if self._loaded.settings.sdk_disabled:
            return "disabled"
        return "failed" if self._engine is None else "running"

    def __enter__(self) -> Self:
        """Return the handle."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Shut down."""
        self.shutdown()


def _seconds(timeout: object, default: float) -> float:
    """A time limit that can be waited for: ``default`` for what is no number, at most a day."""
    if isinstance(timeout, int | float) and timeout == timeout:  # noqa: PLR0124 - NaN differs from itself
        return min(max(timeout, 0.0), LONGEST_WAIT_SECONDS)
    return default


def _deadline(seconds: float) -> int:
    return clock.monotonic_ns() + int(seconds * 1e9)
