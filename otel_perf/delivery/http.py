"""OTLP over HTTP: one connection, no redirects, no hidden retries, every end of a request told apart."""

import contextlib
import socket
import ssl
import zlib
from collections.abc import Mapping
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from otel_perf._version import __version__
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
    415: "check the endpoint: the server there does not take OTLP as protobuf",
}

FAILURES: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (NameResolutionError, "the host name cannot be resolved"),
    (ConnectTimeoutError, "connecting timed out"),
    (ReadTimeoutError, "no answer in time"),
    (ProxyError, "the proxy cannot be used"),
    (SSLError, "TLS failed"),
    (ssl.SSLError, "TLS failed"),
)


class HttpTransport:
    """OTLP/HTTP with protobuf to one destination."""

    def __init__(self, destination: "Destination", *, proxy: str | None = None) -> None:
        """Keep the settings; nothing is read or connected before the first request."""
        self._destination = destination
        self._secrets = tuple(destination.headers.values())
        host = urlsplit(destination.url).hostname or ""
        self._proxy = None if answers.is_loopback(host) else proxy
        self._manager: urllib3.PoolManager | None = None
        self._wire = _Wire()
        self._closed = False
        self._headers = {
            "User-Agent": f"OTel-OTLP-Exporter-Python/otel_perf-{__version__}",
            **destination.headers,
            "Content-Type": "application/x-protobuf",
            "Accept-Encoding": "identity",
        }
        if destination.compression == "gzip":
            self._headers["Content-Encoding"] = "gzip"

    def send(self, signal: Signal, body: bytes, timeout_seconds: float) -> Outcome:
        """Send one encoded request; see ``Transport.send``."""
        if self._closed:
            return Retry("the transport is closed")
        payload = _gzip(body) if self._destination.compression == "gzip" else body
        self._wire.begin()
        try:
            response = self._post(payload, timeout_seconds)
        except (HTTPError, HTTPException, OSError) as error:
            return self._broken(error)
        except ValueError as error:  # UnicodeError among them: a header that HTTP cannot carry, a URL that is none
            return Refused(
                f"the request cannot be written ({type(error).__name__})", "http_4xx", "check the headers and endpoint"
            )
        finally:
            self._wire.end()
        return self._verdict(signal, response)

    def on_wire(self) -> bool:
        """Whether bytes of the present request may have left."""
        return self._wire.busy

    def close(self) -> None:
        """Shut the socket down, which wakes the thread that waits for it."""
        self._closed = True
        self._wire.cut()
        if self._manager is not None:
            self._manager.clear()

    def after_fork_in_child(self) -> None:
        """Drop the parent's connection; closing our copy of the descriptor says nothing to the server."""
        self._manager = None
        self._wire = _Wire()
        self._closed = False

    def _post(self, payload: bytes, timeout_seconds: float) -> urllib3.BaseHTTPResponse:
        manager = self._manager
        if manager is None:
            manager = self._manager = self._connect()
        return manager.urlopen(
            "POST",
            self._destination.url,
            redirect=False,
            retries=False,
            body=payload,
            headers=self._headers,
            timeout=urllib3.Timeout(total=timeout_seconds),
            preload_content=False,
            decode_content=False,
        )

    def _connect(self) -> urllib3.PoolManager:
        destination = self._destination
        options: dict[str, Any] = {"num_pools": 1, "maxsize": 1}
        if destination.url.lower().startswith("https:"):
            options["ssl_context"] = context = ssl.create_default_context(
                cafile=None if destination.certificate is None else str(destination.certificate)
            )
            if destination.client_certificate is not None:
                context.load_cert_chain(destination.client_certificate, destination.client_key)
        manager = (
            urllib3.PoolManager(**options)
            if self._proxy is None
            else urllib3.ProxyManager(self._proxy, proxy_headers=_proxy_headers(self._proxy), **options)
        )
        manager.pool_classes_by_scheme = {"http": self._wire.pool, "https": self._wire.secure_pool}
        return manager

    def _broken(self, error: Exception) -> Outcome:
        reason = _describe(error)
        # The next attempt starts from nothing: certificates that were replaced on disk are read again.
        manager, self._manager = self._manager, None
        if manager is not None:
            manager.clear()
        return Uncertain(reason) if self._wire.sent else Retry(reason)

    def _verdict(self, signal: Signal, response: urllib3.BaseHTTPResponse) -> Outcome:
        status = response.status
        body = _read(response)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if 200 <= status < 300:  # noqa: PLR2004 -- the class of success
            return answers.acknowledgement(signal, body, json=kind == "application/json", secrets=self._secrets)
        if 300 <= status < 400:  # noqa: PLR2004 -- the class of redirects
            return Redirected(answers.without_credentials(response.headers.get("Location", "(no Location)")))
        reason = f"HTTP {status}"
        if status in RETRYABLE:
            return Retry(reason, answers.retry_after_seconds(response.headers.get("Retry-After")))
        if status == TOO_LARGE:
            return TooLarge(reason)
        said = (
            ""
            if status in HINTS
            else answers.error_message(body, protobuf=kind == "application/x-protobuf", secrets=self._secrets)
        )
        return Refused(
            f"{reason}: {said}" if said else reason,
            counted_as="http_5xx" if status >= 500 else "http_4xx",  # noqa: PLR2004 -- the class of server errors
            hint=HINTS.get(status, ""),
            divisible=status in {400, 422},
        )


