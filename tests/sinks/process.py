"""A sink in a process of its own: ``python -m tests.sinks.process --protocol http``.

The first line on standard output is ``{"port": …, "url": …}``. Each line on standard input is a command in JSON:
``{"behave": {"black_hole": true}}``, ``{"stats": true}``; each is answered by one line. The end of input ends it.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.sinks.grpc_sink import GrpcSink
from tests.sinks.http_sink import HttpSink

REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--protocol", choices=("http", "grpc"), default="http")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    sink = (HttpSink if arguments.protocol == "http" else GrpcSink)(arguments.port)
    print(json.dumps({"port": sink.port, "url": sink.url}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        if "behave" in command:
            sink.behave(**command["behave"])
        print(json.dumps(sink.stats()), flush=True)
    sink.close()


class SinkProcess:
    """The other end: starts the process and talks to it."""

    def __init__(self, protocol: str = "http", port: int = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.sinks.process", "--protocol", protocol, "--port", str(port)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started = self._answer()
        self.port: int = started["port"]
        self.url: str = started["url"]

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def behave(self, **how: Any) -> None:
        """Change how requests are treated from now on."""
        self._ask({"behave": how})

    def stats(self) -> dict[str, Any]:
        """The numbers so far."""
        return self._ask({"stats": True})

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@contextmanager
def sink_process(protocol: str = "http", port: int = 0) -> Iterator[SinkProcess]:
    """A receiver in its own process for the block."""
    sink = SinkProcess(protocol, port)
    try:
        yield sink
    finally:
        sink.close()


if __name__ == "__main__":
    main()
