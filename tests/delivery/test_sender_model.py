"""The sender against random histories: whatever a destination answers, no item is lost, doubled or counted twice."""

import random
import threading
from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from otel_perf.core.guard import guard
from otel_perf.core.ledger import DestinationAccount
from otel_perf.delivery.backoff import Backoff
from otel_perf.delivery.parcels import ItemParcel, Parcel
from otel_perf.delivery.queues import ItemQueue, QueueLimits
from otel_perf.delivery.sender import Sender
from otel_perf.delivery.sender_hooks import Hooks, SenderSettings
from otel_perf.delivery.transport import Delivered, Outcome, Redirected, Refused, Retry, TooLarge, Uncertain
from tests.delivery.sending import balanced, within

OUTCOMES = st.sampled_from(
    [
        Delivered(),
        Delivered(),
        Delivered(1, "late"),
        Delivered(10**6),
        Retry("503"),
        Retry("429", after_seconds=0.001),
        Uncertain("lost"),
        TooLarge("413"),
        Refused("400", "http_4xx", divisible=True),
        Refused("401", "http_4xx", "look"),
        Refused("500", "http_5xx"),
        Redirected("elsewhere"),
        None,
    ]
)
SETTINGS = SenderSettings(
    interval_seconds=0.0,
    limits=QueueLimits(batch_items=8, queue_items=40),
    backoff=Backoff(first_seconds=0.0005, longest_seconds=0.001),
)


class Numbers(ItemParcel[int]):
    """Items that are numbers."""

    def body(self) -> bytes:
        return b"x" * self.items


class Scripted:
    """Answers from a list, then takes everything; ``None`` in the list is an exception."""

    def __init__(self, script: Sequence[Outcome | None]) -> None:
        self.script = list(script)
        self.stored: Counter[int] = Counter()
        self.accepted: Counter[int] = Counter()
        self.refused: set[int] = set()
        self.closed = threading.Event()

    def carry(self, parcel: Parcel, timeout_seconds: float) -> Outcome:
        assert isinstance(parcel, Numbers)
        assert timeout_seconds > 0
        outcome = self.script.pop(0) if self.script else Delivered()
        if outcome is None:
            raise RuntimeError("broken carrier")
        if isinstance(outcome, Delivered):
            kept = parcel.contents[: max(0, parcel.items - outcome.rejected_items)]
            self.accepted.update(kept)
            self.stored.update(kept)
        elif isinstance(outcome, Uncertain):
            self.stored.update(parcel.contents)
        return outcome

    def on_wire(self) -> bool:
        return False

    def close(self) -> None:
        self.closed.set()

    def after_fork_in_child(self) -> None:
        raise NotImplementedError


def sender(carrier: Scripted, hooks: Hooks | None = None) -> Sender[Sequence[int]]:
    """A sender of numbers."""
    queue: ItemQueue[int] = ItemQueue(SETTINGS.limits, lambda _: 0, Numbers)
    return Sender(queue, carrier, DestinationAccount("model", "traces"), SETTINGS, hooks or Hooks())


@given(
    script=st.lists(OUTCOMES, max_size=30),
    offers=st.lists(st.integers(1, 12), min_size=1, max_size=20),
    flush_after=st.integers(0, 20),
)
def test_every_item_has_one_end(script: list[Outcome | None], offers: list[int], flush_after: int) -> None:
    """The ledger balances at each step, and its ends are those that the destination saw, each item's only once."""
    carrier = Scripted(script)
    sending = sender(carrier)
    number = 0
    for step, count in enumerate(offers):
        sending.offer(range(number, number + count), count)
        number += count
        balanced(sending.account)
        if step == flush_after:
            sending.flush(within(5))
    complete = sending.flush(within(5))
    sending.shutdown(within(5))
    balance = balanced(sending.account)

    assert balance.accepted == number
    assert balance.queued == balance.in_flight == balance.spooled == 0
    assert balance.exported == carrier.accepted.total() == len(carrier.accepted)
    assert balance.exported + balance.lost == number
    assert carrier.closed.is_set()
    if complete and flush_after >= len(offers):
        assert balance.exported == number


@given(
    script=st.lists(st.sampled_from([Retry("503"), Uncertain("lost")]), min_size=200, max_size=200),
    offers=st.lists(st.integers(1, 12), min_size=1, max_size=8),
    milliseconds=st.integers(0, 20),
)
def test_a_shutdown_in_the_middle_of_an_outage_accounts_for_everything(
    script: list[Outcome | None], offers: list[int], milliseconds: int
) -> None:
    """What may have arrived is uncertain, what has not is dropped; together they are all."""
    carrier = Scripted(script)
    sending = sender(carrier)
    number = 0
    for count in offers:
        sending.offer(range(number, number + count), count)
        number += count
    sending.shutdown(within(milliseconds / 1000))
    balance = balanced(sending.account)

    assert balance.queued == balance.in_flight == 0
    assert balance.uncertain + balance.exported + balance.lost == number
    assert balance.uncertain <= 8 or balance.exported
    assert set(balance.dropped) <= {"shutdown_timeout", "queue_full"}


