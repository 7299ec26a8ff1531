"""Programs under test as processes of their own: started, watched, timed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).parent / "programs"

LONGEST_SECONDS = 60.0
"""Nothing here takes a third of that: what does has hung, and is ended and reported."""


@dataclass
class Ended:
    """How a program ended.

    Attributes:
        code: Exit status, negative for a signal.
        out: Standard output.
        err: Standard error.
        seconds: From the moment that it was told to end, or said that it was leaving, to its end.
        hung: It had to be killed.
    """

    code: int
    out: str
    err: str
    seconds: float
    hung: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    def fact(self, name: str) -> Any:
        """What the program said of itself in a line of JSON."""
        return self.facts[name]


class Running:
    """One program."""

    def __init__(self, program: str, *arguments: object, folder: Path, **options: Any) -> None:
        python = [str(options.pop("python", sys.executable)), *options.pop("flags", ())]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OTEL_PERF_HOME": str(folder / "state")}
        environment.update(options.pop("environment", {}))
        path = Path(program)
        command = [*python, str(path if path.is_absolute() else PROGRAMS / program), *map(str, arguments)]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={name: value for name, value in environment.items() if value is not None},
            stdout=subprocess.PIPE,
            stderr=options.pop("stderr", subprocess.PIPE),
            text=True,
            errors="replace",
            **options,
        )
        self.said: list[str] = []

    def wait_for(self, word: str) -> None:
        """Read standard output until a line begins with ``word``."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if line.startswith(word):
                return
        _, err = self.process.communicate(timeout=LONGEST_SECONDS)
        raise AssertionError(f"ended with {self.process.returncode} before it said {word!r}: {err}")

    def tell(self, number: int) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def end(self, seconds: float = LONGEST_SECONDS) -> Ended:
        """Wait for the end."""
        told = time.monotonic()
        hung = False
        try:
            out, err = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            hung = True
            self.process.send_signal(signal.SIGKILL)
            out, err = self.process.communicate(timeout=LONGEST_SECONDS)
        ended_at = time.monotonic()
        out = "".join(self.said) + out
        facts = _facts(out)
        return Ended(self.process.returncode, out, err, ended_at - facts.get("leaving_at", told), hung, facts)

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(LONGEST_SECONDS)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


def _facts(out: str) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for line in out.splitlines():
        if line.startswith("{"):
            with contextlib.suppress(ValueError):  # cut off by the end of the process
                facts.update(json.loads(line))
    return facts


@contextlib.contextmanager
def running(program: str, *arguments: object, folder: Path, **options: Any) -> Iterator[Running]:
    """A program for the block."""
    started = Running(program, *arguments, folder=folder, **options)
    try:
        yield started
    finally:
        started.close()


def run(program: str, *arguments: object, folder: Path, **options: Any) -> Ended:
    """Run a program to its end, which takes ``seconds`` at the most."""
    seconds = options.pop("seconds", LONGEST_SECONDS)
    with running(program, *arguments, folder=folder, **options) as started:
        return started.end(seconds)


def spans_account(ended: Ended) -> dict[str, Any]:
    """The account of spans that a program printed at its end."""
    (account,) = [entry for entry in ended.fact("destinations") if entry["signal"] == "traces"]
    return dict(account)


def gone(account: dict[str, Any], *names: str) -> int:
    """Items under some of the account's headings."""
    return sum(sum(found.values()) if isinstance(found := account[name], dict) else found for name in names)


def _instance(resource: Any) -> str:
    (found,) = [a.value.string_value for a in resource.resource.attributes if a.key == "service.instance.id"]
    return str(found)


def service_instances(requests: Sequence[Any]) -> Counter[str]:
    """Spans by the ``service.instance.id`` that they arrived under."""
    counts: Counter[str] = Counter()
    for resource in (resource for request in requests for resource in request.resource_spans):
        counts[_instance(resource)] += sum(len(scope.spans) for scope in resource.scope_spans)
    return counts


def last_counts(requests: Sequence[Any], metric_name: str) -> dict[str, int]:
    """The last cumulative count of a metric by ``service.instance.id``, all series added up."""
    counts: dict[str, int] = {}
    for resource in (resource for request in requests for resource in request.resource_metrics):
        metrics = [metric for scope in resource.scope_metrics for metric in scope.metrics if metric.name == metric_name]
        for metric in metrics:
            points = getattr(metric, metric.WhichOneof("data")).data_points
            total = sum(point.count if hasattr(point, "count") else point.as_int for point in points)
            counts[_instance(resource)] = max(total, counts.get(_instance(resource), 0))
    return counts
