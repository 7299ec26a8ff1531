"""What is said of one destination: few lines, each once, with the numbers."""

from collections import Counter
from collections.abc import Callable
from typing import Final

from otel_perf.core import clock
from otel_perf.core.guard import logger

__all__ = ["DeliveryLog"]

REPEAT_AFTER_SECONDS: Final = 300.0
"""A hint on the configuration is repeated after that long, while its cause lasts."""
QUIET_SECONDS: Final = 60.0
"""A new episode of trouble is announced at most that often; what is lost meanwhile is in the next line."""
FAILURES_BEFORE_A_LINE: Final = 2
"""One failed attempt is no outage."""


class DeliveryLog:
    """Tells when delivery stops and goes on, and how much was lost in between.

    ``lose`` only counts, so that it may be called on any thread; everything else is called on the sender's thread.
    """

    def __init__(
        self,
        label: str,
        *,
        repeat_after_seconds: float = REPEAT_AFTER_SECONDS,
        quiet_seconds: float = QUIET_SECONDS,
        now_ns: Callable[[], int] = clock.monotonic_ns,
    ) -> None:
        """Name the destination ``label`` in every line."""
        self._label = label
        self._repeat_after_ns = int(repeat_after_seconds * 1e9)
        self._quiet_ns = int(quiet_seconds * 1e9)
        self._now_ns = now_ns
        self.forget()

    def forget(self) -> None:
        """Start anew: a forked child tells of its own troubles only."""
        self._hinted_at_ns: dict[str, int] = {}
        self._lost: Counter[str] = Counter()
        self._failures = 0
        self._interrupted = self._losing = False
        self._told_at_ns: int | None = None

    def lose(self, items: int, reason: str) -> None:
        """Count items that will never arrive (called under the sender's lock)."""
        self._lost[reason] += items

    def owes_a_line(self) -> bool:
        """Whether a loss has begun that has not been told."""
        return bool(self._lost) and not self._losing

    def fail(self, reason: str, waiting: int) -> None:
        """An attempt failed and will be repeated."""
        self._failures += 1
        if self._failures >= FAILURES_BEFORE_A_LINE and not self._interrupted and self._may_tell():
            self._interrupted = True
            logger.warning(
                "otel_perf: %s: delivery interrupted (%s); %d items wait, nothing is lost yet",
                self._label, reason, waiting,
            )  # fmt: skip
        self.tell_loss()

    def tell_loss(self) -> None:
        """Say that a loss has begun, once."""
        if not self.owes_a_line() or not (self._interrupted or self._may_tell()):
            return
        self._losing = True
        logger.warning("otel_perf: %s: loss started (%s)", self._label, _counts(self._lost))

    def succeed(self, *, relieved: bool) -> None:
        """A request was acknowledged; ``relieved`` says whether the queue has room again."""
        self._failures = 0
        self.tell_loss()
        if relieved and (self._interrupted or self._losing):
            lost, self._lost = self._lost, Counter()
            self._interrupted = self._losing = False
            detail = f": {_counts(lost)}" if lost else ""
            logger.warning("otel_perf: %s: recovered (%d lost%s)", self._label, lost.total(), detail)

    def end(self, uncertain: int) -> None:
        """The sender has ended: say what was lost and has not been told as recovered, and what may be."""
        if self._lost or uncertain:
            logger.warning(
                "otel_perf: %s: ended with %d lost%s, %d without an answer",
                self._label, self._lost.total(), f" ({_counts(self._lost)})" if self._lost else "", uncertain,
            )  # fmt: skip
            self._lost.clear()

    def hint(self, reason: str, hint: str) -> None:
        """Name a fault of the configuration, once per 5 minutes."""
        now = self._now_ns()
        kind = reason.partition(":")[0]
        told_at = self._hinted_at_ns.get(kind)
        if told_at is not None and now - told_at < self._repeat_after_ns:
            return
        self._hinted_at_ns[kind] = now
        logger.warning("otel_perf: %s: %s; %s", self._label, reason, hint)

    def _may_tell(self) -> bool:
        now = self._now_ns()
        if self._told_at_ns is not None and now - self._told_at_ns < self._quiet_ns:
            return False
        self._told_at_ns = now
        return True


def _counts(lost: Counter[str]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(lost.items()))
