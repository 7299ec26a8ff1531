"""Parcels onto the wire: a transport and its signal."""

from otel_perf.core.guard import guard
from otel_perf.delivery.parcels import Parcel
from otel_perf.delivery.transport import Outcome, Refused, Signal, Transport

__all__ = ["WireCarrier"]


class WireCarrier:
    """Sends the encoded request of each parcel through a transport."""

    def __init__(self, transport: Transport, signal: Signal) -> None:
        """Send ``signal`` through ``transport``, which belongs to this carrier from now on."""
        self._transport = transport
        self._signal: Signal = signal

    def carry(self, parcel: Parcel, timeout_seconds: float) -> Outcome:
        """Build the request and send it; a parcel that cannot be encoded is divided to find the item at fault."""
        body = guard.call("delivery.encode", parcel.body)
        if body is None:
            return Refused("a request cannot be encoded", "encode_error", divisible=True)
        return self._transport.send(self._signal, body, timeout_seconds)

    def on_wire(self) -> bool:
        """Whether the request under way may have reached the destination."""
        return self._transport.on_wire()

    def close(self) -> None:
        """Cut the request under way and give the connection up."""
        self._transport.close()

    def after_fork_in_child(self) -> None:
        """Forget the parent's connection."""
        self._transport.after_fork_in_child()
