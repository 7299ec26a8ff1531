"""One column of the comparison at work: the application, what stands between, and the backend."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.backends.collector import REPOSITORY, RunningCollector, find_collector
from tests.comparison.application import CANNOT_BE_ENCODED, POISON, Orders
from tests.sinks.http_sink import HttpSink, free_port

PERSISTENT_QUEUE: Final = REPOSITORY / "collector" / "testing" / "persistent-queue.yaml"
SUBJECTS: Final = ("sdk", "otel_perf", "collector")
QUIET_SECONDS: Final = {"sdk": 3.0, "otel_perf": 15.0, "collector": 20.0}
"""When nothing has come for so long, nothing more will: longer than any pause of the queue between two attempts."""
LONGEST_EXIT_SECONDS: Final = 120.0
OWN: Final = re.compile(f"first|{POISON}|{CANNOT_BE_ENCODED.partition(' ')[0]}")
"""The names of the spans that the first process makes itself."""


@dataclass(frozen=True)
class Row:
    """What one fault did to one subject.

    Attributes:
        fault: The fault's name.
        subject: ``sdk``, ``otel_perf`` or ``collector`` (the SDK with a collector beside it).
        calls: Calls that were over in the application.
        arrived: Different spans that the backend has taken at the end.
        doubled: Surplus copies of them.
        at_exit: Spans that the backend had when the first process was gone.
        exit_seconds: From the end of the work to the end of the process; ``None`` where it was killed.
        said: Warnings and errors logged, by the library and by the collector.
        told: Whether one of them holds the number of the lost, with or without the uncertain; ``None`` when none was.
        uncertain: Spans that otel_perf calls uncertain at its end; ``None`` for the others.
        counted: Sum of the counter over all streams at the backend; ``None`` where it is not looked at.
        status: Exit status of the first process.
    """

    fault: str
    subject: str
    calls: int
    arrived: int
    doubled: int
    at_exit: int
    exit_seconds: float | None
    said: int
    told: bool | None
    uncertain: int | None
    counted: int | None
    status: int | None

    @property
    def lost(self) -> int:
        """Calls of which the backend never gets a span."""
        return self.calls - self.arrived


class Application:
    """A process of the application."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("OTEL_", "PYTEST_"))}
        with self._left("stderr").open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.comparison.application", json.dumps(asdict(orders))],
                cwd=REPOSITORY,
                env={**kept, "CI": "", "PYTHONPATH": str(REPOSITORY)},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    def _left(self, kind: str) -> Path:
        return Path(self.orders.folder) / f"{self.orders.run}.{kind}"

    @property
    def over(self) -> int:
        """Calls that are over."""
        file = self._left("over")
        return int.from_bytes(file.read_bytes(), "little") if file.exists() else 0

    def wait_for_work(self, seconds: float) -> float:
        """Wait until the work is done; when that was, by the monotonic clock."""
        wait_until(self._left("done").exists, seconds, lambda: self._process.poll() is None)
        return float(self._left("done").read_text())

    def wait(self) -> tuple[float, int]:
        """Let it end; when that was, and its exit status."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        status = self._process.wait(LONGEST_EXIT_SECONDS)
        return time.monotonic(), status

    def send(self, number: int) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a crash does, whatever state it is in."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def said(self) -> list[str]:
        """The warnings and errors it has logged."""
        file = self._left("said")
        return [str(json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []

    def uncertain(self) -> int | None:
        """What otel_perf's ledger called uncertain at the end."""
        file = self._left("ledger")
        if not file.exists():
            return None
        ledger = json.loads(file.read_text())
        assert ledger["balanced"], ledger
        return sum(int(entry["uncertain"]) for entry in ledger["destinations"])


