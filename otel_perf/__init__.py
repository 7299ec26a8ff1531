"""OpenTelemetry for tool calls: one line at start-up, cheap enough to leave on.

>>> import otel_perf
>>> handle = otel_perf.instrument(service_name="my-agent")
>>> @otel_perf.tool
... def search(query: str) -> list[str]:
...     return []

Names are loaded when they are first used: ``import otel_perf`` costs a few milliseconds over the OpenTelemetry API.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from otel_perf._version import __version__
    from otel_perf.config.settings import Settings
    from otel_perf.core.cache_access import record_cache_access
    from otel_perf.core.custom_metrics import record_custom_metric
    from otel_perf.core.kpis import record_kpi
    from otel_perf.probes.operation import measure
    from otel_perf.runtime.handle import Handle
    from otel_perf.runtime.instrument import instrument
    from otel_perf.runtime.perf_span_processor import PerfSpanProcessor
    from otel_perf.tracing.calls import agent, suppress, tool_call
    from otel_perf.tracing.record_tokens import record_tokens
    from otel_perf.tracing.scores import record_score
    from otel_perf.tracing.tool import tool

__all__ = [
    "Handle",
    "PerfSpanProcessor",
    "Settings",
    "__version__",
    "agent",
    "instrument",
    "measure",
    "record_cache_access",
    "record_custom_metric",
    "record_kpi",
    "record_score",
    "record_tokens",
    "suppress",
    "tool",
    "tool_call",
]

_HOMES = {
    "Handle": "runtime.handle",
    "PerfSpanProcessor": "runtime.perf_span_processor",
    "Settings": "config.settings",
    "__version__": "_version",
    "agent": "tracing.calls",
    "instrument": "runtime.instrument",
    "measure": "probes.operation",
    "record_cache_access": "core.cache_access",
    "record_custom_metric": "core.custom_metrics",
    "record_kpi": "core.kpis",
    "record_score": "tracing.scores",
    "record_tokens": "tracing.record_tokens",
    "suppress": "tracing.calls",
    "tool": "tracing.tool",
    "tool_call": "tracing.calls",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
