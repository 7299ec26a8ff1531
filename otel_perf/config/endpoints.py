"""Addresses of OTLP receivers: what is one, and what it becomes for a signal and a protocol."""

import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

from otel_perf.config.rules import Refused

__all__ = ["GRPC_PORT", "check", "for_signal", "grpc_target", "masked", "shows_secret"]

SCHEMES = ("http", "https")

GRPC_PORT = 4317
"""Of plain-text OTLP/gRPC when the address names none (OTLP specification); with TLS it is 443, as everywhere."""

BARE = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")
"""``host:port``, which gRPC takes without a scheme."""

SECRET_PARAMETER = re.compile(r"key|token|secret|passw|pwd|auth|sig|cred|jwt|session", re.IGNORECASE)
"""Names of query parameters that carry credentials; others, such as ``api-version`` or ``region``, may stay."""


def check(address: str) -> str:
    """The address, when something could be sent there.

    Raises:
        Refused: It has no http(s) scheme, no host or no such port, or it holds a credential.
    """
    if any(mark.isspace() or not mark.isprintable() for mark in address):
        raise Refused("is no address: it holds white space or a control character")
    if "@" in address:
        raise Refused("holds a credential; put it into the headers")
    if BARE.fullmatch(address):
        address_with_scheme = f"http://{address}"
    elif address.lower().startswith(("http://", "https://")):
        address_with_scheme = address
    else:
        raise Refused("must begin with http:// or https://")
    _check_parts(address_with_scheme)
    return address


def _check_parts(address: str) -> None:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise Refused("has no valid host and port (1 to 65535)") from None
    if not parts.hostname or port == 0:
        raise Refused("has no valid host and port (1 to 65535)")
    if parts.fragment:
        raise Refused("must not have a part behind #")
    if any(SECRET_PARAMETER.search(pair.partition("=")[0]) for pair in parts.query.split("&")):
        raise Refused("holds a credential; put it into the headers")


def for_signal(address: str, protocol: str, path: str | None) -> str:
    """The complete address for one signal.

    Args:
        address: One that ``check`` let through.
        protocol: ``http/protobuf`` or ``grpc``.
        path: What the specification appends to a general http address, ``v1/traces``; None keeps the address.
            A base that ends with such a path already, a frequent slip, is not given a second one.

    Raises:
        Refused: It has no scheme, and the protocol needs one.
    """
    if protocol == "grpc":
        return address
    if "://" not in address:
        raise Refused("needs http:// or https:// in front, since the protocol is http/protobuf")
    parts = urlsplit(address)
    if path is None:
        return urlunsplit(parts._replace(path=parts.path or "/"))
    base = re.sub(r"/v1/(traces|metrics|logs)/?$", "", parts.path).rstrip("/")
    return urlunsplit(parts._replace(path=f"{base}/{path}"))


def grpc_target(address: str) -> tuple[str, bool | None]:
    """``host:port`` for a gRPC channel, and whether the scheme asks for plain text (None: it has no scheme)."""
    if "://" not in address:
        return address, None
    parts = urlsplit(address)
    plain = parts.scheme == "http"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port or (GRPC_PORT if plain else 443)}", plain


def masked(address: str) -> str:
    """The address for people: the values of its query are left out."""
    parts = urlsplit(address)
    query = "&".join(f"{pair.partition('=')[0]}=****" for pair in parts.query.split("&") if pair)
    return urlunsplit(SplitResult(parts.scheme, parts.netloc, parts.path, query, ""))


def shows_secret(text: str) -> bool:
    """Whether a refused address may hold a credential, so that it must not be repeated in a message."""
    return any(mark in text for mark in "@?#") or "%40" in text
