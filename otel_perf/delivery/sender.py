"""One sender thread: takes parcels from its queue, sends them, waits and repeats, and accounts for every item."""

import contextlib
import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from otel_perf.core import clock
from otel_perf.core.background import background_thread
from otel_perf.core.guard import guard
from otel_perf.core.ledger import DestinationAccount
from otel_perf.delivery import settlement
from otel_perf.delivery.backlog import Backlog
from otel_perf.delivery.batches import Batches
from otel_perf.delivery.delivery_log import DeliveryLog
from otel_perf.delivery.divisions import Divisions
from otel_perf.delivery.parcels import Parcel
from otel_perf.delivery.progress import Progress
from otel_perf.delivery.queues import Admission, Queue
from otel_perf.delivery.sender_hooks import Carrier, Hooks, SenderSettings, StoredParcel
from otel_perf.delivery.suppression import suppressed_instrumentation
from otel_perf.delivery.transport import Delivered, Outcome, Retry, TooLarge, Uncertain

__all__ = ["Sender"]

G = TypeVar("G")

GRACE_SECONDS: Final = 0.2
"""How long after the deadline of a shutdown the thread gets to put its own affairs in order; twice that on a disk."""

LOOK_SECONDS: Final = 30.0
"""How often an idle sender looks for what other processes have left on disk."""


