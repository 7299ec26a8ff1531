"""Model calls: measured on the worker, priced beside it; and how long the conversations with models may grow."""

from typing import Literal

from otel_perf.core.token_usage import usage_listeners
from otel_perf.optimize.model_calls import ModelCallMeter
from otel_perf.optimize.model_cost import cost_meter
from otel_perf.optimize.trim_policy import TrimPolicy, use_default_policy

__all__ = ["ModelMetering"]


class ModelMetering:
    """What one ``instrument()`` knows of model calls.

    Attributes:
        reader: What the worker has to tell of calls.
    """

    def __init__(self, preset: Literal["development", "production", "high_throughput"] | None) -> None:
        """Nothing is priced before ``start``."""
        self.reader = ModelCallMeter()
        self._preset = preset

    def start(self) -> None:
        """Price what is recorded from now on."""
        usage_listeners.add(cost_meter.on_usage)
        use_default_policy(None if self._preset is None else TrimPolicy.preset(self._preset))

    def settle(self) -> None:
        """Price what still waits for the price list; may load it, which takes 0.3 s."""
        cost_meter.settle()

    def stop(self) -> None:
        """Price no more."""
        usage_listeners.remove(cost_meter.on_usage)
        use_default_policy(None)

    def after_fork_in_child(self) -> None:
        """Start empty."""
        cost_meter.after_fork_in_child()
