"""A small HTTP server on one thread: 32 connections, 5 s each, nobody can keep another one waiting.

Not ``http.server``: that one has a thread per connection, for as long as the other side pleases.
"""

import errno
import select
import selectors
import socket
from collections.abc import Callable
from enum import IntEnum
from typing import Final, NamedTuple, TypeAlias

from otel_perf.core import clock
from otel_perf.core.background import background_thread
from otel_perf.core.guard import guard
from otel_perf.delivery.prometheus_request import REQUEST_LIMIT, Gate, Refusal, Scrape

__all__ = ["Answer", "Listener"]

THREAD_NAME: Final = "otel_perf-prometheus"

CONNECTION_LIMIT: Final = 32
READ_NS: Final = 5_000_000_000
WRITE_NS: Final = 5_000_000_000
LINGER_NS: Final = 1_000_000_000
ANSWER_NS: Final = 750_000_000
"""How long a scrape waits for values newer than itself; the whole page takes a second at most."""

ACCEPT_AT_ONCE: Final = 64


class Stage(IntEnum):
    """What a connection is doing, in the order in which it has to make room for a new one; waiting never has to."""

    LINGERING = 0
    READING = 1
    WRITING = 2
    WAITING = 3


class Answer(NamedTuple):
    """A response; headers are written out, each with its line end."""

    status: str
    headers: str = ""
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


Respond: TypeAlias = Callable[[Scrape, int, bool], Answer | None]
"""(scrape, monotonic time of its arrival, whether this is its last chance) -> answer, ``None`` to wait on."""


class Connection:
    """One client."""

    __slots__ = ("arrived_ns", "deadline_ns", "local_address", "outgoing", "received", "scrape", "sock", "stage")

    def __init__(self, sock: socket.socket, now_ns: int) -> None:
        """Begin to read."""
        self.sock = sock
        self.local_address: str = sock.getsockname()[0]
        self.received = bytearray()
        self.outgoing = memoryview(b"")
        self.scrape: Scrape | None = None
        self.arrived_ns = now_ns
        self.deadline_ns = now_ns + READ_NS
        self.stage = Stage.READING