class StoredNumbers(Numbers):
    state = "spooled"
    part = adopted = False


class ListSpool:
    """A spool in memory."""

    accepting = True

    def __init__(self) -> None:
        self.kept: list[Numbers] = []

    def attach(self, *_: object) -> None:
        """Nothing is adopted, nothing lost."""

    postpone = succeed = close = after_fork_in_child = attach

    def keep(self, parcel: Parcel, *, hasty: bool = False) -> bool:
        assert isinstance(parcel, Numbers)
        self.kept.append(StoredNumbers(parcel.contents))
        return True

    def oldest(self) -> Parcel | None:
        return self.kept[0] if self.kept else None

    def divide(self, parcel: Parcel) -> bool:
        return False

    def remove(self, parcel: Parcel, *, refused: bool = False) -> None:
        assert isinstance(parcel, Numbers)
        self.kept.remove(parcel)


@given(
    script=st.lists(st.sampled_from([Retry("503"), Delivered()]), max_size=12),
    offers=st.lists(st.integers(1, 8), max_size=8),
)
def test_a_spool_takes_over_what_cannot_be_sent(script: list[Outcome | None], offers: list[int]) -> None:
    """Parcels go to the spool at a failure and come from it first; every item is acknowledged once in the end."""
    carrier, spool = Scripted(script), ListSpool()
    sending = sender(carrier, Hooks(spool=spool))
    number = 0
    for count in offers:
        sending.offer(range(number, number + count), count)
        number += count
        sending.flush(within(5))
        balanced(sending.account)
    sending.shutdown(within(5))
    balance = balanced(sending.account)

    assert (balance.exported, balance.spooled, balance.lost) == (number, 0, 0)
    assert not spool.kept
    assert list(carrier.accepted.values()) == [1] * number


def test_what_is_left_at_the_end_goes_to_the_spool() -> None:
    """A dead destination at exit: nothing is dropped, everything is on disk."""
    carrier, spool = Scripted([Retry("refused")] * 10_000), ListSpool()
    sending = sender(carrier, Hooks(spool=spool))
    for number in range(5):
        sending.offer(range(number * 8, number * 8 + 8), 8)
    assert not sending.shutdown(within(0.02))
    balance = balanced(sending.account)
    assert (balance.spooled, balance.lost, balance.uncertain) == (40, 0, 0)
    assert sorted(item for parcel in spool.kept for item in parcel.contents) == list(range(40))


def test_offers_from_many_threads_are_all_accounted_for() -> None:
    """Eight threads, random pauses of the destination, snapshots in between: each snapshot balances."""
    carrier = Scripted(random.Random(7).choices([Delivered(), Retry("503")], k=200))
    sending = sender(carrier)

    def offer() -> None:
        for _ in range(200):
            sending.offer([1, 2, 3], 3)

    threads = [threading.Thread(target=offer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(200):
        balanced(sending.account)
    for thread in threads:
        thread.join()
    sending.flush(within(10))
    sending.shutdown(within(5))
    balance = balanced(sending.account)
    assert balance.accepted == 4800
    assert balance.exported == carrier.accepted.total()
    assert balance.exported + balance.lost == 4800


def test_a_fault_of_our_own_does_not_end_the_thread() -> None:
    """The queue breaks twice: counted by the guard, and the same items are sent all the same."""

    class Breaking(ItemQueue[int]):
        broken = 2

        def take(self) -> ItemParcel[int]:
            if self.broken:
                self.broken -= 1
                raise RuntimeError("a fault of ours")
            return super().take()

    carrier = Scripted([])
    queue = Breaking(SETTINGS.limits, lambda _: 0, Numbers)
    sending: Sender[Sequence[int]] = Sender(queue, carrier, DestinationAccount("m", "traces"), SETTINGS, Hooks())
    before = guard.counts["delivery.sender"]
    sending.offer(range(5), 5)
    assert sending.flush(within(10))
    assert guard.counts["delivery.sender"] == before + 2
    sending.shutdown(within(5))
    assert balanced(sending.account).exported == 5


def test_several_destinations_end_at_the_same_time() -> None:
    """Each is told its deadline first; waiting for one after the other then takes no longer than for one."""
    ending = [sender(Scripted([Retry("refused", None)] * 100_000)) for _ in range(4)]
    for one in ending:
        one.offer([1], 1)
    deadline = within(0.3)
    for one in ending:
        one.close_by(deadline)
    for one in ending:
        one.shutdown(deadline)
        assert balanced(one.account).lost == 1
    assert within(0) - deadline < 0.3e9
