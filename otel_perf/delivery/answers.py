"""Reading what a destination says: acknowledgements, error messages, wishes to wait, redirects.

Nothing here trusts the other side: sizes are bounded, control characters escaped, the destination's own headers
masked, because a server may echo a credential.
"""

import socket
import ssl
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from otel_perf.core import clock
from otel_perf.core.background_import import background_import
from otel_perf.delivery.transport import Delivered, Signal

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = [
    "LONGEST_PAUSE_SECONDS",
    "acknowledgement",
    "describe",
    "error_message",
    "is_loopback",
    "masked",
    "retry_after_seconds",
    "without_credentials",
]

LONGEST_PAUSE_SECONDS: Final = 300.0
"""A destination's wish to wait is followed up to here (a slip of the other side must not silence us for hours)."""

SHOWN_CHARACTERS: Final = 200
SHORTEST_SECRET: Final = 4

_RESPONSES: Final[dict[Signal, tuple[str, str, str]]] = {
    "traces": ("trace.v1.trace_service_pb2", "ExportTraceServiceResponse", "rejected_spans"),
    "metrics": ("metrics.v1.metrics_service_pb2", "ExportMetricsServiceResponse", "rejected_data_points"),
    "logs": ("logs.v1.logs_service_pb2", "ExportLogsServiceResponse", "rejected_log_records"),
}


def acknowledgement(signal: Signal, body: bytes, *, json: bool, secrets: Iterable[str]) -> Delivered:
    """What an answer with a status of success says: all was taken, or some items were not.

    A body that is not an OTLP answer does not turn a success into a failure.
    """
    if not body:
        return Delivered()
    module, name, field = _RESPONSES[signal]
    with background_import():
        message: Any = getattr(import_module(f"opentelemetry.proto.collector.{module}"), name)()
    if not _parse(message, body, json=json):
        return Delivered()
    partial = message.partial_success
    rejected = max(0, int(getattr(partial, field)))
    return Delivered(rejected, masked(partial.error_message, secrets))


def error_message(body: bytes, *, protobuf: bool, secrets: Iterable[str]) -> str:
    """What an error answer says in words: its ``google.rpc.Status``, or its text."""
    if not body:
        return ""
    if not protobuf:
        return masked(body[: 4 * SHOWN_CHARACTERS].decode("utf-8", "replace"), secrets)
    # 25 ms, and errors are rare.
    from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # noqa: PLC0415

    status = Status()
    return masked(status.message, secrets) if _parse(status, body, json=False) else ""


def _parse(message: "Message", body: bytes, *, json: bool) -> bool:
    from google.protobuf.message import DecodeError  # noqa: PLC0415 -- most answers are empty

    try:
        if json:
            with background_import():
                from google.protobuf.json_format import Parse, ParseError  # noqa: PLC0415 -- rare

            try:
                Parse(body, message, ignore_unknown_fields=True)
            except (ParseError, UnicodeDecodeError):
                return False
        else:
            message.ParseFromString(body)
    except DecodeError:
        return False
    return True


def retry_after_seconds(value: str | None) -> float | None:
    """Seconds asked for by a ``Retry-After`` header (a number or an HTTP date), between 0 and 300; else ``None``."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), LONGEST_PAUSE_SECONDS)
    try:
        moment = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return min(max(0.0, moment - clock.wall_ns() / 1e9), LONGEST_PAUSE_SECONDS)


def masked(text: str, secrets: Iterable[str]) -> str:
    """A foreign text made safe to log: the parts of ``secrets`` masked, controls escaped, at most 200 characters."""
    for secret in secrets:
        for part in {secret, *secret.split()}:
            if len(part) >= SHORTEST_SECRET:
                text = text.replace(part, "***")
    text = text[:SHOWN_CHARACTERS]
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def without_credentials(url: str) -> str:
    """``url`` without user, password, query and fragment, all of which may hold secrets."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "(not a URL)"
    return masked(urlunsplit((parts.scheme, host, parts.path, "", "")), ())


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine, which no proxy can reach on our behalf."""
    name = host.strip("[]").rstrip(".").lower()
    return name in {"localhost", "::1"} or name.endswith(".localhost") or name.startswith("127.")


def describe(error: Exception) -> str:
    """What went wrong, without the text of the exception, which may name what is secret."""
    if isinstance(error, socket.gaierror):
        return "the host name cannot be resolved"
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS failed: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or type(error).__name__}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return f"the connection was lost ({type(error).__name__})"
