"""The hook for systems beside the application: memory benchmarks, overflow handling, model adaptation.

Such a system takes an object of the protocol ``IntegrationHook`` and tells it what happened. Give it
``integration_hook``, and what happened becomes metrics; in its own tests it gets
``otel_perf.testing.hook.HookDouble``, which only remembers. Without ``instrument()`` the hook costs next to nothing.
"""

from collections.abc import Mapping
from typing import Final, Protocol, runtime_checkable

from otel_perf.core.conversation_signals import CONTEXT_OVERFLOW
from otel_perf.core.custom_metrics import record_custom_metric
from otel_perf.core.guard import guard
from otel_perf.core.kpis import record_adaptation
from otel_perf.core.recording import record

__all__ = ["IntegrationHook", "RecordingHook", "integration_hook"]

MOST_FIGURES: Final = 32
"""Figures of one benchmark that become metrics; the number of custom metrics is bounded besides."""


@runtime_checkable
class IntegrationHook(Protocol):
    """What such a system tells."""

    def on_benchmark(self, name: str, figures: Mapping[str, float]) -> None:
        """A benchmark ended.

        Args:
            name: Which one; a few names.
            figures: What it measured, by name with the unit as suffix: ``{"peak_memory_bytes": 1.2e9}``.
        """
        ...

    def on_overflow(self, conversation: str | None = None) -> None:
        """A context did not fit its model and was dealt with.

        Args:
            conversation: The kind of conversation; a few names.
        """
        ...

    def on_adaptation(self, *, success: bool, model: str | None = None) -> None:
        """A model, prompt or strategy was adapted.

        Args:
            success: Whether that did what it was to do.
            model: Which model.
        """
        ...


class RecordingHook:
    """Makes metrics of what it is told. Never raises, never blocks, whatever it is given."""

    def on_benchmark(self, name: str, figures: Mapping[str, float]) -> None:
        """Each figure becomes the custom metric ``benchmark.<figure>`` with the tag ``benchmark``."""
        guard.call("integration", self._on_benchmark, name, figures)

    def _on_benchmark(self, name: str, figures: Mapping[str, float]) -> None:
        for figure, value in list(figures.items())[:MOST_FIGURES]:
            record_custom_metric(f"benchmark.{figure}", value, {"benchmark": name})

    def on_overflow(self, conversation: str | None = None) -> None:
        """Counted in ``otel_perf.context.overflow``."""
        label = None if conversation is None else guard.call("integration", str, conversation)
        record(CONTEXT_OVERFLOW, 1, label)

    def on_adaptation(self, *, success: bool, model: str | None = None) -> None:
        """Counted in ``otel_perf.kpi.adaptation.attempts`` and ``successes``."""
        record_adaptation(success, model=model)


integration_hook: Final = RecordingHook()
"""The hook to hand out."""
