"""Budgets of tokens and of money: how much is used, what is left, and a word when it runs out."""

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self

from otel_perf.core import clock
from otel_perf.core.guard import guard
from otel_perf.core.model_signals import (
    BUDGET_COST_REMAINING,
    BUDGET_CROSSINGS,
    BUDGET_TOKENS_REMAINING,
    BUDGET_UTILIZATION,
)
from otel_perf.core.recording import record
from otel_perf.core.signal_spec import MetricSpec
from otel_perf.core.token_usage import TokenUsage, usage_listeners
from otel_perf.optimize.model_cost import cost_meter
from otel_perf.optimize.prices import Cost

__all__ = ["Budget", "BudgetState", "CostBudget", "TokenBudget"]

THRESHOLDS: Final = (0.8, 1.0)


@dataclass(frozen=True, slots=True)
class BudgetState:
    """A budget at one moment.

    Attributes:
        name: The budget's name.
        limit: What may be used, in tokens or US dollars.
        used: What was used in the present window.
        threshold: The threshold that was just reached; ``None`` when this state was only looked at.
    """

    name: str
    limit: float
    used: float
    threshold: float | None = None

    @property
    def remaining(self) -> float:
        """What is left; negative when overdrawn."""
        return self.limit - self.used

    @property
    def used_ratio(self) -> float:
        """Used over limit; above 1 when overdrawn."""
        return self.used / self.limit

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left."""
        return self.used >= self.limit


class Budget:
    """What both kinds have in common. Thread-safe; the callback runs outside of the lock, on the thread that added.

    A budget counts what it is given by ``add``, and while it watches (``watch()``, or as a ``with`` block) every model
    call of the process that otel_perf learns of, by ``record_tokens`` or from spans. It only tells: what happens when
    it runs out is up to the application.
    """

    _kind: Literal["tokens", "cost"]
    _remaining: MetricSpec

    def __init__(
        self,
        limit: float,
        *,
        name: str = "default",
        window_seconds: float | None = None,
        thresholds: Sequence[float] = THRESHOLDS,
        on_threshold: Callable[[BudgetState], object] | None = None,
    ) -> None:
        """Start unused, now.

        Args:
            limit: Tokens or US dollars.
            name: Label of the metrics; a kind of budget, never a user's or a conversation's id.
            window_seconds: The budget starts anew every so many seconds; ``None`` for never (one conversation).
            thresholds: Shares of the limit of which to be told, each once per window.
            on_threshold: Called with the state when a threshold is reached; its exceptions are counted, not raised.

        Raises:
            ValueError: The limit, the window or a threshold is no positive number.
        """
        for what, number in (
            ("limit", limit),
            ("window_seconds", window_seconds),
            *(("threshold", t) for t in thresholds),
        ):
            if number is not None and not 0 < number < math.inf:
                raise ValueError(f"{what} must be a positive number, not {number!r}")
        self.name = name
        self.limit = limit
        self._window_ns = None if window_seconds is None else int(window_seconds * 1e9)
        self._thresholds = tuple(sorted(thresholds))
        self._on_threshold = on_threshold
        self._lock = threading.Lock()
        self._begin(clock.monotonic_ns())

    def __repr__(self) -> str:
        state = self.state()
        return f"{type(self).__name__}({self.name!r}, used={state.used:g} of {self.limit:g}, {state.used_ratio:.0%})"

    def _begin(self, now_ns: int) -> None:
        self._used: float = 0
        self._told = 0
        self._began_ns = now_ns

    def _turn_over(self) -> None:
        """Start the window anew if it is over; whole windows that passed unused are skipped."""
        if self._window_ns is None:
            return
        now_ns = clock.monotonic_ns()
        passed = (now_ns - self._began_ns) // self._window_ns
        if passed > 0:
            self._begin(self._began_ns + passed * self._window_ns)

    def add(self, amount: float) -> BudgetState:
        """Use some of it; gives the state after that.

        Raises:
            ValueError: The amount is negative or no number.
        """
        if not 0 <= amount < math.inf:
            raise ValueError(f"what is used must be a number from 0 on, not {amount!r}")
        with self._lock:
            self._turn_over()
            self._used += amount
            state = BudgetState(self.name, self.limit, self._used)
            reached = [t for t in self._thresholds[self._told :] if self._used >= t * self.limit]
            self._told += len(reached)
        self._measure(state)
        for threshold in reached:
            record(BUDGET_CROSSINGS, 1, self.name, self._kind, f"{threshold:g}")
            if self._on_threshold is not None:
                told = BudgetState(state.name, state.limit, state.used, threshold)
                guard.call("budget", self._on_threshold, told)
        return state

    def state(self) -> BudgetState:
        """The budget now."""
        with self._lock:
            self._turn_over()
            return BudgetState(self.name, self.limit, self._used)

    @property
    def used(self) -> float:
        """What was used in the present window."""
        return self.state().used

    @property
    def remaining(self) -> float:
        """What is left; negative when overdrawn."""
        return self.state().remaining

    @property
    def used_ratio(self) -> float:
        """Used over limit; above 1 when overdrawn."""
        return self.state().used_ratio

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left."""
        return self.state().exhausted

    def reset(self) -> None:
        """Start anew, now."""
        with self._lock:
            self._begin(clock.monotonic_ns())
        self._measure(self.state())

    def watch(self) -> Self:
        """Count every model call of the process from now on, until ``unwatch``."""
        raise NotImplementedError

    def unwatch(self) -> None:
        """Count what is added only."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self.watch()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.unwatch()

    def _measure(self, state: BudgetState) -> None:
        record(BUDGET_UTILIZATION, state.used_ratio, self.name, self._kind)
        record(self._remaining, state.remaining, self.name)


class TokenBudget(Budget):
    """A budget of tokens, input and output together.

    >>> budget = TokenBudget(100_000, name="hourly", window_seconds=3600, on_threshold=print).watch()
    """

    _kind = "tokens"
    _remaining = BUDGET_TOKENS_REMAINING

    def watch(self) -> Self:
        """Count the tokens of every model call of the process from now on, until ``unwatch``."""
        usage_listeners.add(self._on_usage)
        return self

    def unwatch(self) -> None:
        """Count what is added only."""
        usage_listeners.remove(self._on_usage)

    def _on_usage(self, usage: TokenUsage) -> None:
        self.add(usage.total_tokens)


class CostBudget(Budget):
    """A budget of US dollars.

    A call whose price is not known uses nothing of it, and is counted as unpriced. The first costs of a process may
    come a third of a second late: the price list is loaded beside the application.
    """

    _kind = "cost"
    _remaining = BUDGET_COST_REMAINING

    def watch(self) -> Self:
        """Count the cost of every model call of the process from now on, until ``unwatch``."""
        cost_meter.add_listener(self._on_cost)
        return self

    def unwatch(self) -> None:
        """Count what is added only."""
        cost_meter.remove_listener(self._on_cost)

    def _on_cost(self, _: TokenUsage, cost: Cost) -> None:
        self.add(cost.usd)
