"""Everything that leaves the process, made from the settings: destinations for spans, metrics and events."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExporter

from otel_perf.config.destinations import Destination
from otel_perf.config.loaded import Loaded
from otel_perf.config.proxies import proxy_for
from otel_perf.core.clock import system_clock
from otel_perf.core.guard import guard
from otel_perf.core.ledger import DestinationAccount, DestinationBalance
from otel_perf.delivery.destination import (
    DeltaMetricDestination,
    LogDestination,
    MetricDestination,
    SpanDestination,
)
from otel_perf.delivery.event_console import EventConsole
from otel_perf.delivery.exporter_destination import ExporterDestination
from otel_perf.delivery.log_delivery import LogDelivery
from otel_perf.delivery.log_encoder import LogEncoder
from otel_perf.delivery.queues import QueueLimits
from otel_perf.delivery.readable_delivery import ReadableDelivery
from otel_perf.delivery.sender_hooks import ExportFailure, Hooks, SenderSettings
from otel_perf.delivery.span_delivery import SpanDelivery
from otel_perf.delivery.span_encoder import SpanEncoder
from otel_perf.delivery.span_request import encode_resource, encode_scope
from otel_perf.delivery.tail_sampling import TailPolicy, TailSampler
from otel_perf.delivery.transport import open_transport
from otel_perf.pipeline.event_flow import EventFlow
from otel_perf.pipeline.ticker import Job
from otel_perf.pipeline.worker import Carrier
from otel_perf.runtime.on_disk import OnDisk
from otel_perf.runtime.origin import SCOPE
from otel_perf.runtime.surroundings import Surroundings

__all__ = ["Extras", "Outlets"]

LOOK_SECONDS = 10.0
"""How often it is looked for events that an earlier process has left, as long as this one has had none."""


@dataclass(frozen=True, slots=True)
class Extras:
    """What an application hands over as objects, and no file or variable can say.

    Attributes:
        exporters: Its own span exporters; each becomes a destination.
        on_export_error: Told of every failed attempt to deliver, on a thread of ours.
    """

    exporters: Sequence[SpanExporter] = ()
    on_export_error: Callable[[ExportFailure], None] | None = None


class Outlet(Protocol):
    """What every destination can do."""

    @property
    def account(self) -> DestinationAccount:
        """Its account."""
        ...

    def start(self) -> None:
        """Start its thread."""
        ...

    def hurry(self) -> None:
        """Deliver what waits as soon as possible, without waiting for it."""
        ...

    def flush(self, deadline_ns: int) -> bool:
        """Deliver what waits."""
        ...

    def close_by(self, deadline_ns: int) -> None:
        """Begin to end: deliver what waits until the deadline."""
        ...

    def shutdown(self, deadline_ns: int) -> bool:
        """Deliver what waits, then end."""
        ...

    def after_fork_in_child(self) -> None:
        """Start empty."""
        ...


class Outlets:
    """All destinations of one pipeline.

    Attributes:
        encoder: Makes the spans' wire form, once for all destinations.
        spans: Where spans go.
        exporters: The application's own span exporters.
        metrics: Where metrics go.
        logs: Where events go; no thread of theirs runs before the first event.
        on_disk: What is kept in the state folder.
        tail_sampler: Holds spans back until their trace has ended; ``None`` unless asked for.
    """

    def __init__(
        self, loaded: Loaded, resource: Resource, extras: Extras, surroundings: Surroundings | None = None
    ) -> None:
        """Make one outlet per destination and signal; nothing is connected yet."""
        self._loaded = loaded
        self._hooks = Hooks(on_export_error=extras.on_export_error)
        self.on_disk = OnDisk(loaded)
        surroundings = surroundings or Surroundings()
        self.encoder = make_encoder(resource)
        self.spans: tuple[SpanDestination, ...] = tuple(
            self._spans_to(to) for to in surroundings.reachable(loaded.destinations.traces)
        )
        self.metrics: tuple[MetricDestination, ...] = tuple(
            self._metrics_to(to) for to in surroundings.reachable(loaded.destinations.metrics)
        )
        self._log_places = tuple(surroundings.reachable(loaded.destinations.logs))
        self.logs: tuple[LogDestination, ...] = tuple(map(self._logs_to, self._log_places))
        self._log_encoder = LogEncoder(self.encoder.group, system_clock)
        self._event_console = EventConsole(system_clock) if "console" in loaded.settings.logs_exporters else None
        self.exporters = tuple(
            ExporterDestination(f"{type(exporter).__name__}-{number}", exporter, hooks=self._hooks)
            for number, exporter in enumerate((*extras.exporters, *_console(loaded)), 1)
        )
        self.tail_sampler = self._make_tail_sampler()

    def _make_tail_sampler(self) -> TailSampler | None:
        settings = self._loaded.settings
        if not settings.tail_sampling or not self.spans:
            return None
        policy = TailPolicy(
            slow_seconds=settings.tail_slow_seconds,
            ratio=settings.tail_ratio,
            grace_seconds=settings.tail_grace_seconds,
            max_bytes=settings.tail_max_bytes,
        )
        return TailSampler(self.spans, policy)

    def _spans_to(self, to: Destination) -> SpanDestination:
        return SpanDestination(
            to.name, open_transport(to, proxy=proxy_for(to)), self._sender_settings(to), self._hooks_for(to)
        )

    def _metrics_to(self, to: Destination) -> MetricDestination:
        kind = MetricDestination if self._loaded.settings.metric_temporality == "cumulative" else DeltaMetricDestination
        return kind(to.name, open_transport(to, proxy=proxy_for(to)), self._sender_settings(to), self._hooks_for(to))

    def _logs_to(self, to: Destination) -> LogDestination:
        return LogDestination(
            to.name, open_transport(to, proxy=proxy_for(to)), self._sender_settings(to), self._hooks_for(to)
        )

    def _hooks_for(self, to: Destination) -> Hooks:
        return replace(self._hooks, spool=self.on_disk.spool(to))

    def _sender_settings(self, to: Destination) -> SenderSettings:
        settings = self._loaded.settings
        return SenderSettings(
            timeout_seconds=to.timeout_seconds,
            interval_seconds=settings.export_interval_seconds,
            limits=QueueLimits(
                batch_items=settings.export_batch_size,
                queue_items=settings.export_queue_max,
                queue_bytes=settings.export_queue_max_bytes,
            ),
        )

    def _all(self) -> Iterator[Outlet]:
        yield from self._standing()
        yield from self._for_events()

    def _standing(self) -> Iterator[Outlet]:
        yield from self.spans
        yield from self.exporters
        yield from self.metrics

    def _for_events(self) -> Iterator[Outlet]:
        yield from self.logs
        if self._event_console is not None:
            yield self._event_console

    def carriers(self) -> Iterator[Carrier]:
        """What the worker gives spans to; nothing when nothing is sent."""
        if self.spans:
            yield SpanDelivery(self.encoder, self.spans, self.tail_sampler)
        if self.exporters:
            yield ReadableDelivery(self.exporters)

    def start(self) -> None:
        """Start every sender now: at the end of the process no thread can be started any more."""
        for outlet in self._standing():
            outlet.start()

    def attach(self, events: EventFlow) -> None:
        """Have events delivered. Their senders start with the first one, and before it costs nothing."""
        if self.logs:
            delivery = LogDelivery(self._log_encoder, self.logs)
            events.readers = (*events.readers, delivery)
            events.on_overflow = delivery.on_overflow
        if self._event_console is not None:
            events.readers = (*events.readers, self._event_console)
        events.prepare = self._start_for_events

    def _start_for_events(self) -> None:
        for outlet in self._for_events():
            outlet.start()

    def jobs(self) -> list[Job]:
        """What the ticker has to do."""
        keeps = self.logs and self._loaded.settings.spool and self._loaded.settings.home is not None
        return [Job("events on disk", LOOK_SECONDS, self._look_for_left_events)] if keeps else []

    def _look_for_left_events(self) -> None:
        """Start the senders of events too when an earlier process has left some on disk. Reads folders."""
        for to, outlet in zip(self._log_places, self.logs, strict=True):
            if self.on_disk.left_by_others(to):
                outlet.start()

    def flush(self, deadline_ns: int) -> bool:
        """Wait until everything offered before was settled, all destinations at the same time."""
        for outlet in self._all():
            guard.call("flush", outlet.hurry)
        settled = [guard.call("flush", outlet.flush, deadline_ns) for outlet in self._all()]
        return all(settled)

    def shutdown(self, deadline_ns: int) -> bool:
        """Deliver until the deadline (monotonic ns), all destinations at the same time, then end their threads."""
        for outlet in self._all():
            guard.call("shutdown", outlet.close_by, deadline_ns)
        settled = [guard.call("shutdown", outlet.shutdown, deadline_ns) for outlet in self._all()]
        return all(settled)

    def balances(
        self, waiting_spans: int, waiting_events: int = 0, *, ended: bool = False
    ) -> Iterable[DestinationBalance]:
        """The accounts; what waits for the worker is on every account of its signal as queued.

        With ``ended`` it waits in vain: the calls ended after the shutdown, or it had no time for them. An account of
        events is there from the first event on.
        """
        for account in self._span_accounts():
            yield _with_waiting(account.balance(), waiting_spans, ended=ended)
        for metrics in self.metrics:
            yield metrics.account.balance()
        for logs in self._for_events():
            found = _with_waiting(logs.account.balance(), waiting_events, ended=ended)
            if found.accepted:
                yield found

    def note_on_disk(self, calls: int, waiting_calls: int) -> None:
        """Write down what would be lost if the process ended now: of ``calls`` so many wait for the worker."""
        balances = [account.balance() for account in self._span_accounts()]
        guard.call("ledger file", self.on_disk.note, calls, waiting_calls, balances)

    def _span_accounts(self) -> Iterator[DestinationAccount]:
        yield from (to.account for to in self.spans)
        yield from (exporter.account for exporter in self.exporters)

    def after_fork_in_child(self, resource: Resource) -> None:
        """Start empty, as the child's own resource."""
        self.encoder.group = self._log_encoder.group = make_encoder(resource).group
        if self.tail_sampler is not None:
            self.tail_sampler.forget()
        for outlet in self._all():
            guard.call("fork", outlet.after_fork_in_child)
        guard.call("fork", self.on_disk.after_fork_in_child)


def make_encoder(resource: Resource) -> SpanEncoder:
    """An encoder for the calls of this process."""
    return SpanEncoder(
        encode_resource(resource),
        encode_scope(SCOPE.name, SCOPE.version, SCOPE.schema_url, SCOPE.attributes),
        system_clock,
    )


def _with_waiting(found: DestinationBalance, waiting: int, *, ended: bool) -> DestinationBalance:
    found = replace(found, accepted=found.accepted + waiting)
    if ended and waiting:
        lost = found.dropped.get("shutdown_timeout", 0) + waiting
        return replace(found, dropped={**found.dropped, "shutdown_timeout": lost})
    return replace(found, queued=found.queued + waiting)


def _console(loaded: Loaded) -> Iterator[SpanExporter]:
    """``OTEL_TRACES_EXPORTER=console``: on standard error, since standard output is the application's."""
    if "console" in loaded.settings.traces_exporters:
        yield ConsoleSpanExporter(out=sys.stderr)
