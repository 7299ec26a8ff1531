"""A real OpenTelemetry Collector for a test: started on free ports, its file read back."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

REPOSITORY = Path(__file__).resolve().parents[2]
FILE_EXPORTER = REPOSITORY / "collector" / "testing" / "file-exporter.yaml"

START_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.02


class CollectorUnavailableError(RuntimeError):
    """There is no collector binary, and the text says why."""


class CollectorFailedError(RuntimeError):
    """The collector did not do what a test waited for; the text ends with its log."""


def find_collector() -> Path:
    """The binary that ``collector/build`` made.

    Raises:
        CollectorUnavailableError: It was not built; the one line of the build script is the text.
    """
    found = subprocess.run(
        [str(REPOSITORY / "collector" / "build"), "--where"], capture_output=True, text=True, check=False
    )
    if found.returncode != 0:
        raise CollectorUnavailableError(found.stderr.strip())
    return Path(found.stdout.strip())


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody listens on now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class RunningCollector:
    """One collector process with its own ports and its own output file.

    It keeps its ports over ``stop()`` and ``start()``, so a test can make an outage of it.

    Attributes:
        http_endpoint: Base URL for OTLP/HTTP (``/v1/traces`` is added by the exporter).
        grpc_endpoint: URL for OTLP/gRPC, without TLS.
        file: Where the requests are written, one JSON object per line.
        log: What the collector says of itself.
    """

    def __init__(
        self, binary: Path, folder: Path, config: Path = FILE_EXPORTER, environment: Mapping[str, str] | None = None
    ) -> None:
        """Choose ports; ``environment`` adds variables that another ``config`` reads."""
        self._command = [str(binary), "--config", str(config)]
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self.file = folder / "received.jsonl"
        self.log = folder / "collector.log"
        self._take_ports()

    def __enter__(self) -> Self:
        """Start, and wait until it is ready."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and wait until it is gone."""
        self.stop()

    def start(self, attempts: int = 3) -> None:
        """Start and wait until it is ready; a first start takes other ports when one was taken meanwhile.

        Raises:
            CollectorFailedError: It ended or was not ready in time.
        """
        first_time = not self.log.exists()
        while not self._start_once():
            attempts -= 1
            if attempts <= 0 or not first_time or "address already in use" not in self._log_text():
                raise self._failure("the collector did not start")
            self._take_ports()

    def stop(self) -> None:
        """Ask it to end, which flushes its file; make it end when it does not."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End it without a warning, as a crash would."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def requests(self) -> list[dict[str, Any]]:
        """What arrived so far: one OTLP/JSON object per request, of any signal, in the order of arrival.

        A line that is being written is left for the next call.
        """
        if not self.file.exists():
            return []
        *lines, _ = self.file.read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines if line]

    def wait_for_spans(self, count: int, seconds: float = 20.0) -> list[dict[str, Any]]:
        """Wait until ``count`` spans arrived, and give all of them, as ``exported.spans`` makes them.

        Raises:
            CollectorFailedError: Fewer arrived in time.
        """
        from tests.backends.exported import spans

        deadline = time.monotonic() + seconds
        while len(found := spans(self.requests())) < count:
            if time.monotonic() > deadline:
                raise self._failure(f"{len(found)} of {count} spans arrived in {seconds:g} s")
            time.sleep(POLL_SECONDS)
        return found

    def _take_ports(self) -> None:
        grpc, http, health = free_ports(3)
        self.grpc_endpoint = f"http://127.0.0.1:{grpc}"
        self.http_endpoint = f"http://127.0.0.1:{http}"
        self._health_url = f"http://127.0.0.1:{health}"

    def _start_once(self) -> bool:
        """Whether it became ready; it is gone when it did not."""
        variables = {
            "COLLECTOR_OTLP_GRPC": self.grpc_endpoint.removeprefix("http://"),
            "COLLECTOR_OTLP_HTTP": self.http_endpoint.removeprefix("http://"),
            "COLLECTOR_HEALTH": self._health_url.removeprefix("http://"),
            "COLLECTOR_FILE": str(self.file),
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env={"PATH": os.defpath, **self._environment, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._is_ready():
                return True
            time.sleep(POLL_SECONDS)
        self.kill()
        return False

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(self._health_url, timeout=1) as answer:  # noqa: S310 - our own http URL
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _log_text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def _failure(self, text: str) -> CollectorFailedError:
        return CollectorFailedError(f"{text}; the end of its log:\n{self._log_text()[-2000:]}")
