"""What a request to the metrics page may be: ``GET`` or ``HEAD`` of ``/metrics``, for a host that is ours.

The host is checked because a web page can make a browser call any name that points to the loopback (DNS rebinding).
"""

import hmac
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from otel_perf.delivery.prometheus_text import OPENMETRICS, TEXT

__all__ = ["REQUEST_LIMIT", "Gate", "Refusal", "Scrape", "host_of"]

REQUEST_LIMIT: Final = 8192
"""Longest request head, in bytes; Prometheus sends about 400."""

LOOPBACK_NAMES: Final = frozenset(("localhost", "127.0.0.1", "::1"))


class Scrape(NamedTuple):
    """A request to be answered with the page."""

    content_type: str
    head_only: bool


class Refusal(NamedTuple):
    """A request that is not; headers are written out, each with its line end."""

    status: str
    headers: str = ""


BAD_REQUEST: Final = Refusal("400 Bad Request")


def host_of(header: str) -> str:
    """The host of a ``Host`` header or authority, without port and brackets, in lower case."""
    header = header.strip().lower()
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].removesuffix(".")


class Gate:
    """Decides on requests."""

    def __init__(self, allowed_hosts: Iterable[str] = (), token: str | None = None) -> None:
        """Take what is allowed.

        Args:
            allowed_hosts: Host names beside the loopback's and the address that a connection arrived at.
            token: When given, every request has to bring it as ``Authorization: Bearer``.
        """
        self._hosts = LOOPBACK_NAMES | {host_of(host) for host in allowed_hosts}
        self._token = None if token is None else token.encode()

    def judge(self, head: bytes, local_address: str) -> Scrape | Refusal:
        """Decide on the head of a request, everything before the empty line.

        Args:
            head: As received.
            local_address: The address that the connection arrived at: nobody can make a name of it.
        """
        lines = head.decode("latin-1").split("\r\n")
        request = lines[0].split(" ")
        headers = _headers(lines[1:])
        if len(request) != 3 or not request[2].startswith("HTTP/1.") or headers is None:  # noqa: PLR2004 - RFC 9112
            return BAD_REQUEST
        refusal = self._strange(headers, local_address) or _elsewhere(request[0], request[1])
        return refusal or Scrape(_preferred_format(headers.get("accept", "")), request[0] == "HEAD")

    def _strange(self, headers: Mapping[str, str], local_address: str) -> Refusal | None:
        """Whether the request comes from somebody who should not see the page."""
        host = headers.get("host")
        if not host:
            return BAD_REQUEST
        allowed = {*self._hosts, local_address.lower()}
        origin = headers.get("origin")
        if host_of(host) not in allowed or (origin is not None and _origin_host(origin) not in allowed):
            return Refusal("403 Forbidden")
        if self._token is not None and not self._knows_token(headers.get("authorization", "")):
            return Refusal("401 Unauthorized", "WWW-Authenticate: Bearer\r\n")
        return None

    def _knows_token(self, authorization: str) -> bool:
        scheme, _, offered = authorization.partition(" ")
        known = hmac.compare_digest(offered.strip().encode("latin-1", "replace"), self._token or b"")
        return known and scheme.lower() == "bearer"


def _headers(lines: Iterable[str]) -> dict[str, str] | None:
    """Headers by lower-case name; ``None`` for what no honest client sends."""
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or name != name.strip() or (name == "host" and name in headers):
            return None
        headers[name] = f"{headers[name]},{value.strip()}" if name in headers else value.strip()
    return headers


def _elsewhere(method: str, target: str) -> Refusal | None:
    if target.partition("?")[0] != "/metrics":
        return Refusal("404 Not Found")
    if method not in {"GET", "HEAD"}:
        return Refusal("405 Method Not Allowed", "Allow: GET, HEAD\r\n")
    return None


def _origin_host(origin: str) -> str:
    return host_of(origin.partition("://")[2])


def _preferred_format(accept: str) -> str:
    """OpenMetrics for whoever asks for it and likes it as much as plain text; plain text for all others."""
    openmetrics = text = 0.0
    for choice in accept.split(","):
        media, *parameters = (part.strip().lower() for part in choice.split(";"))
        given = dict(parameter.partition("=")[::2] for parameter in parameters)
        quality = _quality(given.get("q", "1"))
        if media == "application/openmetrics-text" and given.get("version", "1.0.0") == "1.0.0":
            openmetrics = max(openmetrics, quality)
        elif media == "text/plain":
            text = max(text, quality)
    return OPENMETRICS if openmetrics > 0 and openmetrics >= text else TEXT


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
