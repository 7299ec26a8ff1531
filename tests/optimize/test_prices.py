import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from subprocess import run
from types import SimpleNamespace
from typing import Any

import pytest

from otel_perf.core.token_usage import TokenUsage
from otel_perf.optimize.model_cost import CostMeter, context_window_of, cost_of, use_prices
from otel_perf.optimize.prices import Cost, GenaiPrices, Price, PriceTable

MILLION = 1_000_000


def usage(model: str | None = "m", **numbers: Any) -> TokenUsage:
    """A call of a million tokens in and out, unless said otherwise."""
    return TokenUsage(model=model, **{"input_tokens": MILLION, "output_tokens": MILLION, **numbers})


def test_a_table_prices_what_it_knows() -> None:
    """Input, output and both kinds of cached input have prices of their own; cached input is not paid twice."""
    table = PriceTable({"m": Price(input=2.0, output=10.0, cache_read=0.5, cache_write=2.5)}, name="our prices")
    assert table.cost(usage()) == Cost(12.0, "our prices")
    cached = usage(cache_read_tokens=MILLION // 2, cache_write_tokens=MILLION // 4)
    assert table.cost(cached) == Cost(0.25 * 2.0 + 0.5 * 0.5 + 0.25 * 2.5 + 10.0, "our prices")
    assert table.cost(usage(estimated=True)) == Cost(12.0, "our prices", estimated=True)


@pytest.mark.parametrize(
    "unknown",
    [
        usage("other"),
        usage(None),
        usage(input_tokens=None),
        usage(output_tokens=None),
        usage(cache_read_tokens=1),
        usage(cache_write_tokens=1),
    ],
)
def test_what_is_not_known_has_no_price(unknown: TokenUsage) -> None:
    """An unknown model, an unknown number, a cached token without a price: no cost, rather than a wrong one."""
    assert PriceTable({"m": Price(2.0, 10.0)}).cost(unknown) is None


def test_embeddings_need_no_output() -> None:
    """A call that gives no tokens is priced by its input alone."""
    table = PriceTable({"e": Price(0.1)})
    assert table.cost(usage("e", output_tokens=None, operation="embeddings")) == Cost(0.1, "table")


def test_names_and_beginnings() -> None:
    """An exact name wins over a beginning, a longer beginning over a shorter one, a provider's over all."""
    table = PriceTable({
        "gpt-*": Price(1.0), "gpt-4*": Price(2.0), "GPT-4o": Price(3.0), "azure/gpt-4o": Price(4.0),
    })  # fmt: skip
    found = [table.price(name) for name in ("gpt-3", "gpt-4-turbo", "gpt-4O", "o1")]
    assert found == [Price(1.0), Price(2.0), Price(3.0), None]
    assert table.price("gpt-4o", "azure") == Price(4.0)
    assert table.price("gpt-4o", "openai") == Price(3.0)


@pytest.mark.parametrize("price", [-1.0, float("nan"), float("inf")])
def test_a_price_is_a_number_from_zero_on(price: float) -> None:
    """A price that is none is a mistake of the programmer, told at once."""
    with pytest.raises(ValueError, match="the price input must be a number from 0 on"):
        Price(price)


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4o-mini-2024-07-18", "openai"),
        ("gpt-4o", "azure.ai.openai"),
        ("claude-sonnet-4-20250514", "anthropic"),
        ("gemini-2.0-flash", "gcp.gemini"),
        ("claude-sonnet-4-20250514", None),
    ],
)
def test_costs_are_those_of_the_price_list(model: str, provider: str | None) -> None:
    """A call costs what genai-prices says, under the conventions' names of providers, with the list's version."""
    package = import_module("genai_prices")
    prices = GenaiPrices()
    found = prices.cost(TokenUsage(model, provider, "chat", 1000, 100, cache_read_tokens=200))
    names = {"azure.ai.openai": "azure", "gcp.gemini": "google"}
    expected = package.calc_price(
        package.Usage(input_tokens=1000, output_tokens=100, cache_read_tokens=200),
        model,
        provider_id=provider and names.get(provider, provider),
    )
    assert found is not None
    assert found.usd == float(expected.total_price) > 0
    assert found.source == f"genai-prices {version('genai-prices')}"


