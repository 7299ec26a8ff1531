"""OTLP over HTTP: one connection, no redirects, no hidden retries, every end of a request told apart.

The standard library's client is used, for it shows how far a request had come when it failed: what was written whole
may have been stored, anything else was not.
"""

import contextlib
import socket
import ssl
import zlib
from base64 import b64encode
from collections.abc import Mapping
from errno import ECONNABORTED
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, unquote, urlsplit

from otel_perf._version import __version__
from otel_perf.core import clock
from otel_perf.delivery import answers
from otel_perf.delivery.transport import Outcome, Redirected, Refused, Retry, Signal, TooLarge, Uncertain

if TYPE_CHECKING:
    from otel_perf.config.destinations import Destination

__all__ = ["HttpTransport"]

GZIP_LEVEL: Final = 1
"""Measured on 512 tool spans (104 KiB): level 1 keeps 17 % at 0.7 us a span, level 6 keeps 15 % at 2.1 us."""
GZIP_FORMAT: Final = 31
"""zlib's window bits for the gzip container."""

LARGEST_ANSWER_BYTES: Final = 64 * 1024
"""Of an answer no more is read; an OTLP answer has a few hundred bytes."""

TOO_LARGE: Final = 413
RETRYABLE: Final = frozenset({429, 502, 503, 504})

HINTS: Final[Mapping[int, str]] = {
    401: "check the headers setting: the credentials are missing or not accepted",
    403: "check the headers setting: the credentials do not allow sending here",
    404: "check the endpoint: there is no OTLP receiver at this path (it usually ends in /v1/traces or /v1/metrics)",
    405: "check the endpoint: the server there is no OTLP receiver",
    407: "check the proxy: it asks for credentials",
    415: "check the endpoint: the server there does not take OTLP as protobuf",
}


