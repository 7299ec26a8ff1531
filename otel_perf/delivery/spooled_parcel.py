"""A request that waits on disk, on its way to be sent."""

from typing import Literal

from otel_perf.delivery.shelf import Entry

__all__ = ["SpooledParcel"]


class SpooledParcel:
    """What the sender carries; it stays on disk until the destination has answered.

    Attributes:
        items: How many spans or metric points it holds.
        state: Where the ledger has them.
        part: Whether it is a part of a request that was divided.
        adopted: Whether an earlier process left it.
        entry: Where it is stored; belongs to the spool.
    """

    state: Literal["spooled"] = "spooled"

    def __init__(self, entry: Entry, body: bytes) -> None:
        """Keep both."""
        self.entry = entry
        self.items = entry.name.items
        self.part = bool(entry.name.parts)
        self.adopted = entry.adopted
        self._body = body

    def body(self) -> bytes:
        """The request as it was stored."""
        return self._body

    def halves(self) -> None:
        """Divided on disk, by the spool."""
        return
