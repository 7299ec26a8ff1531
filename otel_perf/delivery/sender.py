"""One sender thread: takes parcels from its queue, sends them, waits and repeats, and accounts for every item."""

import contextlib
import threading
from typing import Any, Final, Generic, TypeVar

from otel_perf.core import clock
from otel_perf.core.background import background_thread
from otel_perf.core.guard import guard
from otel_perf.core.ledger import DestinationAccount
from otel_perf.delivery import settlement
from otel_perf.delivery.delivery_log import DeliveryLog
from otel_perf.delivery.parcels import Parcel
from otel_perf.delivery.queues import Queue
from otel_perf.delivery.sender_hooks import Carrier, ExportFailure, Hooks, SenderSettings
from otel_perf.delivery.suppression import suppressed_instrumentation
from otel_perf.delivery.transport import Delivered, Outcome, Retry, TooLarge, Uncertain

__all__ = ["Sender"]

G = TypeVar("G")

GRACE_SECONDS: Final = 0.2
"""How long after the deadline of a shutdown the thread gets to put its own affairs in order."""

MOST_DIVISIONS: Final = 64
"""A batch that is refused is divided at most that often: one bad item of 512 takes 9, six of them about 50."""


class Sender(Generic[G]):
    """The sender of one destination and signal.

    An item leaves only by acknowledgement, by refusal, by the bound of the queue, or at the deadline of a shutdown;
    never because time has passed. Attempts are repeated with growing pauses; ``flush`` and ``shutdown`` cut a pause
    short, unless the destination itself has asked for it.
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
        self._carrier = carrier
        self._settings = settings
        self._hooks = hooks
        self._log = log or DeliveryLog(f"{account.destination} ({account.signal})")
        self._reset()

    def _reset(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._thread: threading.Thread | None = None
        self._deadline_ns: int | None = None
        self._over = self._idle = False
        self._in_hand: Parcel | None = None
        self._pieces: list[Parcel] = []
        self._attempting = self._answer_lost = False
        self._failures = self._divisions = 0
        self._halving_pays = True
        self._since_ns = 0
        # Items: offered so far, gone from here so far, gone otherwise than by acknowledgement, wanted gone by a flush.
        self._offered = self._left = self._failed = self._flush_to = 0
        self._failed_before = 0  # of those failed, what a flush has told of
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
            if not self._queue.items:
                self._since_ns = clock.monotonic_ns()
            admission = self._queue.put(goods)
            self.account.accept(items - admission.withdrawn)
            self._offered += items
            self._left += admission.withdrawn
            if admission.overflow:
                self._give_way(admission.overflow, admission.reason)
            self._start()
            if self._idle and (self._queue.full() or self._queue.items == items):
                self._changed.notify_all()

    def _give_way(self, pushed_out: list[Any], reason: str) -> None:
        count = len(pushed_out)
        self._left += count
        self._failed += count
        overflow = self._hooks.overflow
        if overflow is not None and guard.call("delivery.overflow", overflow, pushed_out):
            self.account.move(count, "queued", "spooled")
            return
        self.account.drop(count, reason)
        self._log.lose(count, reason)
        self._changed.notify_all()  # the sender, not this thread, writes the line about it

    def flush(self, deadline_ns: int) -> bool:
        """Send what waits; ``True`` when all that was offered since the last flush is acknowledged by the deadline.

        ``False`` when some of it was refused, dropped, moved to disk, or is still waiting at the deadline.
        """
        with self._changed:
            failed, target = self._failed_before, self._offered
            self._hurry()
            while self._left < target and not self._over:
                seconds = (deadline_ns - clock.monotonic_ns()) / 1e9
                if seconds <= 0 or not self._changed.wait(seconds):
                    break
            if self._left < target:
                return False
            self._failed_before = self._failed
            return self._failed == failed

    def hurry(self) -> None:
        """Begin to send what waits, without waiting for it."""
        with self._changed:
            self._hurry()

    def close_by(self, deadline_ns: int) -> None:
        """Take nothing more in, and send what waits until the deadline. Returns at once; ``shutdown`` waits for it."""
        with self._changed:
            if self._deadline_ns is None:
                self._deadline_ns = deadline_ns
            self._hurry()

    def shutdown(self, deadline_ns: int) -> bool:
        """Send what waits until the deadline, then settle the rest; ``True`` when nothing was lost by ending.

        At most 0.2 s after the deadline this returns, whatever the destination does. Harmless when repeated.
        """
        failed = self._failed
        self.close_by(deadline_ns)
        thread = self._thread
        if thread is not None:
            thread.join(max(0.0, (deadline_ns - clock.monotonic_ns()) / 1e9))
            if thread.is_alive():
                guard.call("delivery.close", self._carrier.close)
                thread.join(GRACE_SECONDS)
        else:
            guard.call("delivery.close", self._carrier.close)
        self._end()
        return self._failed == failed

    def after_fork_in_child(self) -> None:
        """Start empty: the parent delivers what was waiting. The thread comes with the first offer."""
        self._queue.clear()
        self.account.forget()
        self._carrier.after_fork_in_child()
        self._log.forget()
        self._reset()

    def _hurry(self) -> None:
        self._urges += 1
        self._flush_to = self._offered
        if self._queue.items:
            self._start()
        self._changed.notify_all()

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
            spool = self._hooks.spool
            kept = None
            if spool is not None and self._in_hand is None and not self._pieces:
                kept = guard.call("delivery.spool", spool.oldest)
            with self._changed:
                if self._in_hand is None:
                    self._in_hand = self._pieces.pop() if self._pieces else kept or self._taken()
                if self._in_hand is not None or self._deadline_ns is not None:
                    return self._in_hand
                self._wait_for_goods()
        return None

    def _taken(self) -> Parcel | None:
        """The next batch of the queue, when it is due."""
        queue = self._queue
        hurried = self._deadline_ns is not None or self._flush_to > self._left
        if not queue.items or not (hurried or queue.full() or self._interval_left() <= 0):
            return None
        parcel = queue.take()
        self._since_ns = clock.monotonic_ns()
        self._divisions = MOST_DIVISIONS if self._halving_pays else 0
        self.account.move(parcel.items, "queued", "in_flight")
        return parcel

    def _interval_left(self) -> float:
        return self._settings.interval_seconds - (clock.monotonic_ns() - self._since_ns) / 1e9

    def _wait_for_goods(self) -> None:
        self._idle = True
        self._changed.wait(max(0.0, self._interval_left()) if self._queue.items else None)
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
            self._tell(parcel.items, outcome.reason, will_retry=True)
            # What may have arrived is not put on disk at the end: the next process would send it a second time.
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
        pause = self._settings.backoff.pause_seconds(max(1, self._failures), asked)
        end_ns = clock.monotonic_ns() + int(pause * 1e9)
        with self._changed:
            while not self._over:
                now_ns = clock.monotonic_ns()
                deadline_ns = self._deadline_ns
                if deadline_ns is not None and (now_ns >= deadline_ns or (asked is not None and end_ns > deadline_ns)):
                    return False
                if now_ns >= end_ns:
                    return True
                if asked is None and self._urges != urges:
                    self._failures = 0
                    return True
                self._changed.wait((min(end_ns, deadline_ns or end_ns) - now_ns) / 1e9)
        return False

    def _superseded(self, parcel: Parcel) -> bool:
        """Whether something newer makes the parcel needless; the account then forgets it."""
        with self._changed:
            if self._over or parcel.state == "spooled" or not self._queue.supersedes(parcel):
                return False
            self._in_hand = None
            self._left += parcel.items
            self.account.move(parcel.items, "in_flight", "queued")
            self.account.accept(-parcel.items)
            return True

    def _keep(self, parcel: Parcel) -> bool:
        """Whether the spool took the parcel over, or has it already."""
        spool = self._hooks.spool
        if spool is None or (parcel.state == "in_flight" and not guard.call("delivery.spool", spool.keep, parcel)):
            return False
        with self._changed:
            if parcel.state == "in_flight" and not self._over:
                self.account.move(parcel.items, "in_flight", "spooled")
                self._leave(parcel.items, failed=parcel.items)
            self._in_hand = None
        return True

    def _settle(self, parcel: Parcel, outcome: settlement.Final) -> None:
        end = settlement.settle(outcome, parcel.items)
        halves = parcel.halves() if end.divisible and self._may_divide(outcome) else None
        with self._changed:
            if self._over:
                return
            self._in_hand = None
            if halves is not None:
                self._pieces += reversed(halves)
            else:
                self.account.export(end.exported, parcel.state)
                if end.rejected:
                    self.account.reject(end.rejected, end.counted_as, parcel.state)
                    self._log.lose(end.rejected, end.counted_as)
                self._leave(parcel.items, failed=end.rejected)
        if parcel.state == "spooled" and self._hooks.spool is not None:
            guard.call("delivery.spool", self._hooks.spool.remove, parcel)
        self._learn(parcel, outcome)
        if end.rejected and halves is None:
            self._log.hint(end.reason, end.hint)
            self._tell(end.rejected, end.reason, will_retry=False)

    def _may_divide(self, outcome: settlement.Final) -> bool:
        """Too large is divided to the end; another refusal only while that has led to something."""
        if isinstance(outcome, TooLarge):
            return True
        self._divisions -= 1
        self._halving_pays = False
        return self._divisions >= 0

    def _learn(self, parcel: Parcel, outcome: settlement.Final) -> None:
        if isinstance(outcome, Delivered):
            self._failures = 0
            self._halving_pays = True
            self._log.succeed(relieved=self._queue.relieved())
        elif isinstance(outcome, TooLarge):
            with self._changed:
                self._queue.limit_batches(len(parcel.body()) // 2)

    def _leave(self, items: int, failed: int) -> None:
        self._left += items
        self._failed += failed
        self._changed.notify_all()

    def _tell(self, items: int, reason: str, *, will_retry: bool) -> None:
        callback = self._hooks.on_export_error
        if callback is not None:
            failure = ExportFailure(self.account.destination, self.account.signal, items, reason, will_retry)
            guard.call("delivery.on_export_error", callback, failure)

    def _end(self) -> None:
        """Settle whatever is left, once: the thread does so, or the caller when the thread is stuck."""
        with self._changed:
            if self._over:
                return
            self._over = True
            rest = self._rest()
            uncertain = 0
            if rest and rest[0] is self._in_hand and self._may_have_arrived():
                uncertain = rest.pop(0).items
                self.account.lose_answer(uncertain)
            self._failed += uncertain + sum(parcel.items for parcel in rest)
            self._changed.notify_all()
        for parcel in rest:
            self._put_aside(parcel)
        self._log.end(uncertain)

    def _rest(self) -> list[Parcel]:
        """Everything that is not on disk, oldest first."""
        rest = [] if self._in_hand is None else [self._in_hand]
        rest += reversed(self._pieces)
        while self._queue.items:
            parcel = self._queue.take()
            self.account.move(parcel.items, "queued", "in_flight")
            rest.append(parcel)
        return [parcel for parcel in rest if parcel.state == "in_flight"]

    def _may_have_arrived(self) -> bool:
        return self._answer_lost or (self._attempting and self._carrier.on_wire())

    def _put_aside(self, parcel: Parcel) -> None:
        """At the end of the process a parcel goes to disk, or is lost."""
        spool = self._hooks.spool
        if spool is not None and guard.call("delivery.spool", spool.keep, parcel):
            self.account.move(parcel.items, "in_flight", "spooled")
            return
        self.account.drop(parcel.items, "shutdown_timeout", "in_flight")
        self._log.lose(parcel.items, "shutdown_timeout")