class Listener:
    """Serves one listening socket until it is closed.

    Attributes:
        answered: Responses begun.
        refused: Connections closed without one, for want of room or patience.
    """

    def __init__(self, sock: socket.socket, gate: Gate, ask: Callable[[str], None], respond: Respond) -> None:
        """Take over a bound, listening socket.

        Args:
            sock: The socket; closed by ``close()``.
            gate: Decides which requests are scrapes.
            ask: Called with the format when a scrape arrives.
            respond: Answers scrapes; called again after each ``wake()``, and when their time is up.
        """
        self._sock = sock
        self._gate = gate
        self._ask = ask
        self._respond = respond
        self._connections: dict[int, Connection] = {}
        self._closed = False
        self.answered = 0
        self.refused = 0
        self._wake_in, self._wake_out = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        for registered in (sock, self._wake_in, self._wake_out):
            registered.settimeout(0)
        self._selector.register(sock, selectors.EVENT_READ)
        self._selector.register(self._wake_in, selectors.EVENT_READ)
        self._thread = background_thread(self._run, THREAD_NAME)

    def start(self) -> None:
        """Start to serve."""
        self._thread.start()

    def wake(self) -> None:
        """Look at the waiting scrapes again; from any thread."""
        try:
            self._wake_out.send(b"!")
        except OSError:  # full: it wakes anyway; closed: there is nobody to wake
            return

    def close(self, timeout_seconds: float) -> None:
        """Stop serving and close every socket."""
        self._closed = True
        self.wake()
        self._thread.join(timeout_seconds)

    def abandon(self) -> None:
        """Close every socket from outside: there is no thread that would (in a forked child, or if none could start).

        The parent's sockets stay open in the parent.
        """
        self._close_all()

    # -- the loop ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closed:
            if guard.call("prometheus.listener", self._turn) is None:
                # Not our sockets' state but a defect; never spin on it.
                select.select([], [], [], 0.05)
        self._close_all()

    def _turn(self) -> bool:
        now = clock.monotonic_ns()
        for key, _ in self._selector.select(self._patience_seconds(now)):
            if key.fileobj is self._sock:
                self._accept()
            elif key.fileobj is self._wake_in:
                self._drain_wakes()
            elif key.fd in self._connections:  # else it made room in this very turn
                self._progress(self._connections[key.fd])
        self._answer_waiting()
        self._expire()
        return True

    def _patience_seconds(self, now_ns: int) -> float | None:
        deadlines = [connection.deadline_ns for connection in self._connections.values()]
        return max(0.0, (min(deadlines) - now_ns) / 1e9) + 0.001 if deadlines else None

    def _drain_wakes(self) -> None:
        try:
            while self._wake_in.recv(4096):
                pass
        except BlockingIOError:
            return

    def _accept(self) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            try:
                sock, _address = self._sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in {errno.EMFILE, errno.ENFILE}:
                    self._make_room(0)
                    select.select([], [], [], 0.01)
                return
            sock.settimeout(0)
            if not self._make_room(CONNECTION_LIMIT - 1):
                self.refused += 1
                sock.close()
                continue
            connection = self._connections[sock.fileno()] = Connection(sock, clock.monotonic_ns())
            self._selector.register(sock, selectors.EVENT_READ)
            self._progress(connection)

    def _make_room(self, most: int) -> bool:
        """Let the connection that does least, and longest, go when there are more than ``most``."""
        if len(self._connections) <= most:
            return True
        first = min(self._connections.values(), key=lambda connection: (connection.stage, connection.arrived_ns))
        if first.stage is Stage.WAITING:
            return False
        self.refused += first.stage is not Stage.LINGERING
        self._drop(first)
        return True

    def _expire(self) -> None:
        now = clock.monotonic_ns()
        for connection in [each for each in self._connections.values() if each.deadline_ns <= now]:
            self.refused += connection.stage in {Stage.READING, Stage.WRITING}
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        del self._connections[connection.sock.fileno()]
        self._selector.unregister(connection.sock)
        connection.sock.close()

    def _close_all(self) -> None:
        self._selector.close()
        for connection in self._connections.values():
            connection.sock.close()
        self._connections.clear()
        for sock in (self._sock, self._wake_in, self._wake_out):
            sock.close()

    # -- one connection ------------------------------------------------------------------------------------------

    def _progress(self, connection: Connection) -> None:
        """Read or write what is possible now; a connection that the other side broke is dropped."""
        try:
            if connection.stage is Stage.WRITING:
                self._write(connection)
            else:
                self._read(connection)
        except BlockingIOError:
            return
        except OSError:
            self._drop(connection)

    def _read(self, connection: Connection) -> None:
        data = connection.sock.recv(REQUEST_LIMIT)
        if not data:
            self._drop(connection)
            return
        if connection.stage is not Stage.READING:
            return  # a body or a second request: neither is served, both are read so that the answer arrives
        connection.received += data
        head, end, _ = bytes(connection.received).partition(b"\r\n\r\n")
        if end:
            self._decide(connection, head)
        elif len(connection.received) >= REQUEST_LIMIT:
            self._send(connection, Answer("431 Request Header Fields Too Large"))

    def _decide(self, connection: Connection, head: bytes) -> None:
        decision = self._gate.judge(head, connection.local_address)
        if isinstance(decision, Refusal):
            self._send(connection, Answer(decision.status, decision.headers, f"{decision.status}\n".encode()))
            return
        now = clock.monotonic_ns()
        connection.scrape, connection.stage = decision, Stage.WAITING
        connection.arrived_ns, connection.deadline_ns = now, now + ANSWER_NS
        self._ask(decision.content_type)

    def _answer_waiting(self) -> None:
        now = clock.monotonic_ns()
        for connection in [each for each in self._connections.values() if each.stage is Stage.WAITING]:
            scrape = connection.scrape
            last_chance = connection.deadline_ns <= now
            if scrape is None:
                continue
            answer = self._respond(scrape, connection.arrived_ns, last_chance)
            if answer is not None:
                self._send(connection, answer, head_only=scrape.head_only)

    def _send(self, connection: Connection, answer: Answer, *, head_only: bool = False) -> None:
        head = (
            f"HTTP/1.1 {answer.status}\r\nContent-Type: {answer.content_type}\r\nContent-Length: {len(answer.body)}\r\n"
            f"Connection: close\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n{answer.headers}\r\n"
        ).encode("latin-1", "replace")
        connection.outgoing = memoryview(head if head_only else head + answer.body)
        connection.stage = Stage.WRITING
        connection.deadline_ns = clock.monotonic_ns() + WRITE_NS
        self._selector.modify(connection.sock, selectors.EVENT_WRITE)
        self.answered += 1
        self._progress(connection)

    def _write(self, connection: Connection) -> None:
        while connection.outgoing:
            sent = connection.sock.send(connection.outgoing)
            connection.outgoing = connection.outgoing[sent:]
        # Closing while the client still sends would break the answer off; it is given a second to finish.
        connection.sock.shutdown(socket.SHUT_WR)
        connection.stage = Stage.LINGERING
        connection.deadline_ns = clock.monotonic_ns() + LINGER_NS
        self._selector.modify(connection.sock, selectors.EVENT_READ)
