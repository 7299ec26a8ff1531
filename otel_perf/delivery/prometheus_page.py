"""The metrics page for Prometheus: ``http://127.0.0.1:9464/metrics``.

Loopback unless told otherwise, one path, one second at most, and never a reason for the application to fail: a port
that cannot be had is one warning.
"""

import errno
import ipaddress
import os
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from opentelemetry.sdk.metrics.export import MetricsData

from otel_perf.core import clock
from otel_perf.core.guard import guard, logger
from otel_perf.delivery.prometheus_listener import Answer, Listener
from otel_perf.delivery.prometheus_refresh import CollectedPage, Refresher
from otel_perf.delivery.prometheus_request import Gate, Scrape

__all__ = ["PageStatus", "PrometheusPage"]

DEFAULT_PORT: Final = 9464
"""The port that OpenTelemetry's Prometheus exporters use."""

NEXT_PORTS: Final = 32
"""How many ports after the parent's a forked child tries."""

BACKLOG: Final = 128
LAST_PORT: Final = 65_535

REASONS: Final = {
    errno.EADDRINUSE: "it is in use by another program; choose another port, or 0 for any that is free",
    errno.EACCES: "this user may not open it (ports below 1024 are privileged)",
    errno.EADDRNOTAVAIL: "this machine has no such address",
}


class PageRefusedError(Exception):
    """The page cannot be opened; the message says why."""


@dataclass(frozen=True, slots=True)
class PageStatus:
    """What ``status()`` says of the page.

    Attributes:
        url: Where it is; ``None`` when it is not open.
        problem: Why it could not be opened; ``None`` when it could, or was not started.
        answered: Responses so far, refusals of requests included.
        refused: Connections closed without a response, for want of room or patience.
        age_seconds: Age of the last values that were collected; ``None`` before the first scrape.
        stale: Instruments whose callback has not returned, and the age of their values in seconds.
    """

    url: str | None
    problem: str | None
    answered: int
    refused: int
    age_seconds: float | None
    stale: Mapping[str, float]