class _Wire:
    """Strictly private: what is known of the connection while a request is under way.

    urllib3 says that a request failed, not how far it had come; so its connections tell this object when they are
    connected and when the whole request is written.
    """

    def __init__(self) -> None:
        self.busy = False
        self.sent = False
        self.socket: socket.socket | None = None
        wire = self

        class Watched:
            sock: socket.socket | None

            def connect(self) -> None:
                super().connect()  # type: ignore[misc]
                wire.connected(self.sock)

            def request(self, *args: Any, **kwargs: Any) -> None:
                wire.connected(self.sock)
                super().request(*args, **kwargs)  # type: ignore[misc]
                wire.sent = True

        class Connection(Watched, HTTPConnection):
            pass

        class SecureConnection(Watched, HTTPSConnection):
            pass

        class Pool(HTTPConnectionPool):
            ConnectionCls = Connection

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = SecureConnection

        self.pool, self.secure_pool = Pool, SecurePool

    def begin(self) -> None:
        self.busy = self.sent = False

    def connected(self, connection: socket.socket | None) -> None:
        self.socket = connection
        self.busy = connection is not None

    def end(self) -> None:
        self.busy = False

    def cut(self) -> None:
        connection = self.socket
        if connection is not None:
            # The plain method: that of an SSL socket would take the session away under the thread that reads from it.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _gzip(body: bytes) -> bytes:
    compressor = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_FORMAT)
    return compressor.compress(body) + compressor.flush()


def _proxy_headers(proxy: str) -> Mapping[str, str]:
    parts = urlsplit(proxy)
    if parts.username is None:
        return {}
    return urllib3.make_headers(proxy_basic_auth=f"{parts.username}:{parts.password or ''}")


def _read(response: urllib3.BaseHTTPResponse) -> bytes:
    """The answer's body, empty when it is too long or breaks off: the status alone decides then."""
    try:
        body = response.read(LARGEST_ANSWER_BYTES + 1)
    except (HTTPError, HTTPException, OSError):
        response.close()
        return b""
    if len(body) > LARGEST_ANSWER_BYTES:
        response.close()
        return b""
    response.release_conn()
    return body


def _describe(error: BaseException) -> str:
    """What went wrong, without the text of the exception, which may name URLs with credentials."""
    chain = _chain(error)
    kind = next((text for type_, text in FAILURES if any(isinstance(link, type_) for link in chain)), "")
    for link in reversed(chain):
        if isinstance(link, ssl.SSLCertVerificationError):
            return f"{kind or 'TLS failed'}: {link.verify_message}"
        if isinstance(link, ssl.SSLError):
            return f"{kind or 'TLS failed'}: {link.reason}"
        if isinstance(link, OSError) and link.strerror and not isinstance(link, socket.gaierror):
            return f"{kind}: {link.strerror}" if kind else link.strerror
    return kind or f"the connection was lost ({type(chain[-1]).__name__})"


def _chain(error: BaseException) -> list[BaseException]:
    chain = [error]
    while len(chain) < 8:  # noqa: PLR2004 -- real chains have three or four links
        last = chain[-1]
        inner = (
            last.__cause__
            or last.__context__
            or next((argument for argument in last.args if isinstance(argument, BaseException)), None)
        )
        if inner is None or inner in chain:
            break
        chain.append(inner)
    return chain