@pytest.mark.parametrize(
    "unknown",
    [
        TokenUsage("no-such-model", "openai", "chat", 10, 10),
        TokenUsage("gpt-4o", "no-such-provider", "chat", 10, 10),
        TokenUsage("gpt-4o", "openai", "chat", 10, 10, cache_read_tokens=50),
        TokenUsage("gpt-4o", "openai", "chat", 10),
        TokenUsage(None, "openai", "chat", 10, 10),
    ],
)
def test_the_price_list_invents_nothing(unknown: TokenUsage) -> None:
    """What it does not know, or what contradicts itself, has no cost."""
    assert GenaiPrices().cost(unknown) is None


def test_the_users_prices_come_first() -> None:
    """A reported cost wins over the user's table, the table over the list, and the list fills what it leaves."""
    try:
        use_prices({"gpt-4o": Price(1.0, 1.0)}, name="contract 2026")
        known = TokenUsage("gpt-4o", "openai", "chat", MILLION, 0)
        assert cost_of(known) == Cost(1.0, "contract 2026")
        assert cost_of(TokenUsage("gpt-4o", "openai", "chat", 1, 1, cost_usd=7.0)) == Cost(7.0, "reported")
        other = cost_of(TokenUsage("gpt-4o-mini", "openai", "chat", MILLION, 0))
        assert other is not None
        assert other.source.startswith("genai-prices ")
    finally:
        use_prices(None)
    again = cost_of(known)
    assert again is not None
    assert again.source.startswith("genai-prices ")


def test_the_context_window_is_known_or_not() -> None:
    """The list knows the window of a public model and says nothing of others."""
    assert context_window_of("gpt-4o") == 128_000
    assert context_window_of("no-such-model") is None


def test_without_the_package_there_is_no_price() -> None:
    """In a process that cannot import the price list a call has no cost, a model no window; a table works."""
    program = (
        "import sys; sys.modules['genai_prices'] = None\n"
        "from otel_perf.core.token_usage import TokenUsage\n"
        "from otel_perf.optimize.model_cost import context_window_of, cost_of, use_prices\n"
        "from otel_perf.optimize.prices import Price\n"
        "call = TokenUsage('gpt-4o', 'openai', 'chat', 1_000_000, 0)\n"
        "assert cost_of(call) is None and context_window_of('gpt-4o') is None\n"
        "use_prices({'gpt-4o': Price(2.0, 1.0)})\n"
        "print(cost_of(call).usd)"
    )
    done = run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
               cwd=Path(__file__).parents[2])  # fmt: skip
    assert done.stdout == "2.0\n"


def test_nothing_is_fetched() -> None:
    """Pricing a call opens no socket and starts no update of the list, in a process of its own."""
    program = (
        "import socket, sys, threading\n"
        "seen = []\n"
        "sys.addaudithook(lambda name, args: seen.append(name) if name.startswith('socket.') else None)\n"
        "from otel_perf.core.token_usage import TokenUsage\n"
        "from otel_perf.optimize.model_cost import cost_of\n"
        "assert cost_of(TokenUsage('gpt-4o', 'openai', 'chat', 10, 10)).usd > 0\n"
        "print([name for name in seen if name in ('socket.connect', 'socket.getaddrinfo')], threading.active_count())"
    )
    done = run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
               cwd=Path(__file__).parents[2])  # fmt: skip
    assert done.stdout == "[] 1\n"


def test_prices_that_the_application_updated_say_so() -> None:
    """Where the application let the list update itself, the source says that it is not the one installed."""
    calculation = SimpleNamespace(total_price=1.5, auto_update_timestamp="today")
    package = SimpleNamespace(__version__="9", Usage=lambda **_: None, calc_price=lambda *_, **__: calculation)
    assert GenaiPrices(package).cost(usage()) == Cost(1.5, "genai-prices 9 (updated by the application)")


def test_usages_wait_while_the_list_is_loaded() -> None:
    """Calls that come before the list is there are priced once it is; nothing is lost and the caller never waits."""

    class Slow(GenaiPrices):
        """A list that is loaded when it is asked for."""

        loaded = False

        @property
        def ready(self) -> bool:
            """Not before somebody asked for a cost."""
            return self.loaded

        def cost(self, usage: TokenUsage) -> Cost | None:
            """A dollar per call."""
            self.loaded = True
            return Cost(1.0, "slow", usage.estimated)

    told: list[float] = []
    meter = CostMeter(genai=Slow())
    meter.add_listener(lambda _, cost: told.append(cost.usd))
    for _ in range(5):
        meter.on_usage(usage())
    meter.settle()
    assert told == [1.0] * 5
