"""The vocabulary of sending: what a transport does, and every way that one request can end.

The verdicts follow the OTLP specification: HTTP 429, 502, 503, 504 and a connection that could not be made may be
tried again, as may the gRPC codes CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS, and
RESOURCE_EXHAUSTED when the server says when. Everything else is final.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from otel_perf.config.destinations import Destination

__all__ = [
    "Delivered",
    "Outcome",
    "Redirected",
    "Refused",
    "Retry",
    "Signal",
    "TooLarge",
    "Transport",
    "Uncertain",
    "open_transport",
]

Signal: TypeAlias = Literal["traces", "metrics", "logs"]


@dataclass(frozen=True, slots=True)
class Delivered:
    """The destination acknowledged the request.

    Attributes:
        rejected_items: Items that it did not take all the same (OTLP ``partial_success``); these are not exported.
        message: What it said about them, safe to log.
    """

    rejected_items: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """Nothing was stored, and the same request may succeed later.

    Attributes:
        reason: Safe to log.
        after_seconds: The destination's own wish: no attempt before that many seconds. At most 300.
    """

    reason: str
    after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The destination will not take this request, today or tomorrow.

    Attributes:
        reason: Safe to log.
        counted_as: The ledger's reason.
        hint: What the user can do about it; empty when there is nothing to say.
        divisible: A single bad item may be the cause, so that a part of the request may be accepted.
    """

    reason: str
    counted_as: str
    hint: str = ""
    divisible: bool = False


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The request is above a size limit on the way; a smaller one may pass."""

    reason: str


@dataclass(frozen=True, slots=True)
class Redirected:
    """The endpoint points elsewhere. Nothing is followed: the configuration has to name the right address."""

    location: str


@dataclass(frozen=True, slots=True)
class Uncertain:
    """The request went out whole and its answer was lost, so that the destination may or may not have stored it.

    Such a request is tried again like ``Retry``: its items arrive at least once, and at most this one batch twice.
    They are counted as ``uncertain`` only when the process ends before an attempt was answered.
    """

    reason: str


Outcome: TypeAlias = Delivered | Retry | Refused | TooLarge | Redirected | Uncertain


class Transport(Protocol):
    """Sends encoded requests to one destination, one at a time, from one thread."""

    def send(self, signal: Signal, body: bytes, timeout_seconds: float) -> Outcome:
        """Send one encoded ``Export*ServiceRequest`` and wait for the verdict; raises nothing foreseeable."""
        ...

    def on_wire(self) -> bool:
        """Whether the request that is under way may have reached the destination (any thread may ask)."""
        ...

    def close(self) -> None:
        """Cut the request that is under way and give the connection up (any thread may call it; final)."""
        ...

    def after_fork_in_child(self) -> None:
        """Forget the parent's connection without a word to the other side."""
        ...


def open_transport(destination: "Destination", *, proxy: str | None = None) -> Transport:
    """The transport of ``destination``: OTLP over HTTP or gRPC. Nothing is connected before the first request.

    Args:
        destination: Where to, and by which protocol.
        proxy: URL of an HTTP proxy; not used for loopback addresses.
    """
    # Imported where they are used: ssl and http.client take 20 ms, grpc 40 to 100 ms.
    if destination.protocol == "grpc":
        from otel_perf.delivery.grpc_transport import GrpcTransport  # noqa: PLC0415

        return GrpcTransport(destination, proxy=proxy)
    from otel_perf.delivery.http import HttpTransport  # noqa: PLC0415

    return HttpTransport(destination, proxy=proxy)
