"""OTLP over gRPC on a raw channel: status details are readable, and the request is the bytes that we encoded."""

import re
import socket
import threading
from typing import TYPE_CHECKING, Any, Final

import grpc
from google.protobuf.message import DecodeError

from otel_perf._version import __version__
from otel_perf.core import clock
from otel_perf.delivery import answers
from otel_perf.delivery.transport import Outcome, Refused, Retry, Signal, TooLarge, Uncertain

if TYPE_CHECKING:
    from otel_perf.config.destinations import Destination

__all__ = ["GrpcTransport"]

METHODS: Final[dict[Signal, str]] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}

STATUS_DETAILS: Final = "grpc-status-details-bin"

Code: Final = grpc.StatusCode

RETRYABLE: Final = frozenset(
    {Code.CANCELLED, Code.DEADLINE_EXCEEDED, Code.ABORTED, Code.OUT_OF_RANGE, Code.UNAVAILABLE, Code.DATA_LOSS}
)
CALLERS_FAULT: Final = frozenset(
    {
        Code.INVALID_ARGUMENT,
        Code.NOT_FOUND,
        Code.ALREADY_EXISTS,
        Code.PERMISSION_DENIED,
        Code.FAILED_PRECONDITION,
        Code.UNAUTHENTICATED,
        Code.RESOURCE_EXHAUSTED,
    }
)
"""Codes that google.rpc.code maps to HTTP 4xx; all others count as 5xx."""

HINTS: Final = {
    Code.UNAUTHENTICATED: "check the headers setting: the credentials are missing or not accepted",
    Code.PERMISSION_DENIED: "check the headers setting: the credentials do not allow sending here",
    Code.UNIMPLEMENTED: "check the endpoint and the protocol: the server there has no OTLP receiver for this signal",
}

BROKEN_STREAM: Final = ("socket closed", "connection reset", "broken pipe", "stream removed", "goaway", "recvmsg")
"""Words by which gRPC says that a stream broke after it had begun; a failed connection is told in others."""

LARGEST_ANSWER_BYTES: Final = 64 * 1024
RECONNECT_AFTER_MS: Final = (500, 4_000)
"""First and longest pause between gRPC's own attempts to connect; its default grows to two minutes."""
KEEPALIVE_MS: Final = (30_000, 10_000)
"""A connection that is in use and silent for 30 s is asked for a sign of life, and given 10 s for it."""

# gRPC writes a complaint to standard error about any other header, so it never gets to see one.
_SENDABLE_KEY: Final = re.compile(r"[0-9a-z_.-]+(?<!-bin)").fullmatch
_SENDABLE_VALUE: Final = re.compile(r"[\x20-\x7e]*").fullmatch

UNSENDABLE: Final = Refused(
    "the request cannot be written", "http_4xx", "check the headers, the endpoint and the TLS files"
)

_abandoned: Final[list[grpc.Channel]] = []
"""Channels of a parent process. The child must neither use nor close them, so they are never collected."""


