"""What a sender carries: a request's worth of items, which can be halved when the whole does not get through."""

from collections.abc import Callable, Sequence
from typing import Generic, Literal, Protocol, Self, TypeAlias, TypeVar

from otel_perf.delivery.span_request import EncodedSpan, build_request

__all__ = ["BodyParcel", "ItemParcel", "Parcel", "SpanParcel"]

T = TypeVar("T")

Whereabouts: TypeAlias = Literal["in_flight", "spooled"]


class Parcel(Protocol):
    """One request's worth of items.

    Attributes:
        items: How many spans or metric points it holds.
        state: Where the ledger has them: taken from the queue (``in_flight``), or still on disk (``spooled``).
    """

    items: int
    state: Whereabouts

    def body(self) -> bytes:
        """The encoded request."""
        ...

    def halves(self) -> "tuple[Parcel, Parcel] | None":
        """Two parcels of half the items, oldest first; ``None`` for a single item, or when it cannot be told apart."""
        ...


class ItemParcel(Generic[T]):
    """A parcel of separate items."""

    state: Whereabouts = "in_flight"

    def __init__(self, contents: Sequence[T]) -> None:
        """Keep the items, oldest first."""
        self.contents = contents
        self.items = len(contents)

    def body(self) -> bytes:
        """Items of a user's exporter have no wire form."""
        raise TypeError("this parcel is not for the wire")

    def halves(self) -> tuple[Self, Self] | None:
        """Two parcels of half the items; ``None`` for a single item."""
        middle = self.items // 2
        if middle == 0:
            return None
        return type(self)(self.contents[:middle]), type(self)(self.contents[middle:])


class SpanParcel(ItemParcel[EncodedSpan]):
    """Encoded spans; the request is built once, and kept for further attempts."""

    def __init__(
        self, contents: Sequence[EncodedSpan], build: Callable[[Sequence[EncodedSpan]], bytes] = build_request
    ) -> None:
        """Keep the spans, oldest first."""
        super().__init__(contents)
        self._build = build
        self._body: bytes | None = None

    def body(self) -> bytes:
        """An ``ExportTraceServiceRequest``."""
        if self._body is None:
            self._body = self._build(self.contents)
        return self._body


class BodyParcel:
    """A request that came encoded, such as one snapshot of all metrics."""

    state: Whereabouts = "in_flight"

    def __init__(self, body: bytes, items: int) -> None:
        """Keep the encoded request and the number of its items."""
        self._body = body
        self.items = items

    def body(self) -> bytes:
        """The request as it came."""
        return self._body

    def halves(self) -> None:
        """Not divisible."""
        return
