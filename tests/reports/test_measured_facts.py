"""What a run summary says about measurements: from metric values to lines, absent ones left out."""

from collections.abc import Mapping

import pytest

from otel_perf.core.signals import METRICS
from otel_perf.core.tool_signals import METRICS as OF_CALLS
from otel_perf.meters.fold import ToolMeters
from otel_perf.meters.readings import read_metrics
from otel_perf.meters.sources import MetricSources
from otel_perf.reports.measured_facts import measured_facts
from otel_perf.reports.measured_table import MeasuredTable
from otel_perf.reports.metric_values import MetricValue, metric_values
from tests.meters.calls import full_sources, some_measurements

MIB = 1024 * 1024


def lines(*values: MetricValue) -> dict[str, list[str]]:
    """Texts by label; a line without a label goes on with the one above."""
    found: dict[str, list[str]] = {}
    label = ""
    for fact in measured_facts(MeasuredTable(values)):
        label = fact.label or label
        found.setdefault(label, []).append(fact.text)
    return found


def number(name: str, value: float, **labels: str) -> MetricValue:
    """A counter or gauge; ``__`` in a label's name stands for a dot."""
    return MetricValue(name, "1", value=value, labels=_dotted(labels))


def histogram(name: str, count: int, total: float, maximum: float | None = None, **labels: str) -> MetricValue:
    """A distribution."""
    return MetricValue(name, "1", count=count, total=total, maximum=maximum, labels=_dotted(labels))


def _dotted(labels: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("__", "."): value for name, value in labels.items()}


def test_nothing_measured_says_nothing() -> None:
    """No line, and no zero."""
    assert lines() == {}


def test_a_cache_is_told_with_its_ratio() -> None:
    """Hits of all look-ups; what was not measured of it is left out."""
    cache = {"otel_perf__cache__name": "pages"}
    assert lines(
        number("otel_perf.cache.requests", 700, **cache, otel_perf__cache__result="hit"),
        number("otel_perf.cache.requests", 300, **cache, otel_perf__cache__result="miss"),
        number("otel_perf.cache.saved_time", 3.5, **cache),
    ) == {"Cache": ["pages: 1,000 look-ups, 70.0 % hits, 3.50 s saved"]}


def test_tokens_say_how_they_were_obtained() -> None:
    """Counted or estimated, by which method, and the cost where prices are known."""
    of = {"gen_ai__request__model": "gpt-4o", "otel_perf__token__method": "o200k_base"}
    counted = [
        histogram("gen_ai.client.token.usage", 2, 300, gen_ai__token__type="input", **of),
        histogram("gen_ai.client.token.usage", 2, 40, gen_ai__token__type="output", **of),
    ]
    assert lines(*counted) == {"Tokens": ["gpt-4o: 300 input, 40 output, counted (o200k_base)"]}
    cost = number("otel_perf.model.cost", 0.0123, gen_ai__request__model="gpt-4o")
    assert lines(*counted, cost)["Tokens"][0].endswith("$0.0123")
    estimated = histogram(
        "gen_ai.client.token.usage", 1, 7, gen_ai__token__type="input", otel_perf__token__estimated="true", **of
    )
    assert "estimated" in lines(estimated)["Tokens"][0]


def test_machine_and_process_are_one_line_each() -> None:
    """CPU is what is not idle; memory beside its limit; parts that are absent are left out."""
    assert lines(
        number("system.cpu.utilization", 0.75, cpu__mode="idle"),
        number("system.cpu.utilization", 0.20, cpu__mode="user"),
        number("system.cpu.logical.count", 8),
        number("system.memory.usage", 6 * 1024 * MIB, system__memory__state="used"),
        number("system.memory.limit", 16 * 1024 * MIB),
        number("process.memory.usage", 245 * MIB),
        number("process.thread.count", 12),
    ) == {
        "System": ["CPU 25.0 % of 8 cores, memory 6.00 GiB of 16.0 GiB"],
        "Process": ["memory 245 MiB, 12 threads"],
    }


def test_operations_conversations_limits_and_indicators() -> None:
    """One line for each name."""
    found = lines(
        histogram("otel_perf.operation.duration", 4, 0.4, otel_perf__operation__name="build"),
        histogram("otel_perf.operation.memory.peak", 4, 1.0, 212 * MIB, otel_perf__operation__name="build"),
        number("otel_perf.memory.trim", 3, otel_perf__conversation__name="chat"),
        number("otel_perf.memory.utilization", 0.78, otel_perf__conversation__name="chat"),
        number("otel_perf.rate_limit.decisions", 90, otel_perf__rate_limit__name="api", **ALLOWED),
        number("otel_perf.rate_limit.decisions", 10, otel_perf__rate_limit__name="api", **DENIED),
        histogram("otel_perf.kpi.f1_score", 2, 1.8),
        MetricValue("otel_perf.kpi.rejected", "{value}", value=1),
    )
    assert found["Operations"] == ["build: 4 times, 100 ms on average, memory peak 212 MiB"]
    assert found["Conversation"] == ["chat: 3 trims, 78.0 % full"]
    assert found["Rate limit"] == ["api: 100 checks, 10 denied"]
    assert found["KPIs"] == ["f1_score: 0.9, 2 values"]


ALLOWED = {"otel_perf__rate_limit__decision": "allow"}
DENIED = {"otel_perf__rate_limit__decision": "deny"}


def test_names_are_made_safe_for_a_terminal() -> None:
    """A cache that is called by an escape sequence moves no cursor."""
    values = [number("otel_perf.cache.requests", 1, otel_perf__cache__name="\x1b[2J", otel_perf__cache__result="hit")]
    assert lines(*values)["Cache"][0].startswith("\\x1b[2J: ")


@pytest.mark.parametrize("value", [value for value in METRICS if value not in OF_CALLS], ids=lambda spec: spec.name)
def test_every_measured_metric_is_in_the_summary(value: object) -> None:
    """With its labels, in the order of the catalogue; a histogram with count, sum and extremes."""
    meters = ToolMeters()
    meters.measured.on_measurements(some_measurements())
    found = {entry.name: entry for entry in metric_values(read_metrics(meters, full_sources()))}
    entry = found[value.name]  # type: ignore[attr-defined]
    assert set(entry.labels.values()) <= {"x"}
    assert entry.value == 1 or (entry.count, entry.total, entry.mean, entry.maximum) == (1, 1, 1, 1)


def test_calls_and_ledger_are_left_to_the_rest_of_the_summary() -> None:
    """They are not repeated among the measurements."""
    assert metric_values(read_metrics(ToolMeters(), MetricSources())) == ()