class GrpcTransport:
    """OTLP/gRPC to one destination.

    After a fork the child makes a channel of its own. gRPC's threads of the parent do not exist in the child.
    """

    def __init__(self, destination: "Destination", *, proxy: str | None = None) -> None:
        """Keep the settings; nothing is read or connected before the first request."""
        self._destination = destination
        self._secrets = tuple(destination.headers.values())
        self._metadata = tuple((name.lower(), value) for name, value in destination.headers.items())
        self._sendable = all(_SENDABLE_KEY(name) and _SENDABLE_VALUE(value) for name, value in self._metadata)
        host = destination.url.rpartition(":")[0] or destination.url
        self._proxy = None if answers.is_loopback(host) else proxy
        compressed = destination.compression == "gzip"
        self._compression = grpc.Compression.Gzip if compressed else grpc.Compression.NoCompression
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._channel: grpc.Channel | None = None
        self._methods: dict[Signal, Any] = {}
        self._under_way: Any = None
        self._reached = self._closed = False

    def send(self, signal: Signal, body: bytes, timeout_seconds: float) -> Outcome:
        """Send one encoded request; see ``Transport.send``."""
        if not self._sendable:
            return UNSENDABLE
        deadline_ns = clock.monotonic_ns() + int(timeout_seconds * 1e9)
        try:
            if not self._reached and self._proxy is None:
                self._knock(timeout_seconds)
            return self._call(signal, body, (deadline_ns - clock.monotonic_ns()) / 1e9)
        except OSError as error:
            return Retry(answers.describe(error))
        except (ValueError, TypeError):  # a target that is none, a certificate that is none
            return UNSENDABLE

    def _knock(self, seconds: float) -> None:
        """Connect and hang up: ``OSError`` when nobody is there.

        gRPC makes a call wait for the connection unseen, so that nobody could say whether the call was sent; it does
        not try again for up to 4 s after a failure; and its reasons are long.
        """
        host, _, port = self._destination.url.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=seconds).close()

    def _call(self, signal: Signal, body: bytes, seconds: float) -> Outcome:
        with self._lock:
            if self._closed:
                return Retry("the transport is closed")
            call = self._under_way = self._method(signal).future(
                body, timeout=max(0.0, seconds), metadata=self._metadata, compression=self._compression
            )
        try:
            answer = call.result()
        except grpc.FutureCancelledError:
            return Uncertain("the request was cut off")
        except grpc.RpcError as error:
            self._reached = error.code() is not Code.UNAVAILABLE
            return self._verdict(error)
        finally:
            self._under_way = None
        self._reached = True
        return answers.acknowledgement(signal, answer, json=False, secrets=self._secrets)

    def on_wire(self) -> bool:
        """Whether a request is under way on a connection: gRPC does not say how far it has come."""
        return self._under_way is not None

    def close(self) -> None:
        """Cancel the request and close the channel."""
        with self._lock:
            self._closed = True
            call, channel = self._under_way, self._channel
            self._channel = None
            self._methods = {}
        if call is not None:
            call.cancel()
        if channel is not None:
            channel.close()

    def after_fork_in_child(self) -> None:
        """Leave the parent's channel alone and start without one."""
        if self._channel is not None:
            _abandoned.append(self._channel)
        self._reset()

    def _method(self, signal: Signal) -> Any:
        method = self._methods.get(signal)
        if method is None:
            if self._channel is None:
                self._channel = self._connect()
            method = self._methods[signal] = self._channel.unary_unary(
                METHODS[signal], request_serializer=None, response_deserializer=None
            )
        return method

    def _connect(self) -> grpc.Channel:
        first, longest = RECONNECT_AFTER_MS
        options: list[tuple[str, Any]] = [
            ("grpc.primary_user_agent", f"OTel-OTLP-Exporter-Python/otel_perf-{__version__}"),
            ("grpc.enable_retries", 0),
            ("grpc.max_receive_message_length", LARGEST_ANSWER_BYTES),
            ("grpc.initial_reconnect_backoff_ms", first),
            ("grpc.min_reconnect_backoff_ms", first),
            ("grpc.max_reconnect_backoff_ms", longest),
            ("grpc.keepalive_time_ms", KEEPALIVE_MS[0]),
            ("grpc.keepalive_timeout_ms", KEEPALIVE_MS[1]),
            # A pool of its own for each channel: two destinations must not share a connection's fate.
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.enable_http_proxy", int(self._proxy is not None)),
        ]
        if self._proxy is not None:
            options.append(("grpc.http_proxy", self._proxy))
        destination = self._destination
        if destination.insecure:
            return grpc.insecure_channel(destination.url, options)
        files = (destination.certificate, destination.client_key, destination.client_certificate)
        root, key, chain = (None if path is None else path.read_bytes() for path in files)
        return grpc.secure_channel(destination.url, grpc.ssl_channel_credentials(root, key, chain), options)

    def _verdict(self, error: Any) -> Outcome:
        code: grpc.StatusCode = error.code()
        details: str = error.details() or ""
        lower = details.lower()
        reason = f"gRPC {code.name}"
        if code in HINTS:
            return Refused(reason, _class_of(code), HINTS[code])
        said = answers.masked(details, self._secrets)
        after = _retry_info(error)
        if code is Code.DEADLINE_EXCEEDED:
            # Ours, and the server may be at work on the request; or the server's own, and that says no more.
            return Uncertain(f"{reason}: no answer in time")
        if code is Code.UNAVAILABLE and after is None and any(word in lower for word in BROKEN_STREAM):
            return Uncertain(f"{reason}: the connection was lost")
        if code in RETRYABLE or (code is Code.RESOURCE_EXHAUSTED and after is not None):
            return Retry(f"{reason}: {said}", after)
        if code is Code.RESOURCE_EXHAUSTED and "message" in lower and "larger than max" in lower:
            return TooLarge(f"{reason}: {said}")
        return Refused(f"{reason}: {said}", _class_of(code), divisible=code is Code.INVALID_ARGUMENT)


def _class_of(code: grpc.StatusCode) -> str:
    return "http_4xx" if code in CALLERS_FAULT else "http_5xx"


def _retry_info(error: Any) -> float | None:
    """Seconds of the ``RetryInfo`` in the status details, between 0 and 300; ``None`` when there is none."""
    details = next((value for name, value in error.trailing_metadata() or () if name == STATUS_DETAILS), None)
    if details is None:
        return None
    # 25 ms, and errors are rare.
    from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # noqa: PLC0415
    from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        status = Status.FromString(details)
        for detail in status.details:
            info = RetryInfo()
            if detail.Unpack(info):
                seconds: float = info.retry_delay.seconds + info.retry_delay.nanos / 1e9
                return min(max(0.0, seconds), answers.LONGEST_PAUSE_SECONDS)
    except DecodeError:
        return None
    return None