class PrometheusPage:
    """A listener, the values behind it, and their life."""

    def __init__(
        self,
        source: Callable[[], MetricsData],
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        *,
        token: str | None = None,
        allowed_hosts: Iterable[str] = (),
        stale: Callable[[], Mapping[str, float]] = dict,
    ) -> None:
        """Describe the page; ``start()`` opens it.

        Args:
            source: Collects cumulative metrics; called on a thread of the page.
            host: ``localhost`` or an address of this machine. Names are not looked up: that could take seconds.
            port: 0 takes any free port.
            token: What a request has to bring as ``Authorization: Bearer``; needed for any address but the loopback's.
            allowed_hosts: More names under which the page may be asked for.
            stale: Instruments whose values are old, and how old in seconds.
        """
        self._host = "127.0.0.1" if host.lower() == "localhost" else host.removeprefix("[").removesuffix("]")
        self._port = port
        self._token = token
        self._gate = Gate(allowed_hosts, token)
        self._refresher = Refresher(source, stale, self._wake)
        self._listener: Listener | None = None
        self._url: str | None = None
        self._problem: str | None = None
        self._retired = False
        self._before = (0, 0)

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> bool:
        """Open the page; when that is not possible, say so in one warning. Never raises, never waits."""
        return self._open(range(1))

    def _open(self, offsets: Iterable[int]) -> bool:
        if self._listener is not None:
            return True
        try:
            sock = self._bind(offsets)
        except PageRefusedError as refusal:
            self._problem = str(refusal)
            logger.warning("otel_perf: no metrics page at %s: %s", self._shown(self._port), refusal)
            return False
        self._url = f"http://{self._shown(sock.getsockname()[1])}/metrics"
        self._problem, self._retired = None, False
        listener = Listener(sock, self._gate, self._refresher.ask, self._respond)
        self._listener = listener
        if guard.call("prometheus.start", self._start_threads, listener) is None:
            self._listener, self._url, self._problem = None, None, "its threads could not be started"
            listener.abandon()
            self._refresher.close(0.0)
            self._refresher.forget()
            return False
        logger.info("otel_perf: metrics page at %s", self._url)
        return True

    def _start_threads(self, listener: Listener) -> bool:
        self._refresher.start()
        listener.start()
        return True

    def retire(self) -> None:
        """Answer every scrape with 503 from now on: the process is shutting down."""
        self._retired = True
        self._wake()

    def close(self, timeout_seconds: float = 1.0) -> None:
        """Close the page and end its threads. Safe without ``start()``, and twice."""
        self.retire()
        listener, self._listener, self._url = self._listener, None, None
        if listener is None:
            return
        end_ns = clock.monotonic_ns() + int(timeout_seconds * 1e9)
        listener.close(timeout_seconds)
        self._before = (self._before[0] + listener.answered, self._before[1] + listener.refused)
        self._refresher.close(max(0.0, (end_ns - clock.monotonic_ns()) / 1e9))
        self._refresher.forget()

    def after_fork_in_child(self, *, restart: bool) -> None:
        """Let go of the parent's sockets; the parent goes on serving them.

        Args:
            restart: Open a page of the child's own, at the first free port after the parent's.
        """
        listener, self._listener, self._url = self._listener, None, None
        self._refresher.forget()
        self._before = (0, 0)
        if listener is None:
            return
        listener.abandon()
        if restart and not self._retired:
            self._open(range(NEXT_PORTS + 1) if self._port else range(1))

    # -- the socket ----------------------------------------------------------------------------------------------

    def _bind(self, offsets: Iterable[int]) -> socket.socket:
        try:
            address = ipaddress.ip_address(self._host)
        except ValueError:
            raise PageRefusedError("the host has to be localhost or an IP address") from None
        if not 0 <= self._port <= LAST_PORT:
            raise PageRefusedError("a port is a number from 0 to 65535")
        if not address.is_loopback and not self._token:
            raise PageRefusedError("an address that others can reach needs a token")
        failure: OSError | None = None
        for port in (self._port + offset for offset in offsets):
            try:
                return _listen(str(address), port, ipv6=address.version == 6)  # noqa: PLR2004 - the version's name
            except OSError as error:
                failure = error
                if error.errno != errno.EADDRINUSE:
                    break
        text = "no port was tried" if failure is None else REASONS.get(failure.errno or 0) or failure.strerror
        raise PageRefusedError(text) from failure

    def _shown(self, port: int) -> str:
        return f"[{self._host}]:{port}" if ":" in self._host else f"{self._host}:{port}"

    # -- answers -------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        listener = self._listener
        if listener is not None:
            listener.wake()

    def _respond(self, scrape: Scrape, arrived_ns: int, last_chance: bool) -> Answer | None:  # noqa: FBT001 - a callback
        if self._retired:
            return Answer("503 Service Unavailable", body=b"shutting down\n")
        page = self._refresher.page
        fresh = page is not None and page.collected_ns >= arrived_ns
        if not fresh and not last_chance:
            return None
        if page is None:
            return Answer("503 Service Unavailable", "Retry-After: 1\r\n", b"no values have been collected yet\n")
        return Answer("200 OK", _age_headers(page, fresh=fresh), page.body(scrape.content_type), scrape.content_type)

    # -- status --------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str | None:
        """Where the page is, with the real port; ``None`` when it is not open."""
        return self._url

    def status(self) -> PageStatus:
        """A snapshot."""
        page, listener = self._refresher.page, self._listener
        answered, refused = self._before
        return PageStatus(
            url=self._url,
            problem=self._problem,
            answered=answered + (0 if listener is None else listener.answered),
            refused=refused + (0 if listener is None else listener.refused),
            age_seconds=None if page is None else (clock.monotonic_ns() - page.collected_ns) / 1e9,
            stale={} if page is None else dict(page.stale),
        )


def _listen(host: str, port: int, *, ipv6: bool) -> socket.socket:
    if port > LAST_PORT:
        raise OSError(errno.EADDRINUSE, "no port is left")
    sock = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere this would let two programs share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if ipv6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _age_headers(page: CollectedPage, *, fresh: bool) -> str:
    """``Age`` of values that are older than the scrape, and the instruments whose own values are older still."""
    lines = []
    if not fresh:
        age = (clock.monotonic_ns() - page.collected_ns) / 1e9
        lines += [f"Age: {age:.0f}\r\n", f"X-Otel-Perf-Age-Seconds: {age:.3f}\r\n"]
    if page.stale:
        named = ", ".join(f"{_header_text(name)}={age:.1f}" for name, age in page.stale.items())
        lines.append(f"X-Otel-Perf-Stale: {named[:1024]}\r\n")
    return "".join(lines)


def _header_text(text: str) -> str:
    return "".join(character if character.isprintable() and character.isascii() else "?" for character in text)