class HttpTransport:
    """OTLP/HTTP with protobuf to one destination."""

    def __init__(self, destination: "Destination", *, proxy: str | None = None) -> None:
        """Keep the settings; nothing is read or connected before the first request."""
        self._destination = destination
        self._secrets = tuple(destination.headers.values())
        self._url = urlsplit(destination.url)
        self._proxy = None if proxy is None or answers.is_loopback(self._url.hostname or "") else urlsplit(proxy)
        self._compressed = destination.compression == "gzip"
        self._headers = {
            "User-Agent": f"OTel-OTLP-Exporter-Python/otel_perf-{__version__}",
            **destination.headers,
            "Content-Type": "application/x-protobuf",
        }
        if self._compressed:
            self._headers["Content-Encoding"] = "gzip"
        self._reset()

    def _reset(self) -> None:
        self._connection: HTTPConnection | None = None
        self._written = False
        self._on_wire = False
        self._closed = False

    def send(self, signal: Signal, body: bytes, timeout_seconds: float) -> Outcome:
        """Send one encoded request; see ``Transport.send``."""
        if self._closed:
            return Retry("the transport is closed")
        payload = _gzip(body) if self._compressed else body
        self._written = False
        try:
            response = self._exchange(payload, clock.monotonic_ns() + int(timeout_seconds * 1e9))
            return self._verdict(signal, response)
        except (HTTPException, OSError) as error:
            self._disconnect()
            reason = answers.describe(error)
            return Uncertain(f"no answer: {reason}") if self._written else Retry(reason)
        except ValueError as error:  # UnicodeError among them: a header that HTTP cannot carry, a URL that is none
            self._disconnect()
            kind = type(error).__name__
            return Refused(f"the request cannot be written ({kind})", "http_4xx", "check the headers and the endpoint")
        finally:
            self._on_wire = False

    def on_wire(self) -> bool:
        """Whether bytes of the present request may have left."""
        return self._on_wire

    def close(self) -> None:
        """Shut the socket down, which wakes the thread that waits for it."""
        self._closed = True
        connection = self._connection
        if connection is not None and connection.sock is not None and self._on_wire:
            # The plain method: that of an SSL socket would take the session away under the thread that reads from it.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
        else:
            self._disconnect()

    def after_fork_in_child(self) -> None:
        """Drop the parent's connection; closing our copy of the descriptor says nothing to the server."""
        self._disconnect()
        self._reset()

    def _exchange(self, payload: bytes, deadline_ns: int) -> HTTPResponse:
        connection = self._connected(deadline_ns)
        self._on_wire = True
        _limit(connection, deadline_ns)
        target = self._url.path or "/"
        if self._url.query:
            target = f"{target}?{self._url.query}"
        headers = self._headers
        if self._proxy is not None and self._url.scheme == "http":
            target = f"http://{self._url.netloc.rpartition('@')[2]}{target}"
            headers = headers | _proxy_authorization(self._proxy)
        try:
            connection.request("POST", target, payload, headers)
            self._written = True
        except (BrokenPipeError, ConnectionResetError):
            # A server that has read enough may answer and hang up in the middle: 413, 401. Its answer is still there.
            _limit(connection, deadline_ns)
            return connection.getresponse()
        _limit(connection, deadline_ns)
        return connection.getresponse()

    def _connected(self, deadline_ns: int) -> HTTPConnection:
        connection = self._connection
        if connection is not None and connection.sock is not None and not _was_closed(connection.sock):
            return connection
        self._disconnect()
        connection = self._connection = self._make_connection(_left(deadline_ns))
        connection.auto_open = 0  # no connection but the one made here
        connection.connect()
        if self._closed:
            connection.close()
            raise ConnectionAbortedError(ECONNABORTED, "closed by us")
        return connection

    def _make_connection(self, seconds: float) -> HTTPConnection:
        secure = self._url.scheme == "https"
        there = self._proxy or self._url
        host, port = there.hostname or "", there.port or (443 if there.scheme == "https" else 80)
        if not secure:
            return HTTPConnection(host, port, timeout=seconds)
        connection = HTTPSConnection(host, port, timeout=seconds, context=self._tls())
        if self._proxy is not None:
            # The handshake is made with the destination, inside the tunnel.
            connection.set_tunnel(self._url.hostname or "", self._url.port or 443, _proxy_authorization(self._proxy))
        return connection

    def _tls(self) -> ssl.SSLContext:
        """Read anew for each connection, so that files which were replaced are noticed."""
        destination = self._destination
        authority = None if destination.certificate is None else str(destination.certificate)
        context = ssl.create_default_context(cafile=authority)
        if destination.client_certificate is not None:
            context.load_cert_chain(destination.client_certificate, destination.client_key)
        return context

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _verdict(self, signal: Signal, response: HTTPResponse) -> Outcome:
        status = response.status
        body = self._read(response)
        kind = (response.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
        if 200 <= status < 300:  # noqa: PLR2004 -- the class of success
            return answers.acknowledgement(signal, body, json=kind == "application/json", secrets=self._secrets)
        if 300 <= status < 400:  # noqa: PLR2004 -- the class of redirects
            return Redirected(answers.without_credentials(response.headers.get("Location") or "(no Location)"))
        reason = f"HTTP {status}"
        if status in RETRYABLE:
            return Retry(reason, answers.retry_after_seconds(response.headers.get("Retry-After")))
        if status == TOO_LARGE:
            return TooLarge(reason)
        protobuf = kind == "application/x-protobuf"
        said = "" if status in HINTS else answers.error_message(body, protobuf=protobuf, secrets=self._secrets)
        return Refused(
            f"{reason}: {said}" if said else reason,
            counted_as="http_5xx" if status >= 500 else "http_4xx",  # noqa: PLR2004 -- the class of server errors
            hint=HINTS.get(status, ""),
            divisible=status in {400, 422},
        )

    def _read(self, response: HTTPResponse) -> bytes:
        """The answer's body, empty when it is too long or breaks off: the status alone decides then."""
        try:
            body = response.read(LARGEST_ANSWER_BYTES)
            whole = response.isclosed() or not response.read(1)
        except (HTTPException, OSError):
            body, whole = b"", False
        if not whole:
            self._disconnect()
            return b""
        return body


def _left(deadline_ns: int) -> float:
    """Seconds until the deadline: one for the whole request, however many steps it takes."""
    seconds = (deadline_ns - clock.monotonic_ns()) / 1e9
    if seconds <= 0:
        raise TimeoutError("timed out")
    return seconds


def _limit(connection: HTTPConnection, deadline_ns: int) -> None:
    """Let the next step take until the deadline at the most."""
    sock: socket.socket | None = connection.sock
    if sock is None:
        raise ConnectionAbortedError(ECONNABORTED, "closed by us")
    sock.settimeout(_left(deadline_ns))


def _was_closed(connection: socket.socket) -> bool:
    """Whether the other side has hung up since the last answer: something can be read, if only the end."""
    try:
        connection.settimeout(0)
        socket.socket.recv(connection, 1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _gzip(body: bytes) -> bytes:
    compressor = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_FORMAT)
    return compressor.compress(body) + compressor.flush()


def _proxy_authorization(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    credentials = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(credentials.encode()).decode()}"}
