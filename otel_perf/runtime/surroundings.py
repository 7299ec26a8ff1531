"""What is missing or replaced in the process that we find ourselves in, and what follows from it."""

import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from otel_perf.config.destinations import Destination
from otel_perf.core.guard import logger

__all__ = ["Surroundings"]


class Surroundings:
    """Looked at once, while the parts are made.

    Attributes:
        notes: One line each; every one is also a line of the log.
    """

    def __init__(self) -> None:
        """Look for libraries that replace threads."""
        self.notes: tuple[str, ...] = ()
        for library in _replacing_threads():
            self._note(
                f"{library} has replaced threads and sockets: telemetry is delivered by greenlets of the application's "
                f"own loop, only while that one is not blocked; it works, but is not what otel_perf is tested for"
            )

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes = (*self.notes, text)
            logger.warning("otel_perf: %s", text)

    def reachable(self, destinations: Iterable[Destination]) -> Iterator[Destination]:
        """Those whose protocol can be spoken: gRPC needs a package that may be missing."""
        for to in destinations:
            if to.protocol == "grpc":
                try:
                    import_module("grpc")
                except ImportError:
                    self._note(f"{to.name} is left out: gRPC needs the package grpcio, and there is none (grpc)")
                    continue
            yield to


def _replacing_threads() -> Iterator[str]:
    gevent: Any = sys.modules.get("gevent.monkey")
    if gevent is not None and gevent.is_module_patched("threading"):
        yield "gevent"
    eventlet: Any = sys.modules.get("eventlet.patcher")
    if eventlet is not None and eventlet.is_monkey_patched("thread"):
        yield "eventlet"
