"""The ledger: what became of every call, exactly.

``calls = span_recorded + sampled_out + disabled``, and for each destination
``accepted = exported + rejected + dropped + tail_sampled + queued + in_flight + spooled + uncertain``,
where ``accepted`` are the recorded spans of calls plus the spans of other libraries, per signal, plus ``adopted``:
what earlier processes had left on disk for the same destination. Those counted it as ``spooled`` at their end (or as
``uncertain``, when it was under way just then), so that over all processes each item is delivered from one account.
Every move is made under the account's lock, and ``queued`` is counted on its own, never derived,
so the equation can fail and a test can see it.
"""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

__all__ = ["REASONS", "CallBalance", "DestinationAccount", "DestinationBalance", "State"]

REASONS: Final = (
    "queue_full",
    "byte_budget",
    "encode_error",
    "too_large",
    "http_4xx",
    "http_5xx",
    "redirect",
    "partial_success",
    "retry_exhausted",
    "shutdown_timeout",
    "fork_child",
    "disk_full",
    "spool_evicted",
    "spool_damaged",
    "exporter_error",
)
"""Every reason that a span can be dropped or rejected for."""

State: TypeAlias = Literal["queued", "in_flight", "spooled"]


@dataclass(frozen=True, slots=True)
class CallBalance:
    """Calls in one snapshot: ``calls`` are appended records plus those that ran while recording was off."""

    calls: int
    span_recorded: int
    sampled_out: int
    disabled: int
    foreign_spans: int

    @property
    def balanced(self) -> bool:
        """Whether every call is accounted for."""
        return self.calls == self.span_recorded + self.sampled_out + self.disabled


@dataclass(frozen=True, slots=True)
class DestinationBalance:
    """One destination and signal in one snapshot; all fields count items (spans or metric points).

    ``adopted`` is a part of ``accepted``: ``accepted - adopted`` is what this process has recorded. ``spool_bytes`` is
    what the ``spooled`` items take of the disk; None for a destination without a spool.
    """

    destination: str
    signal: str
    accepted: int
    exported: int
    tail_sampled: int
    queued: int
    in_flight: int
    spooled: int
    uncertain: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    adopted: int = 0
    spool_bytes: int | None = None

    @property
    def lost(self) -> int:
        """Items that will never arrive."""
        return sum(self.rejected.values()) + sum(self.dropped.values())

    @property
    def balanced(self) -> bool:
        """Whether every item is accounted for."""
        waiting = self.queued + self.in_flight + self.spooled
        return self.accepted == self.exported + self.lost + self.tail_sampled + waiting + self.uncertain


class DestinationAccount:
    """The account of one destination and signal.

    Items enter by ``accept`` (they are then ``queued``), move between the waiting states by ``move``, and leave by
    ``settle``. Each method is one locked step.
    """

    def __init__(self, destination: str, signal: str) -> None:
        """Open an empty account."""
        self.destination = destination
        self.signal = signal
        self._lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self._accepted = self._exported = self._tail_sampled = self._uncertain = self._adopted = 0
        self._waiting: dict[State, int] = {"queued": 0, "in_flight": 0, "spooled": 0}
        self._rejected: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()

    def accept(self, items: int) -> None:
        """Items enter and wait in the queue."""
        with self._lock:
            self._accepted += items
            self._waiting["queued"] += items

    def adopt(self, items: int) -> None:
        """Items enter that an earlier process left on disk."""
        with self._lock:
            self._accepted += items
            self._adopted += items
            self._waiting["spooled"] += items

    def hand_back(self, items: int) -> None:
        """Items that waited in front of the destination's queue are about to enter it, and will be accepted there."""
        with self._lock:
            self._accepted -= items
            self._waiting["queued"] -= items

    def move(self, items: int, source: State, target: State) -> None:
        """Items go from one waiting state to another."""
        with self._lock:
            self._waiting[source] -= items
            self._waiting[target] += items

    def export(self, items: int, source: State = "in_flight") -> None:
        """The destination acknowledged the items."""
        with self._lock:
            self._waiting[source] -= items
            self._exported += items

    def reject(self, items: int, reason: str, source: State = "in_flight") -> None:
        """The destination refused the items for good."""
        with self._lock:
            self._waiting[source] -= items
            self._rejected[reason] += items

    def drop(self, items: int, reason: str, source: State = "queued") -> None:
        """We gave the items up."""
        with self._lock:
            self._waiting[source] -= items
            self._dropped[reason] += items

    def leave_unsampled(self, items: int, source: State = "queued") -> None:
        """Tail sampling decided against the items."""
        with self._lock:
            self._waiting[source] -= items
            self._tail_sampled += items

    def lose_answer(self, items: int, source: State = "in_flight") -> None:
        """The items were under way when the answer was lost or the process ended: they may have arrived."""
        with self._lock:
            self._waiting[source] -= items
            self._uncertain += items

    def balance(self) -> DestinationBalance:
        """A snapshot, consistent in itself."""
        with self._lock:
            return DestinationBalance(
                destination=self.destination,
                signal=self.signal,
                accepted=self._accepted,
                exported=self._exported,
                tail_sampled=self._tail_sampled,
                queued=self._waiting["queued"],
                in_flight=self._waiting["in_flight"],
                spooled=self._waiting["spooled"],
                uncertain=self._uncertain,
                rejected=dict(self._rejected),
                dropped=dict(self._dropped),
                adopted=self._adopted,
            )

    def forget(self) -> None:
        """Start at zero: what a forked child does, whose parent accounts for what was waiting."""
        self._lock = threading.Lock()
        self._clear()