class Sender(Generic[G]):
    """The sender of one destination and signal.

    An item leaves only by acknowledgement, by refusal, by the bound of the queue, or at the deadline of a shutdown;
    never because time has passed. Attempts are repeated with growing pauses; ``flush`` and ``shutdown`` cut a pause
    short, unless the destination itself has asked for it. With a spool, what is due goes to disk while nothing gets
    through, and the oldest does when the queue is half full; what is on disk is sent first.
    """

    def __init__(
        self,
        queue: Queue[G],
        carrier: Carrier,
        account: DestinationAccount,
        settings: SenderSettings,
        hooks: Hooks,
        log: DeliveryLog | None = None,
    ) -> None:
        """Start without a thread; ``start`` or the first ``offer`` makes it."""
        self.account = account
        self._queue = queue
        self._batches = Batches(queue, account, settings.interval_seconds)
        self._carrier = carrier
        self._settings = settings
        self._hooks = hooks
        self._log = log or DeliveryLog(f"{account.destination} ({account.signal})")
        self._backlog = Backlog(hooks.spool, account, self._log, self._leave_disk)
        self._reset()

    def _reset(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._thread: threading.Thread | None = None
        self._deadline_ns: int | None = None
        self._ended = threading.Event()
        self._over = self._idle = False
        self._in_hand: Parcel | None = None
        self._pieces: list[Parcel] = []
        self._attempting = self._answer_lost = False
        self._failures = 0
        self._divisions = Divisions()
        self._progress = Progress()
        self._urges = 0

    # -- the caller's side ----------------------------------------------------------

    def start(self) -> None:
        """Start the thread, once."""
        with self._changed:
            self._start()

    def _start(self) -> None:
        if self._thread is not None or self._over:
            return
        thread = background_thread(self._run, f"otel_perf-send-{self.account.destination}")
        with contextlib.suppress(RuntimeError):  # the interpreter is ending; shutdown then settles everything
            thread.start()
            self._thread = thread

    def offer(self, goods: G, items: int) -> None:
        """Take in ``items`` items. No I/O, and no wait but for the lock, which is never held over I/O."""
        with self._changed:
            if self._deadline_ns is not None:
                self.account.accept(items)
                self.account.drop(items, "shutdown_timeout")
                return
            admission = self._batches.put(goods, items)
            self._progress.offered += items
            self._progress.leave(admission.withdrawn)
            if admission.overflow:
                self._give_way(admission)
            self._start()
            if self._idle and self._batches.worth_waking_for(items):
                self._changed.notify_all()

    def _give_way(self, admission: Admission) -> None:
        self.account.drop(admission.overflow, admission.reason)
        self._log.lose(admission.overflow, admission.reason)
        self._leave(admission.overflow, failed=admission.overflow)  # the sender's thread writes the line about it

    def flush(self, deadline_ns: int) -> bool:
        """Send what waits; ``True`` when all that was offered since the last flush is acknowledged by the deadline.

        ``False`` when some of it was refused or dropped, or is still waiting, in memory or on disk, at the deadline.
        """
        with self._changed:
            target = self._hurry()
            while not self._progress.reached(target) and not self._over:
                if not self._changed.wait(clock.seconds_until(deadline_ns)):
                    break
            return self._progress.reached(target) and self._progress.tell()

    def hurry(self) -> None:
        """Begin to send what waits, without waiting for it."""
        with self._changed:
            self._hurry()

    def close_by(self, deadline_ns: int) -> None:
        """Take nothing more in, and send what waits until the deadline. Returns at once; ``shutdown`` waits for it."""
        with self._changed:
            if self._deadline_ns is None:
                self._deadline_ns = deadline_ns - self._backlog.reserve_ns(deadline_ns)
            self._hurry()

    def shutdown(self, deadline_ns: int) -> bool:
        """Send what waits until the deadline, then settle the rest; ``True`` when nothing was lost by ending.

        With a spool the destination is cut off before the deadline, so that there is time left for the disk. At most
        0.4 s after the deadline this returns, whatever the destination does. Harmless when repeated.
        """
        failed = self._progress.failed
        self.close_by(deadline_ns)
        thread = self._thread
        if thread is not None:
            thread.join(clock.seconds_until(min(deadline_ns, self._deadline_ns or deadline_ns)))
        if thread is None or thread.is_alive():
            guard.call("delivery.close", self._carrier.close)
        if thread is not None:
            thread.join(GRACE_SECONDS)
        self._end()
        self._ended.wait(max(2 * GRACE_SECONDS, clock.seconds_until(deadline_ns)))  # the thread may write to disk
        return self._progress.failed == failed and not self._progress.stored

    def after_fork_in_child(self) -> None:
        """Start empty: the parent delivers what was waiting. The thread comes with the first offer."""
        self._queue.clear()
        self.account.forget()
        self._carrier.after_fork_in_child()
        self._log.forget()
        self._backlog.after_fork_in_child()
        self._reset()

    def _hurry(self) -> int:
        self._urges += 1
        if self._queue.items:
            self._start()
        self._changed.notify_all()
        return self._progress.aim()

    # -- the thread's side ----------------------------------------------------------

    def _run(self) -> None:
        with suppressed_instrumentation():
            while not self._over:
                guard.call("delivery.sender", self._work)
                # Still here: an internal error, counted by the guard. The parcel in hand is not lost by it.
                if not self._over and not self._pause(Retry("internal error"), self._urges):
                    self._end()
            guard.call("delivery.close", self._carrier.close)

    def _work(self) -> None:
        while (parcel := self._next()) is not None:
            self._deliver(parcel)
        self._end()

    def _next(self) -> Parcel | None:
        """Wait for the next parcel; ``None`` when the sender is closing and nothing is left."""
        while not self._over:
            self._log.tell_loss()
            self._store(self._batches.excess)
            stored = None if self._in_hand is not None or self._pieces else self._backlog.oldest()
            with self._changed:
                if self._in_hand is None:
                    self._in_hand = self._pieces.pop() if self._pieces else self._begun(stored) or self._taken()
                if self._in_hand is not None or self._deadline_ns is not None:
                    return self._in_hand
                self._wait_for_goods()
        return None

    def _begun(self, stored: StoredParcel | None) -> Parcel | None:
        if stored is not None and not stored.part:
            self._divisions.begin()
        return stored

    def _due(self) -> bool:
        return self._batches.due(hurried=self._deadline_ns is not None or self._progress.hurried)

    def _taken(self) -> Parcel | None:
        """The next batch of the queue, when it is due."""
        if not self._due():
            return None
        self._divisions.begin()
        return self._batches.take()

    def _wait_for_goods(self) -> None:
        self._idle = True
        look = LOOK_SECONDS if self._backlog.exists else None
        self._changed.wait(self._batches.seconds_left() if self._batches.items else look)
        self._idle = False

    def _deliver(self, parcel: Parcel) -> None:
        self._answer_lost = False
        while not self._over:
            urges = self._urges
            outcome = self._attempt(parcel)
            if not isinstance(outcome, Retry | Uncertain):
                self._settle(parcel, outcome)
                return
            self._failures += 1
            self._answer_lost = self._answer_lost or isinstance(outcome, Uncertain)
            self._log.fail(outcome.reason, self._queue.items + parcel.items)
            self._hooks.tell(self.account, parcel.items, outcome.reason, will_retry=True)
            # What may have arrived stays in hand at the end: it is counted as uncertain then.
            kept = (isinstance(outcome, Retry) or self._deadline_ns is None) and self._keep(parcel)
            if not self._pause(outcome, urges):
                self._end()
            elif kept or self._superseded(parcel):
                return

    def _attempt(self, parcel: Parcel) -> Outcome:
        with self._changed:
            seconds = self._settings.timeout_seconds
            if self._deadline_ns is not None:
                seconds = min(seconds, (self._deadline_ns - clock.monotonic_ns()) / 1e9)
            if seconds <= 0 or self._over:
                return Retry("no time is left")
            self._attempting = True
        outcome = guard.call("delivery.send", self._carrier.carry, parcel, seconds)
        self._attempting = False
        return Retry("internal error of otel_perf") if outcome is None else outcome

    def _pause(self, outcome: Retry | Uncertain, urges: int) -> bool:
        """Wait before the next attempt; ``False`` when there is no time for one."""
        asked = outcome.after_seconds if isinstance(outcome, Retry) else None
        pause = self._settings.backoff.pause(max(1, self._failures), asked)
        while not self._over:
            with self._changed:
                urged = self._urges != urges
                again = pause.is_over(clock.monotonic_ns(), self._deadline_ns, urged=urged)
                if again is not None:
                    self._failures = 0 if urged else self._failures
                    return again
                if not (self._may_store() and self._due()):
                    self._rest(pause.seconds_left(clock.monotonic_ns(), self._deadline_ns))
                    continue
            self._store(self._taken)
        return False

    def _rest(self, seconds: float) -> None:
        """Wait, but no longer than until something is due for the disk."""
        self._idle = self._may_store()
        if self._idle and self._batches.items:
            seconds = min(seconds, self._batches.seconds_left())
        self._changed.wait(seconds)
        self._idle = False

    def _superseded(self, parcel: Parcel) -> bool:
        """Whether something newer makes the parcel needless; the account then forgets it."""
        with self._changed:
            if self._over or not self._batches.supersede(parcel):
                return False
            self._in_hand = None
            self._leave(parcel.items, failed=0)
            return True

    def _may_store(self) -> bool:
        """Whether a batch of the queue may go to disk: nothing older waits here, and the disk takes it."""
        return self._in_hand is None and not self._pieces and self._backlog.accepting

    def _store(self, take: Callable[[], Parcel | None]) -> None:
        """Put on disk what ``take`` gives, as long as the disk takes it."""
        while self._may_store():
            with self._changed:
                self._in_hand = parcel = None if self._over else take()
            if parcel is None or not self._keep(parcel):
                return

    def _keep(self, parcel: Parcel) -> bool:
        """Whether the spool took the parcel over, or has it already."""
        if parcel.state == "spooled":
            self._backlog.postpone(parcel)
        elif not (self._backlog.accepting and self._backlog.keep(parcel)):
            return False
        with self._changed:
            if parcel.state == "in_flight" and not self._over:
                self.account.move(parcel.items, "in_flight", "spooled")
                self._progress.store(parcel.items)
            self._in_hand = None
            self._answer_lost = False
        return True

    def _settle(self, parcel: Parcel, outcome: settlement.Final) -> None:
        end = settlement.settle(outcome, parcel.items)
        # Too large is divided to the end; another refusal only while that has led to something.
        may_divide = end.divisible and (isinstance(outcome, TooLarge) or self._divisions.allow())
        divided = may_divide and self._divide(parcel)
        if not divided and not self._enter(parcel, end):
            return
        self._learn(parcel, outcome)
        if end.rejected and not divided:
            self._log.hint(end.reason, end.hint)
            self._hooks.tell(self.account, end.rejected, end.reason, will_retry=False)

    def _divide(self, parcel: Parcel) -> bool:
        halves = parcel.halves()
        if halves is None and not (parcel.state == "spooled" and self._backlog.divide(parcel)):
            return False
        with self._changed:
            if not self._over:
                self._in_hand = None
                self._pieces += reversed(halves or ())
        return True

    def _enter(self, parcel: Parcel, end: settlement.Settlement) -> bool:
        """Enter the end of a parcel into the account; ``False`` when ``_end`` has done so already."""
        with self._changed:
            if self._over:
                return False
            self._in_hand = None
            self.account.export(end.exported, parcel.state)
            if end.rejected:
                self.account.reject(end.rejected, end.counted_as, parcel.state)
                self._log.lose(end.rejected, end.counted_as)
            if parcel.state == "in_flight":
                self._leave(parcel.items, failed=end.rejected)
        if parcel.state == "spooled":
            self._backlog.remove(parcel, end)
        return True

    def _learn(self, parcel: Parcel, outcome: settlement.Final) -> None:
        if isinstance(outcome, Delivered):
            self._failures = 0
            self._divisions.succeed()
            if parcel.state == "in_flight":
                self._backlog.succeed()
            self._log.succeed(relieved=self._queue.relieved())
        elif isinstance(outcome, TooLarge):
            with self._changed:
                self._queue.limit_batches(len(parcel.body()) // 2)

    def _leave(self, items: int, failed: int) -> None:
        self._progress.leave(items, failed=failed)
        self._changed.notify_all()

    def _leave_disk(self, items: int, failed: int) -> None:
        with self._changed:
            self._progress.leave_disk(items, failed=failed)
            self._changed.notify_all()

    def _end(self) -> None:
        """Settle whatever is left, once: the thread does so, or the caller when the thread is stuck."""
        with self._changed:
            if self._over:
                return
            self._over = True
            rest = self._left_over()
            unsure = self._in_hand if self._may_have_arrived() else None
            if unsure is not None:
                self.account.lose_answer(unsure.items, unsure.state)
            self._progress.failed += sum(parcel.items for parcel in rest)
            self._changed.notify_all()
        self._backlog.end(rest, unsure)
        self._log.end(0 if unsure is None else unsure.items)
        self._ended.set()

    def _left_over(self) -> list[Parcel]:
        """Everything that is not on disk, oldest first."""
        rest = [] if self._in_hand is None else [self._in_hand]
        rest += reversed(self._pieces)
        while self._batches.items:
            rest.append(self._batches.take())
        return [parcel for parcel in rest if parcel.state == "in_flight"]

    def _may_have_arrived(self) -> bool:
        return self._answer_lost or (self._attempting and self._carrier.on_wire())
