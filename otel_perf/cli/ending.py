"""The end of a program under ``otel-perf run``: deliver, then show the summary on standard error."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from otel_perf.core.guard import guard

if TYPE_CHECKING:
    from types import FrameType

    from otel_perf.reports.run_summary import RunSummary
    from otel_perf.runtime.handle import Handle

__all__ = ["Ending"]


class Ending:
    """Shows one summary, however the program ends, and changes nothing about how it ends."""

    def __init__(self, handle: Handle, *, show: bool, json_path: str | None) -> None:
        """Keep what is needed at the end.

        Args:
            handle: What ``instrument()`` returned.
            show: Whether to draw the summary.
            json_path: Absolute path of a file for its JSON form, None for none.
        """
        self._handle = handle
        self._show = show
        self._json_path = json_path
        self._process = os.getpid()
        self._once = threading.Lock()
        self._told = threading.Event()

    def at_exit(self) -> None:
        """For ``atexit``: the program's own exit handlers have run by now."""
        if os.getpid() != self._process:
            return
        self._finish()
        if isinstance(getattr(sys, "last_value", None), KeyboardInterrupt):
            _remember_interrupt()

    def watch_sigterm(self) -> None:
        """Have SIGTERM end the program as it always does, but after the summary.

        Not when the program's environment has arranged for something else, and not in forked children.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            return
        signal.signal(signal.SIGTERM, self._on_sigterm)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget_sigterm)

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a handler's signature
        # From here on a second SIGTERM kills at once. The work is done on a thread: the interrupted
        # frame may hold a lock that the work needs.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            threading.Thread(target=self._finish_and_die, name="otel_perf-sigterm", daemon=True).start()
        except RuntimeError:
            # The interpreter is on its way out and starts no threads any more.
            os.kill(os.getpid(), signal.SIGTERM)

    def _finish_and_die(self) -> None:
        self._finish()
        os.kill(os.getpid(), signal.SIGTERM)

    def _forget_sigterm(self) -> None:
        if signal.getsignal(signal.SIGTERM) == self._on_sigterm:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _finish(self) -> None:
        if not self._once.acquire(blocking=False):
            self._told.wait()
            return
        with guard.block("summary"):
            self._handle.shutdown()
            summary = self._handle.summary()
            if self._json_path is not None:
                self._write_json(summary, self._json_path)
            if self._show:
                _draw(summary, sys.__stderr__)
        self._told.set()

    def _write_json(self, summary: RunSummary, path: str) -> None:
        from otel_perf.reports.run_json import to_json

        try:
            Path(path).write_text(to_json(summary) + "\n", encoding="utf-8")
        except OSError as error:
            if sys.__stderr__ is not None:
                sys.__stderr__.write(
                    f"otel-perf run: cannot write {path}: {error.strerror}; name another --json file\n"
                )


def _remember_interrupt() -> None:
    """Keep the exit status of a program that Ctrl-C has ended: killed by SIGINT, as shells want to know.

    CPython notes the uncaught KeyboardInterrupt when it leaves the outermost code, and forgets it when any text is
    executed after that, which importing a dataclass does. So an uncaught one is made, the same way.
    """
    with contextlib.suppress(KeyboardInterrupt):
        exec("raise KeyboardInterrupt")  # noqa: S102


def _draw(summary: RunSummary, stream: TextIO | None) -> None:
    if stream is None or stream.closed:
        return
    from rich.console import Console

    from otel_perf.reports.terminal import render_terminal

    stream.write("\n")
    render_terminal(summary, Console(file=stream))
    stream.flush()
