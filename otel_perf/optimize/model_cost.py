"""The cost of model calls as they are recorded: priced, measured, and told to budgets."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from otel_perf.core.background import background_thread
from otel_perf.core.guard import guard
from otel_perf.core.model_signals import MODEL_COST, MODEL_UNPRICED
from otel_perf.core.recording import record
from otel_perf.core.token_usage import REPORTED, TokenUsage
from otel_perf.optimize.prices import Cost, GenaiPrices, Price, PriceSource, PriceTable

__all__ = ["CostMeter", "context_window_of", "cost_meter", "cost_of", "use_prices"]

MAX_WAITING: Final = 10_000
"""Usages kept while the price list is loaded; beyond, calls count as unpriced."""

LOADING_SECONDS: Final = 2.0
"""Loading takes 0.3 s; whoever waits for it waits no longer than this."""

CostListener = Callable[[TokenUsage, Cost], object]


class CostMeter:
    """Prices every usage it is told of. Thread-safe.

    What the call's own instrumentation reported wins over the user's prices, and those over ``genai-prices``.

    Attributes:
        prices: Prices of the user's; ``None`` for none.
        genai: The package's price list.
    """

    def __init__(self, prices: PriceSource | None = None, genai: GenaiPrices | None = None) -> None:
        """Prepare; nothing is loaded before the first usage that needs it."""
        self.prices = prices
        self.genai = genai or GenaiPrices()
        self._waiting: deque[TokenUsage] = deque()
        self._lock = threading.Lock()
        self._loader: threading.Thread | None = None
        self._listeners: tuple[CostListener, ...] = ()

    def add_listener(self, listener: CostListener) -> None:
        """Tell ``listener`` of every cost from now on, on the thread that priced it."""
        with self._lock:
            if listener not in self._listeners:
                self._listeners = (*self._listeners, listener)

    def remove_listener(self, listener: CostListener) -> None:
        """Tell it no more."""
        with self._lock:
            self._listeners = tuple(one for one in self._listeners if one != listener)

    def cost(self, usage: TokenUsage) -> Cost | None:
        """The cost of one call, the price list loaded if needed; ``None`` when no price is known."""
        if usage.cost_usd is not None:
            return Cost(usage.cost_usd, REPORTED, usage.estimated)
        own = None if self.prices is None else self.prices.cost(usage)
        return own if own is not None else self.genai.cost(usage)

    def on_usage(self, usage: TokenUsage) -> None:
        """Price one call and measure its cost; while the price list is loaded in the background it waits."""
        if not usage.known and usage.cost_usd is None:
            return
        if self.genai.ready or usage.cost_usd is not None:
            self._measure(usage, self.cost(usage))
        elif self.prices is not None and (own := self.prices.cost(usage)) is not None:
            self._measure(usage, own)
        elif len(self._waiting) < MAX_WAITING:
            self._waiting.append(usage)
            self._load()
        else:
            self._measure(usage, None)

    def settle(self) -> None:
        """Price what waits, now; waits up to two seconds for the price list if it is being loaded for that."""
        loader = self._loader
        if loader is not None:
            loader.join(LOADING_SECONDS)
        self._price_waiting()

    def _price_waiting(self) -> None:
        while self._waiting:
            try:
                usage = self._waiting.popleft()
            except IndexError:
                return
            self._measure(usage, self.cost(usage))

    def after_fork_in_child(self) -> None:
        """Start empty: the parent prices what it was told of."""
        self._waiting.clear()
        self._lock = threading.Lock()
        self._loader = None

    def _load(self) -> None:
        with self._lock:
            if self._loader is not None and self._loader.is_alive():
                return
            self._loader = background_thread(lambda: guard.call("prices", self._price_waiting), "otel_perf-prices")
            self._loader.start()

    def _measure(self, usage: TokenUsage, cost: Cost | None) -> None:
        if cost is None:
            record(MODEL_UNPRICED, 1, usage.provider, usage.model)
            return
        record(MODEL_COST, cost.usd, usage.provider, usage.model, cost.source, "true" if cost.estimated else "false")
        for listener in self._listeners:
            guard.call("cost", listener, usage, cost)


cost_meter: Final = CostMeter()
"""The one of this process."""


def use_prices(prices: Mapping[str, Price] | PriceSource | None, *, name: str = "table") -> None:
    """Use these prices from now on, before those of ``genai-prices``.

    Args:
        prices: Price by model (see ``PriceTable``), a source of prices, or ``None`` to use none of one's own.
        name: What the metric's ``otel_perf.price.source`` says of a mapping.
    """
    cost_meter.prices = PriceTable(prices, name=name) if isinstance(prices, Mapping) else prices


def cost_of(usage: TokenUsage) -> Cost | None:
    """What one call costs by the prices in use; ``None`` when no price is known. Nothing is recorded."""
    return cost_meter.cost(usage)


def context_window_of(model: str, provider: str | None = None) -> int | None:
    """Tokens that a model takes, as ``genai-prices`` has it; ``None`` for what it does not know, or without it."""
    return cost_meter.genai.context_window(model, provider)
