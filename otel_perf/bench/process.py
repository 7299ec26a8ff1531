"""The processes of a run, seen from the one that drives them."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import IO, Any, Final, Self, cast
from urllib.request import urlopen

from otel_perf.bench.machine import cores
from otel_perf.config.environment import without_telemetry
from otel_perf.core.errors import OtelPerfError

__all__ = ["BenchmarkError", "Child", "Sink", "python"]

END_SECONDS: Final = 30.0


class BenchmarkError(OtelPerfError):
    """A process of the run has ended before its time; the message says which, and its last words."""


def python(*arguments: str, **options: Any) -> "subprocess.Popen[str]":
    """Start this interpreter, finding the same modules, in an environment that says nothing about telemetry."""
    environment = {**without_telemetry(), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(
        [sys.executable, "-P", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        **options,
    )


class _Process:
    """A Python process that is told to end by closing its standard input."""

    def __init__(self, name: str, *arguments: str) -> None:
        self.name = name
        # A file, since a full pipe would stop a process that has much to complain about.
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - closed by close()
        self._process = python(*arguments, stderr=self._errors)

    def _send(self, line: str) -> None:
        stdin = cast("IO[str]", self._process.stdin)
        try:
            stdin.write(line)
            stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def _line(self) -> str:
        line = cast("IO[str]", self._process.stdout).readline()
        if not line:
            raise self._ended()
        return line

    def _ended(self) -> BenchmarkError:
        self.kill()
        self._errors.seek(0)
        last = self._errors.read().strip().splitlines()[-1:] or ["no message"]
        return BenchmarkError(f"the process of {self.name!r} ended: {last[0]}")

    def kill(self) -> None:
        """End the process at once: what it cannot deliver would hold it up."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the process; it has half a minute to deliver what it holds."""
        if self._process.poll() is None:
            try:
                self._process.communicate(timeout=END_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self.kill()
        self.close()


class Child(_Process):
    """A subject in its process, its calling thread on the first core."""

    def __init__(self, subject: str, endpoint: str) -> None:
        """Start it; ``ask`` waits for the first answer."""
        super().__init__(subject, "-m", "otel_perf.bench.child", subject, endpoint, str(cores()[0]))
        self._ready = False

    def ask(self, task: str, **order: Any) -> Mapping[str, Any]:
        """Have a task done, and wait for its answer.

        Raises:
            BenchmarkError: The process is gone.
        """
        if not self._ready:
            self._line()
            self._ready = True
        self._send(json.dumps({"task": task, **order}) + "\n")
        return cast("Mapping[str, Any]", json.loads(self._line()))


class Sink(_Process):
    """The backend, on the last core."""

    def __init__(self) -> None:
        """Start it and learn its port."""
        super().__init__("sink", "-m", "otel_perf.bench.sink", str(cores()[-1]))
        self.address = f"http://127.0.0.1:{int(self._line())}"

    def endpoint(self, sender: str) -> str:
        """The base address for one sender, whose spans are counted on their own."""
        return f"{self.address}/{sender}"

    def spans(self, sender: str) -> int:
        """Spans that have arrived from a sender."""
        with urlopen(f"{self.address}/counts", timeout=END_SECONDS) as answer:  # noqa: S310 - our own process
            return int(json.load(answer).get(sender, 0))
