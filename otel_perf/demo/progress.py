"""What the demo says on standard error while it works: a bar on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["ProgressLines"]


class ProgressLines:
    """Progress of one stage after the other, in a ``with`` block."""

    def __init__(self, console: Console | None = None) -> None:
        """Write to standard error, unless told otherwise."""
        self._console = console or Console(file=sys.stderr)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = Progress(*columns, console=self._console, transient=True) if self._console.is_terminal else None
        self._stage = ""
        self._bar: TaskID | None = None

    def __enter__(self) -> Self:
        """Start."""
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        if self._bars is not None:
            self._bars.stop()

    def stage(self, text: str) -> None:
        """Begin a stage, such as ``reading /some/folder``; text that is safe to print."""
        self._stage, self._bar = text, None
        if self._bars is None:
            self._console.print(f"{text} ...", markup=False, highlight=False, soft_wrap=True)

    def step(self, done: int, total: int) -> None:
        """Say how far the stage is; plain lines come at each quarter only."""
        if self._bars is None:
            if done * 4 // total > (done - 1) * 4 // total:
                self._console.print(f"  {done:,} of {total:,}", markup=False, highlight=False)
            return
        if self._bar is None:
            self._bar = self._bars.add_task(self._stage, total=total)
        self._bars.update(self._bar, completed=done)
