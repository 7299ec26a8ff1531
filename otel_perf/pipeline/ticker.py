"""The ticker: one daemon thread for what happens every so often and may take its time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from otel_perf.core import clock
from otel_perf.core.background import background_thread
from otel_perf.core.guard import guard

__all__ = ["Job", "Ticker"]


@dataclass(slots=True)
class Job:
    """Something to do every ``period_seconds``; ``name`` is its stage in the count of internal errors.

    The first run is one period away, or ``first_seconds`` where that is given.
    """

    name: str
    period_seconds: float
    run: Callable[[], object]
    due_ns: int = 0
    first_seconds: float | None = None


class Ticker:
    """Runs jobs when they are due. A job that is late is not run twice to catch up."""

    def __init__(self, jobs: list[Job]) -> None:
        """Keep the jobs; nothing runs before ``start``."""
        self._jobs = jobs
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; the first run of each job is one period away, unless the job says otherwise."""
        if not self._jobs:
            return
        now = clock.monotonic_ns()
        for job in self._jobs:
            first = job.period_seconds if job.first_seconds is None else job.first_seconds
            job.due_ns = now + int(first * 1e9)
        self._stop = threading.Event()
        self._thread = background_thread(self._run, "otel_perf-ticker")
        self._thread.start()

    def begin_to_stop(self) -> None:
        """Begin no further job; the present one may take its time."""
        self._stop.set()

    def stop(self, deadline_ns: int) -> None:
        """End the thread, waiting at most until the deadline (monotonic ns)."""
        self.begin_to_stop()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(max(0.0, (deadline_ns - clock.monotonic_ns()) / 1e9))

    def after_fork_in_child(self) -> None:
        """Start anew: the parent's thread does not exist in the child."""
        self._thread = None
        self.start()

    def _run(self) -> None:
        stop = self._stop
        while True:
            earliest = min(job.due_ns for job in self._jobs)
            if stop.wait(max(0.0, (earliest - clock.monotonic_ns()) / 1e9)):
                return
            for job in self._jobs:
                now = clock.monotonic_ns()
                if now >= job.due_ns and not stop.is_set():
                    job.due_ns = now + int(job.period_seconds * 1e9)
                    guard.call(job.name, job.run)
