"""What the application gets from a meter of ours: SDK instruments that never raise and survive a fork.

Each wraps an instrument of the SDK. In a forked child the SDK's are made anew, so that the child starts at zero
instead of exporting its parent's counts a second time.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from opentelemetry.context import Context
from opentelemetry.metrics import (
    CallbackT,
    Counter,
    Histogram,
    Meter,
    NoOpMeter,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
    Synchronous,
    UpDownCounter,
)
from opentelemetry.util.types import Attributes

from otel_perf.core.guard import guard
from otel_perf.meters.callbacks import CallbackRunner

__all__ = ["OwnedMeter"]

Recipe: TypeAlias = Callable[[Meter], Any]
"""Makes one instrument on a meter."""


class Wrapped(Synchronous):
    """An instrument around the SDK's, which can be exchanged; what it does not know, the SDK's instrument answers."""

    def __init__(self, inner: Any) -> None:
        """Wrap an instrument of the SDK."""
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class OwnedCounter(Wrapped, Counter):
    """A counter."""

    def add(self, amount: float, attributes: Attributes = None, context: Context | None = None) -> None:
        """Add ``amount``, which is not negative."""
        guard.call("counter.add", self.inner.add, amount, attributes, context)


class OwnedUpDownCounter(Wrapped, UpDownCounter):
    """A counter that may go down."""

    def add(self, amount: float, attributes: Attributes = None, context: Context | None = None) -> None:
        """Add ``amount``."""
        guard.call("up_down_counter.add", self.inner.add, amount, attributes, context)


class OwnedHistogram(Wrapped, Histogram):
    """A histogram."""

    def record(self, amount: float, attributes: Attributes = None, context: Context | None = None) -> None:
        """Record ``amount``."""
        guard.call("histogram.record", self.inner.record, amount, attributes, context)


class OwnedGauge(Wrapped):
    """A gauge. The API's own class for it has no public name."""

    def set(self, amount: float, attributes: Attributes = None, context: Context | None = None) -> None:
        """Set the value."""
        guard.call("gauge.set", self.inner.set, amount, attributes, context)


class OwnedMeter(Meter):
    """A meter around the SDK's. An instrument that the SDK refuses to make is one that does nothing."""

    def __init__(self, inner: Meter, runner: CallbackRunner) -> None:
        """Wrap a meter of the SDK; ``runner`` runs the callbacks of observable instruments."""
        super().__init__(inner.name, inner.version, inner.schema_url)
        self._inner = inner
        self._runner = runner
        self._recipes: list[tuple[Recipe, Wrapped | None]] = []
        self._wrappers: dict[int, Wrapped] = {}

    def rebind(self, inner: Meter) -> None:
        """Make every instrument again on another meter: what a forked child does."""
        self._inner = inner
        self._wrappers = {}
        for recipe, wrapper in self._recipes:
            made = self._make(recipe)
            if wrapper is not None:
                wrapper.inner = made
                self._wrappers[id(made)] = wrapper

    def _make(self, recipe: Recipe) -> Any:
        made = guard.call("meter.create", recipe, self._inner)
        return recipe(NoOpMeter(self.name)) if made is None else made

    def _synchronous(self, kind: type[Wrapped], recipe: Recipe) -> Any:
        made = self._make(recipe)
        wrapper = self._wrappers.get(id(made))
        if wrapper is None:
            wrapper = self._wrappers[id(made)] = kind(made)
            self._recipes.append((recipe, wrapper))
        return wrapper

    def _observable(self, name: str, callbacks: Sequence[CallbackT] | None, create: Callable[..., Any]) -> Any:
        cached = [self._runner.add(name, callback) for callback in callbacks or ()]

        def recipe(meter: Meter) -> Any:
            return create(meter, cached)

        self._recipes.append((recipe, None))
        return self._make(recipe)

    def create_counter(self, name: str, unit: str = "", description: str = "") -> Counter:
        """See the API."""
        return self._synchronous(OwnedCounter, lambda meter: meter.create_counter(name, unit, description))  # type: ignore[no-any-return]

    def create_up_down_counter(self, name: str, unit: str = "", description: str = "") -> UpDownCounter:
        """See the API."""
        return self._synchronous(  # type: ignore[no-any-return]
            OwnedUpDownCounter, lambda meter: meter.create_up_down_counter(name, unit, description)
        )

    def create_histogram(
        self,
        name: str,
        unit: str = "",
        description: str = "",
        *,
        explicit_bucket_boundaries_advisory: Sequence[float] | None = None,
    ) -> Histogram:
        """See the API."""
        return self._synchronous(  # type: ignore[no-any-return]
            OwnedHistogram,
            lambda meter: meter.create_histogram(
                name, unit, description, explicit_bucket_boundaries_advisory=explicit_bucket_boundaries_advisory
            ),
        )

    def create_gauge(self, name: str, unit: str = "", description: str = "") -> Any:
        """See the API."""
        return self._synchronous(OwnedGauge, lambda meter: meter.create_gauge(name, unit, description))

    def create_observable_counter(
        self, name: str, callbacks: Sequence[CallbackT] | None = None, unit: str = "", description: str = ""
    ) -> ObservableCounter:
        """See the API."""
        return self._observable(  # type: ignore[no-any-return]
            name, callbacks, lambda meter, cached: meter.create_observable_counter(name, cached, unit, description)
        )

    def create_observable_gauge(
        self, name: str, callbacks: Sequence[CallbackT] | None = None, unit: str = "", description: str = ""
    ) -> ObservableGauge:
        """See the API."""
        return self._observable(  # type: ignore[no-any-return]
            name, callbacks, lambda meter, cached: meter.create_observable_gauge(name, cached, unit, description)
        )

    def create_observable_up_down_counter(
        self, name: str, callbacks: Sequence[CallbackT] | None = None, unit: str = "", description: str = ""
    ) -> ObservableUpDownCounter:
        """See the API."""
        return self._observable(  # type: ignore[no-any-return]
            name,
            callbacks,
            lambda meter, cached: meter.create_observable_up_down_counter(name, cached, unit, description),
        )
