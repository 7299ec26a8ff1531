"""What model calls cost: by a table of the user's, or by the data that the package ``genai-prices`` brings along.

Prices are never guessed: without one the cost is ``None``. Nothing is ever fetched; ``genai-prices`` can update itself
over the network, and that is never started here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final, Protocol

from otel_perf.core.background_import import background_import
from otel_perf.core.token_usage import TokenUsage

__all__ = ["Cost", "GenaiPrices", "Price", "PriceSource", "PriceTable"]

PER: Final = 1_000_000
"""Prices are per this many tokens, as providers print them."""

GENAI_PROVIDERS: Final[Mapping[str, str]] = {
    "aws.bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
}
"""``gen_ai.provider.name`` where ``genai-prices`` has another name for the same provider."""


@dataclass(frozen=True, slots=True)
class Cost:
    """A cost, and where its price comes from.

    Attributes:
        usd: US dollars.
        source: ``reported``, the name of the user's table, or ``genai-prices`` and its version.
        estimated: Whether the tokens were estimated; the price is never.
    """

    usd: float
    source: str
    estimated: bool = False


class PriceSource(Protocol):
    """Knows prices."""

    @property
    def ready(self) -> bool:
        """Whether ``cost`` answers at once; the first use of a large source may have to load it."""
        ...

    def cost(self, usage: TokenUsage) -> Cost | None:
        """The cost of one call; ``None`` when no price is known for all of it. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Price:
    """Prices of one model in US dollars per million tokens.

    Attributes:
        input: Of input tokens.
        output: Of output tokens; 0 for a model that gives none (embeddings).
        cache_read: Of input tokens read from the provider's cache; ``None`` is unknown, and makes such calls unpriced.
        cache_write: Of input tokens written to the provider's cache; ``None`` as above.
    """

    input: float
    output: float = 0.0
    cache_read: float | None = None
    cache_write: float | None = None

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: A price is negative or no number.
        """
        for name in ("input", "output", "cache_read", "cache_write"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise ValueError(f"the price {name} must be a number from 0 on, not {value!r}")

    def usd(self, usage: TokenUsage) -> float | None:
        """The cost of one call in US dollars; ``None`` when a number or a price that it takes is unknown."""
        counted = _counted(usage)
        if counted is None:
            return None
        tokens_in, tokens_out = counted
        read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
        if (read and self.cache_read is None) or (written and self.cache_write is None):
            return None
        fresh = max(0, tokens_in - read - written)
        cached = read * (self.cache_read or 0.0) + written * (self.cache_write or 0.0)
        return (fresh * self.input + cached + tokens_out * self.output) / PER


class PriceTable:
    """Prices of the user's own. Immutable; safe in any thread.

    >>> table = PriceTable({"my-model": Price(input=0.5, output=1.5), "gpt-4o-*": Price(2.5, 10.0, cache_read=1.25)})
    """

    def __init__(self, prices: Mapping[str, Price], *, name: str = "table") -> None:
        """Keep a copy.

        Args:
            prices: Price by model, ``provider/model`` or beginning of a model's name with a ``*`` at its end. An exact
                name wins over a beginning, a longer beginning over a shorter one, a provider's over all.
            name: What ``Cost.source`` says, such as the date of the price list.
        """
        self._exact = {key.lower(): price for key, price in prices.items() if not key.endswith("*")}
        starts = {key[:-1].lower(): price for key, price in prices.items() if key.endswith("*")}
        self._starts = sorted(starts.items(), key=lambda entry: -len(entry[0]))
        self.name = name

    @property
    def ready(self) -> bool:
        """Always."""
        return True

    def price(self, model: str, provider: str | None = None) -> Price | None:
        """The price of a model; ``None`` when the table has none."""
        plain = model.lower()
        names = (plain,) if provider is None else (f"{provider.lower()}/{plain}", plain)
        for name in names:
            if name in self._exact:
                return self._exact[name]
        for name in names:
            for start, price in self._starts:
                if name.startswith(start):
                    return price
        return None

    def cost(self, usage: TokenUsage) -> Cost | None:
        """The cost of one call; ``None`` when no price is known for all of it."""
        price = None if usage.model is None else self.price(usage.model, usage.provider)
        usd = None if price is None else price.usd(usage)
        return None if usd is None else Cost(usd, self.name, usage.estimated)


class GenaiPrices:
    """The price list of the package ``genai-prices``, as installed: some 65 us a call, 0.3 s to load at first.

    Prices are the providers' public ones, tiers included, as of the package's release. A service of which it knows
    nothing gives no cost, and neither does an unknown model.
    """

    def __init__(self, package: Any = None) -> None:
        """Look whether the package is there; it is loaded by ``load`` or the first ``cost``.

        Args:
            package: The package, where the application has imported it, or something with the same functions.
        """
        self._package = package
        self.installed = package is not None or _is_installed()

    @property
    def ready(self) -> bool:
        """Whether it is loaded, or not installed."""
        return self._package is not None or not self.installed

    @property
    def version(self) -> str | None:
        """Version of the price list; ``None`` before it is loaded."""
        return None if self._package is None else str(self._package.__version__)

    def load(self) -> None:
        """Load the price list, unless that was done."""
        if self.ready:
            return
        try:
            with background_import():
                import genai_prices  # noqa: PLC0415 - an extra, and heavy
        except ImportError:
            self.installed = False
        else:
            self._package = genai_prices

    def cost(self, usage: TokenUsage) -> Cost | None:
        """The cost of one call; ``None`` when no price is known for all of it."""
        self.load()
        counted = _counted(usage)
        if self._package is None or usage.model is None or counted is None:
            return None
        amounts = {
            "input_tokens": counted[0],
            "output_tokens": counted[1],
            "cache_read_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        }
        given = {name: amount for name, amount in amounts.items() if amount is not None}
        provider = usage.provider and GENAI_PROVIDERS.get(usage.provider, usage.provider)
        try:
            found = self._package.calc_price(self._package.Usage(**given), usage.model, provider_id=provider)
        except (LookupError, ValueError):  # unknown model or provider; numbers that contradict each other
            return None
        updated = "" if found.auto_update_timestamp is None else " (updated by the application)"
        return Cost(float(found.total_price), f"genai-prices {self.version}{updated}", usage.estimated)

    def context_window(self, model: str, provider: str | None = None) -> int | None:
        """Tokens that a model takes, request and answer together, as the list has it; ``None`` when it does not."""
        self.load()
        if self._package is None:
            return None
        known = provider and GENAI_PROVIDERS.get(provider, provider)
        try:
            priced = self._package.calc_price(self._package.Usage(input_tokens=0), model, provider_id=known)
        except (LookupError, ValueError):
            return None
        window = priced.model.context_window
        return int(window) if window else None


def _is_installed() -> bool:
    try:
        return find_spec("genai_prices") is not None
    except ValueError:  # somebody put something without a specification in its place
        return False


def _counted(usage: TokenUsage) -> tuple[int, int] | None:
    """Input and output tokens; embeddings have no output, everything else needs both."""
    if usage.input_tokens is None:
        return None
    if usage.output_tokens is None:
        return (usage.input_tokens, 0) if usage.operation == "embeddings" else None
    return usage.input_tokens, usage.output_tokens
