"""The tracer provider: our own when nobody has set one, somebody else's adopted otherwise.

An adopted provider is only ever added to, by public calls; never replaced, never shut down.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, SynchronousMultiSpanProcessor
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
from opentelemetry.sdk.trace.sampling import Sampler, SamplingResult
from opentelemetry.util.types import Attributes

from otel_perf.core.guard import guard, logger

__all__ = ["OwnedProcessors", "Ownership", "Provision", "provide"]

Ownership: TypeAlias = Literal["owned", "adopted", "private"]
"""``owned``: ours and global. ``adopted``: the application's. ``private``: ours, and somebody else's is global."""


class OwnedProcessors(SynchronousMultiSpanProcessor):
    """The processors of a provider that we made: ours first, then those that the application adds later."""

    def __init__(self, ours: SpanProcessor) -> None:
        """Begin with our processor alone."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._ours = ours
        self.added = 0
        self.on_added: Callable[[], None] = _nothing

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Add one of the application's: from now on tool spans must be SDK spans, for it to see them."""
        super().add_span_processor(span_processor)
        self.added += 1
        guard.call("provider.added", self.on_added)

    def release(self) -> None:
        """Tell nobody any more of processors that are added."""
        self.on_added = _nothing

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Tell ours, then the others."""
        self._ours.on_start(span, parent_context)
        if self.added:
            super().on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Tell ours, then the others."""
        self._ours.on_end(span)
        if self.added:
            super().on_end(span)


class CurrentSampler(Sampler):
    """The sampler of the present ``instrument()``: a tracer keeps for ever the sampler object it was made with."""

    def __init__(self, sampler: Sampler) -> None:
        """Begin with one."""
        self.current = sampler

    def should_sample(  # noqa: PLR0913, PLR0917 - the SDK's signature
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: trace.SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[trace.Link] | None = None,
        trace_state: trace.TraceState | None = None,
    ) -> SamplingResult:
        """What the present one decides."""
        return self.current.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """What the present one says of itself."""
        return self.current.get_description()


@dataclass(slots=True)
class Provision:
    """The provider that is in use.

    Attributes:
        provider: The SDK provider; ``None`` never.
        ownership: Whose it is.
        processors: The processors of our own provider; ``None`` for an adopted one.
        sampler: The sampler of our own provider; ``None`` for an adopted one.
        note: One line about it that a user should know, if any.
    """

    provider: SdkTracerProvider
    ownership: Ownership
    processors: OwnedProcessors | None
    sampler: CurrentSampler | None = None
    note: str | None = None


class _Known:
    """What this process has set up before: the global provider can be set only once, and a processor only added."""

    def __init__(self) -> None:
        self.lock: Final = threading.Lock()
        self.owned: Provision | None = None
        self.adopted: SdkTracerProvider | None = None


_known: Final = _Known()


def provide(
    ours: SpanProcessor,
    *,
    given: trace.TracerProvider | None,
    resource: Resource,
    sampler: Sampler,
    limits: SpanLimits,
    set_global: bool,
) -> Provision:
    """Find or make the provider.

    Args:
        ours: The processor that hands other libraries' spans to the intake; added once per provider.
        given: The provider that the application passed, if any; it wins over the global one.
        resource: Resource of an own provider.
        sampler: Sampler of an own provider.
        limits: Span limits of an own provider.
        set_global: Whether an own provider becomes the global one.
    """
    with _known.lock:
        present = trace.get_tracer_provider() if given is None else given
        owned = _known.owned
        if isinstance(present, SdkTracerProvider) and (owned is None or present is not owned.provider):
            return _adopt(present, ours)
        if owned is None:
            owned = _known.owned = _make(ours, resource, sampler, limits)
        else:
            _renew(owned, resource, sampler)
        if owned.ownership == "private":
            _publish(owned, present, set_global=set_global)
        return owned


def _make(ours: SpanProcessor, resource: Resource, sampler: Sampler, limits: SpanLimits) -> Provision:
    processors, current = OwnedProcessors(ours), CurrentSampler(sampler)
    provider = SdkTracerProvider(
        sampler=current,
        resource=resource,
        shutdown_on_exit=False,
        active_span_processor=processors,
        span_limits=limits,
    )
    return Provision(provider, "private", processors, current)


def _renew(owned: Provision, resource: Resource, sampler: Sampler) -> None:
    """Our provider again, in another life: the sampler is renewed, the resource cannot be."""
    if owned.sampler is not None:
        owned.sampler.current = sampler
    same = owned.provider.resource.attributes.get("service.name") == resource.attributes.get("service.name")
    kept = "spans of other libraries keep the service name that was set first in this process"
    owned.note = None if same else kept


def _publish(owned: Provision, present: trace.TracerProvider, *, set_global: bool) -> None:
    """Make our provider the global one, if that is wanted and nobody else's is."""
    if not isinstance(present, trace.ProxyTracerProvider):
        kind = f"{type(present).__module__}.{type(present).__qualname__}"
        owned.note = f"the tracer provider {kind} is not the OpenTelemetry SDK's; its spans cannot be read"
    elif set_global:
        trace.set_tracer_provider(owned.provider)
        owned.ownership = "owned"


def _adopt(present: SdkTracerProvider, ours: SpanProcessor) -> Provision:
    if _known.adopted is not present:
        present.add_span_processor(ours)
        _known.adopted = present
    logger.info("otel_perf: using the application's tracer provider; tool spans are SDK spans and cost as much")
    return Provision(present, "adopted", None)


def _nothing() -> None:
    return None
