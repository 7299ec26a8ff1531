"""A program that spools, and may be killed at any of its system calls.

``python -m tests.delivery.spooling URL HOME FIRST COUNT [--die OPERATION WHEN NUMBER] [--seconds S] [--at-once]``
offers COUNT spans in batches of ten, tells when all that is due is on disk, and shuts down when standard input ends.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_perf.core.file_system import FileSystem
from otel_perf.core.state_folder import StateFolder
from otel_perf.delivery.destination import SpanDestination
from otel_perf.delivery.queues import QueueLimits
from otel_perf.delivery.sender_hooks import Hooks
from otel_perf.delivery.span_request import EncodedSpan
from otel_perf.delivery.spool import DiskSpool, SpoolSettings
from otel_perf.delivery.spool_folder import SpoolFolder, destination_key
from otel_perf.delivery.transport import open_transport
from otel_perf.delivery.wire import length_delimited
from tests.delivery.sending import GROUP, balanced, quick, settled, to, within

BATCH = 10


class DyingFiles(FileSystem):
    """The real system calls; the process is killed before or after the n-th of one kind."""

    def __init__(self, operation: str, when: str, number: int) -> None:
        self._left = number
        self._when = when
        real = getattr(self, operation)

        def deadly(*arguments: Any) -> Any:
            self._left -= 1
            if self._left == 0 and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            if self._left == 0 and when == "during":
                real(arguments[0], arguments[1][: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*arguments)
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(self, operation, deadly)


def numbered(first: int, count: int) -> list[EncodedSpan]:
    """Spans whose id and name are their number."""
    made = []
    for number in range(first, first + count):
        span = Span(span_id=number.to_bytes(8, "big"), trace_id=b"\x02" * 16, name=str(number))
        made.append(EncodedSpan(GROUP, length_delimited(2, span.SerializeToString()), 1))
    return made


def spool_in(home: Path, url: str, files: FileSystem | None = None, **bounds: Any) -> DiskSpool:
    """The spool of the destination ``url`` in a state folder."""
    folder = SpoolFolder(StateFolder(home, files))
    return DiskSpool(folder, destination_key("traces", "http/protobuf", url), "traces", SpoolSettings(**bounds))


@contextmanager
def spooling_to(url: str, home: Path, files: FileSystem | None = None, **changes: Any) -> Iterator[SpanDestination]:
    """A destination with a spool, that is shut down at the end of the block."""
    spool = spool_in(home, url, files, **changes.pop("bounds", {}))
    settings = quick(**{"limits": QueueLimits(batch_items=BATCH), **changes})
    destination = SpanDestination(url, open_transport(to(url)), settings, Hooks(spool=spool))
    try:
        yield destination
    finally:
        destination.shutdown(within(0))


def main() -> None:
    """Spool, and end in one way or another."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("home", type=Path)
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--die", nargs=3)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--at-once", action="store_true")
    arguments = parser.parse_args()
    files = None if arguments.die is None else DyingFiles(*arguments.die[:2], int(arguments.die[2]))
    with spooling_to(arguments.url, arguments.home, files) as destination:
        destination.offer(numbered(arguments.first, arguments.count))
        while not arguments.at_once and destination.account.balance().spooled < arguments.count:
            time.sleep(0.005)
        print(json.dumps({"spooled": destination.account.balance().spooled}), flush=True)
        sys.stdin.read()
        destination.shutdown(within(arguments.seconds))
        balance = balanced(destination.account)
        print(json.dumps({"ends": settled(destination.account), "adopted": balance.adopted}), flush=True)


if __name__ == "__main__":
    main()
