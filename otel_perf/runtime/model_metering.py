"""Model calls: measured on the worker, priced beside it."""

from otel_perf.core.token_usage import usage_listeners
from otel_perf.optimize.model_calls import ModelCallMeter
from otel_perf.optimize.model_cost import cost_meter

__all__ = ["ModelMetering"]


class ModelMetering:
    """What one ``instrument()`` knows of model calls.

    Attributes:
        reader: What the worker has to tell of calls.
    """

    def __init__(self) -> None:
        """Nothing is priced before ``start``."""
        self.reader = ModelCallMeter()

    def start(self) -> None:
        """Price what is recorded from now on."""
        usage_listeners.add(cost_meter.on_usage)

    def settle(self) -> None:
        """Price what still waits for the price list; may load it, which takes 0.3 s."""
        cost_meter.settle()

    def stop(self) -> None:
        """Price no more."""
        usage_listeners.remove(cost_meter.on_usage)

    def after_fork_in_child(self) -> None:
        """Start empty."""
        cost_meter.after_fork_in_child()
