"""A backend whose condition changes all the time, from a seed, and what it has stored."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.sinks.http_sink import HttpSink
from tests.sinks.received import Behaviour

WEATHERS: Final = {
    "ok": {},
    "refused": None,
    "unavailable": {"status": 503},
    "throttled": {"status": 429, "headers": {"Retry-After": "1"}},
    "broken": {"status": 500},
    "black hole": {"black_hole": True},
    "slow": {"delay_seconds": 0.5},
    "no answer": {"drop_answer": True},
}
OFTEN: Final = ["ok"] * 4 + list(WEATHERS)


class Arrivals:
    """The spans that were stored, whichever server took them.

    Attributes:
        keys: How often each came, by its attribute ``chaos.key``.
        unsure: Stored in requests that were answered late or not at all: only those may come again.
    """

    def __init__(self) -> None:
        self.keys: Counter[str] = Counter()
        self.unsure = 0
        self._lock = threading.Lock()

    def store(self, body: bytes, how: Behaviour) -> None:
        """Take in one request."""
        message = ExportTraceServiceRequest.FromString(body)
        keys = [_key(span) for group in message.resource_spans for scope in group.scope_spans for span in scope.spans]
        with self._lock:
            self.keys.update(keys)
            self.unsure += len(keys) if how.drop_answer or how.delay_seconds else 0

    @property
    def doubled(self) -> int:
        """Surplus copies."""
        return self.keys.total() - len(self.keys)


def _key(span: Any) -> str:
    (key,) = [pair.value.string_value for pair in span.attributes if pair.key == "chaos.key"]
    return str(key)


class _Server(HttpSink):
    """Keeps nothing but the keys."""

    def __init__(self, arrivals: Arrivals, port: int = 0) -> None:
        self._arrivals = arrivals
        super().__init__(port)

    def judge(self, signal: str, body: bytes, headers: dict[str, str], how: Behaviour, ok: int | str) -> int | str:
        """Store, or do not."""
        if signal == "traces" and how.status == ok:
            self._arrivals.store(body, how)
        return how.status


class Weather:
    """Changes until it is told to be calm.

    Attributes:
        arrivals: What was stored.
        changes: How often each condition came.
        url: Stays the same.
    """

    def __init__(self, seed: int) -> None:
        self.arrivals = Arrivals()
        self.changes: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._server: _Server | None = _Server(self.arrivals)
        self._port = self._server.port
        self.url = self._server.url
        self._calm = threading.Event()
        self._thread = threading.Thread(target=self._change, name="weather")

    def _change(self) -> None:
        while not self._calm.is_set():
            self._become(self._random.choice(OFTEN))
            self._calm.wait(self._random.uniform(0.3, 4))
        self._become("ok")

    def _become(self, weather: str) -> None:
        self.changes[weather] += 1
        how = WEATHERS[weather]
        if how is None:
            self._leave()
        else:
            self._server = self._server or _Server(self.arrivals, self._port)
            self._server.behave(**how)

    def _leave(self) -> None:
        """Nobody listens. What was stored before has been answered."""
        server, self._server = self._server, None
        if server is not None:
            server.behave(status=503)
            time.sleep(0.2)
            server.close()

    def begin(self) -> None:
        """From now on it changes."""
        self._thread.start()

    def calm(self) -> None:
        """Healthy from now on."""
        self._calm.set()
        self._thread.join()

    def close(self) -> None:
        """Nobody listens any more."""
        if self._thread.is_alive():
            self.calm()
        self._leave()


@contextmanager
def weather(seed: int) -> Iterator[Weather]:
    """Weather for the block."""
    made = Weather(seed)
    try:
        yield made
    finally:
        made.close()