class Arena:
    """A backend's port, a folder, and what the subject needs between application and backend."""

    def __init__(self, subject: str, folder: Path) -> None:
        self.subject = subject
        self.folder = folder
        self.port = free_port()
        self.sinks: list[HttpSink] = []
        self._started: list[Application] = []
        self._open: HttpSink | None = None
        self._collector: RunningCollector | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        if self.subject == "collector":
            variables = {
                "COLLECTOR_BACKEND": f"http://127.0.0.1:{self.port}",
                "COLLECTOR_STORAGE": str(self.folder / "queue"),
            }
            self._collector = RunningCollector(find_collector(), self.folder, PERSISTENT_QUEUE, variables)
            self._collector.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for application in self._started:
            application.kill()
        self.kill_collector()
        for sink in self.sinks:
            if not sink.stopped.is_set():
                sink.close()

    # -- the backend -----------------------------------------------------------------------------------------------

    def backend(self, **behaviour: Any) -> HttpSink:
        """Put a backend on the port, with this behaviour, in place of the one that is there."""
        self.backend_down()
        self._open = HttpSink(self.port)
        self._open.behave(**behaviour)
        self.sinks.append(self._open)
        return self._open

    def elsewhere(self) -> HttpSink:
        """A backend on a port of its own, whose spans count."""
        sink = HttpSink()
        self.sinks.append(sink)
        return sink

    def backend_down(self) -> None:
        """Nobody listens on the port any more."""
        sink, self._open = self._open, None
        if sink is not None:
            sink.close()

    def arrived(self) -> int:
        """Different spans of the first process that were taken, by any backend of this arena."""
        return len(self._received())

    def _received(self) -> Counter[bytes]:
        """How often each span of the first process was taken; those of its child and of the second aside."""
        found: Counter[bytes] = Counter()
        for request in [request for sink in self.sinks for request in list(sink.traces)]:
            scopes = [scope for group in request.resource_spans for scope in group.scope_spans]
            found.update(span.span_id for scope in scopes for span in scope.spans if OWN.search(span.name))
        return found

    def settle(self, wanted: int, quiet: float | None = None) -> None:
        """Wait until ``wanted`` spans have arrived, or nothing has come for ``quiet`` seconds."""
        quiet, last, since = quiet or QUIET_SECONDS[self.subject], -1, time.monotonic()
        while (now := self.arrived()) < wanted and time.monotonic() - since < quiet:
            if now != last:
                last, since = now, time.monotonic()
            time.sleep(0.05)

    def counted(self, metric: str) -> int:
        """The last value of each stream of a counter, added up."""
        streams: dict[bytes, int] = {}
        for message in self.sinks[-1].metrics:
            for group in message.resource_metrics:
                points = [
                    point
                    for scope in group.scope_metrics
                    for each in scope.metrics
                    if each.name == metric
                    for point in each.sum.data_points
                ]
                if points:
                    streams[group.resource.SerializeToString()] = sum(point.as_int for point in points)
        return sum(streams.values())

    # -- the application, and what dies with it --------------------------------------------------------------------

    def start(self, run: str = "first", **orders: Any) -> Application:
        """Start a process of the application."""
        endpoint = f"http://127.0.0.1:{self.port}" if self._collector is None else self._collector.http_endpoint
        subject = "otel_perf" if self.subject == "otel_perf" else "sdk"
        application = Application(Orders(subject, run, endpoint, str(self.folder), **orders))
        self._started.append(application)
        return application

    def lose_container(self) -> None:
        """The application's files are gone; the collector is a container of its own."""
        shutil.rmtree(self.folder / "state", ignore_errors=True)

    def kill_collector(self) -> None:
        """The node goes down."""
        if self._collector is not None:
            self._collector.kill()

    def restart_collector(self) -> None:
        """The node is there again."""
        if self._collector is not None:
            self._collector.start()

    def lose_disk(self) -> None:
        """What the node had on its disk is gone, the collector's queue too."""
        self.lose_container()
        shutil.rmtree(self.folder / "queue", ignore_errors=True)

    def row(self, fault: str, first: Application, **facts: Any) -> Row:
        """The result, when everything that will arrive has arrived."""
        calls, received = first.over, self._received()
        said = [text for application in self._started for text in application.said()] + self._collector_said()
        lost, uncertain = calls - len(received), first.uncertain()
        found: Mapping[str, Any] = {"at_exit": 0, "exit_seconds": None, "counted": None, "status": None, **facts}
        return Row(
            fault=fault,
            subject=self.subject,
            calls=calls,
            arrived=len(received),
            doubled=received.total() - len(received),
            said=len(said),
            told=tells(said, {lost, lost - (uncertain or 0)}) if lost else None,
            uncertain=uncertain,
            **found,
        )

    def _collector_said(self) -> list[str]:
        if self._collector is None:
            return []
        lines = self._collector.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line for line in lines if "\twarn\t" in line or "\terror\t" in line]


def tells(said: Iterable[str], numbers: Iterable[int]) -> bool:
    """Whether one of the lines holds one of the numbers, addresses aside."""
    wanted = "|".join(str(number) for number in numbers if number > 0)
    return any(re.search(rf"(?<![\w.:])(?:{wanted})(?![\w.])", text) for text in said if wanted)


def wait_until(condition: Callable[[], bool], seconds: float, alive: Callable[[], bool] = lambda: True) -> None:
    """Wait for something that will happen.

    Raises:
        TimeoutError: It did not, or what it depended on has ended.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline or not (alive() or condition()):
            raise TimeoutError("the application did not get to its end")
        time.sleep(0.005)


SIGTERM: Final = signal.SIGTERM
