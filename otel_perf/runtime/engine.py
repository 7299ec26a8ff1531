"""The running whole: every part, made from the settings, started, flushed, stopped and forked together."""

import sys
from collections.abc import Sequence
from typing import Final, Literal

from opentelemetry.trace import TracerProvider

from otel_perf.config.loaded import Loaded
from otel_perf.core import clock
from otel_perf.core.events import EventBalance
from otel_perf.core.guard import guard, logger
from otel_perf.core.intake import intake
from otel_perf.core.ledger import CallBalance, DestinationBalance
from otel_perf.core.measurements import MeasurementBalance
from otel_perf.delivery.provider import Provision, provide
from otel_perf.pipeline.call_statistics import CallStatistics, StatisticsSnapshot
from otel_perf.pipeline.open_calls import OpenCall, OpenCalls
from otel_perf.pipeline.ticker import Job, Ticker
from otel_perf.pipeline.worker import Carrier, Reader, Worker
from otel_perf.runtime import late_provider, origin
from otel_perf.runtime.metrics_out import MetricsOut
from otel_perf.runtime.model_metering import ModelMetering
from otel_perf.runtime.outlets import Extras, Outlets
from otel_perf.runtime.perf_span_processor import ForeignSpanReader
from otel_perf.runtime.plugins import Plugins
from otel_perf.runtime.probing import Probing
from otel_perf.runtime.status import State, Status, settings_facts
from otel_perf.runtime.surroundings import Surroundings
from otel_perf.runtime.termination import Termination
from otel_perf.tracing.capture import capture_setting
from otel_perf.tracing.lifecycle import Deferred, ThroughTracer

__all__ = ["Engine"]

TURN_SECONDS: Final = 0.0005
"""How long a thread keeps the interpreter lock while the process ends; Python's default is 5 ms."""


class Engine:
    """All parts of one ``instrument()``. Made under ``active.lock``; its methods may run on any thread."""

    def __init__(
        self,
        loaded: Loaded,
        given_provider: TracerProvider | None = None,
        *,
        without_provider: bool = False,
        extras: Extras | None = None,
        readers: Sequence[Reader] = (),
        carriers: Sequence[Carrier] = (),
    ) -> None:
        """Make the parts; nothing runs before ``start``.

        Args:
            loaded: The settings.
            given_provider: The provider that the application passed.
            extras: Exporters and callbacks of the application.
            without_provider: A processor of ours is on somebody's provider already; make no spans of our own.
            readers: More readers of calls, for tests.
            carriers: More receivers of spans, for tests.
        """
        settings = loaded.settings
        self.loaded = loaded
        self.resource = origin.make_resource(loaded)
        self._provision = None if without_provider else self._provide(given_provider)
        self._tool_spans: Literal["deferred", "sdk"] = "deferred"
        self.statistics = CallStatistics()
        self.started_ns = clock.monotonic_ns()
        self.cpu_at_start_ns = clock.process_cpu_ns()
        self.open_calls = OpenCalls(intake, warn_after_seconds=settings.open_call_warning_seconds)
        self._surroundings = Surroundings()
        self.outlets = Outlets(loaded, self.resource, extras or Extras(), self._surroundings)
        self.probing = Probing(settings, self._no_call_hangs)
        self.metrics_out = MetricsOut(self)
        self.plugins = Plugins(enabled=settings.plugins)
        self.model_metering = ModelMetering(settings.preset)
        self.worker = Worker(
            intake,
            self.open_calls,
            readers=[self.statistics, *self.metrics_out.readers, self.model_metering.reader, self.plugins, *readers],
            carriers=[*self.outlets.carriers(), *carriers],
            max_calls=settings.queue_max_calls,
            overflow=settings.overflow,
        )
        self.worker.measurements.readers = [*self.metrics_out.measurement_readers, self.plugins]
        self.worker.events.readers = (self.plugins,)
        self.outlets.attach(self.worker.events)
        self._termination = Termination(self._deliver_now, self.worker.ask_at_end_of_call)
        self.worker.end_of_call = self._termination.end_of_call
        self.worker.after_drain = self._note_on_disk
        self._ended = False
        self._ticker = Ticker(
            [*self.probing.jobs, *self.metrics_out.jobs, *self._tail_jobs(), *self.outlets.jobs()],
        )

    def _tail_jobs(self) -> list[Job]:
        return [] if self.outlets.tail_sampler is None else [Job("tail sampling", 0.5, self._sweep_tail)]

    def _sweep_tail(self, *, decide_all: bool = False) -> None:
        sampler = self.outlets.tail_sampler
        if sampler is None:
            return
        with self.worker.lock:
            if decide_all:
                sampler.decide_all()
            else:
                sampler.sweep(clock.monotonic_ns())

    def _no_call_hangs(self) -> bool | None:
        """Whether no tool call runs for longer than is thought well; ``None`` when the worker is too busy to say."""
        if not self.worker.lock.acquire(timeout=0.05):
            return None
        try:
            oldest = self.open_calls.oldest_tool_seconds(intake.now_ns())
        finally:
            self.worker.lock.release()
        return oldest is None or oldest <= self.loaded.settings.open_call_warning_seconds

    def _note_on_disk(self) -> None:
        waiting = len(intake.finished) + len(intake.foreign)
        self.outlets.note_on_disk(self.worker.balance((), 0).calls + waiting, waiting)

    def _provide(self, given: TracerProvider | None) -> Provision:
        settings = self.loaded.settings
        provision = provide(
            ForeignSpanReader(),
            given=given,
            resource=self.resource,
            sampler=origin.make_sampler(settings),
            limits=origin.make_limits(settings),
            set_global=settings.set_global,
        )
        if provision.note is not None:
            logger.warning("otel_perf: %s", provision.note)
        return provision

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self, *, background: bool = True) -> None:
        """Start the threads and open the intake; without ``background`` the caller drains (tests)."""
        settings = self.loaded.settings
        origin.apply(settings, self.resource)
        intake.max_weight = settings.queue_max_bytes
        if background:
            self.outlets.start()
            self.worker.start()
            self._ticker.start()
            self.metrics_out.start()
            self.plugins.start()
            if settings.handle_sigterm:
                self._termination.install()
        self.worker.events.open()
        self.model_metering.start()
        intake.accepting = True
        self._choose_tool_spans()
        if self.provider_ownership == "owned":
            late_provider.watch()

    def _choose_tool_spans(self) -> None:
        """Deferred spans on our own provider while nobody else listens there; SDK spans otherwise."""
        if self._provision is None:
            return
        processors = self._provision.processors
        if processors is not None:
            processors.on_added = self._choose_tool_spans
        if processors is None or processors.added:
            self._tool_spans = "sdk"
            intake.deferred = False
            intake.lifecycle = ThroughTracer(origin.tracer_of(self._provision.provider))
        else:
            intake.lifecycle = Deferred()
            intake.deferred = capture_setting.level == "off"

    def flush(self, deadline_ns: int) -> bool:
        """Drain, then wait for every destination; True when all was settled by the deadline (monotonic ns)."""
        drained = self.worker.drain(deadline_ns)
        self._settle_models(deadline_ns)
        self._sweep_tail(decide_all=True)
        guard.call("system metrics", self.probing.refresh)
        guard.call("metrics", self.metrics_out.export)
        return self.outlets.flush(deadline_ns) and drained

    def _settle_models(self, deadline_ns: int) -> None:
        """Measure the model calls that wait, while measurements are still let in."""
        if intake.foreign:
            self.worker.drain(deadline_ns)
        guard.call("prices", self.model_metering.settle)

    def _deliver_now(self) -> None:
        self.flush(clock.monotonic_ns() + int(self.loaded.settings.shutdown_timeout_seconds * 1e9))

    def shutdown(self, deadline_ns: int, *, process_ends: bool = False) -> bool:
        """Stop recording, deliver what is left until the deadline, end every thread.

        Args:
            deadline_ns: Monotonic.
            process_ends: Nothing but the end of the process comes after this.
        """
        self._termination.begin_shutdown(process_ends=process_ends)
        if process_ends:  # daemon threads that never wait would leave the last deliveries a few turns a second
            sys.setswitchinterval(TURN_SECONDS)
        self._settle_models(deadline_ns)
        self.model_metering.stop()
        intake.switch_off()
        if self._provision is not None and self._provision.processors is not None:
            self._provision.processors.release()
        self.metrics_out.retire()
        self._ticker.begin_to_stop()
        # A fifth of the time is for the last totals, however much waits.
        drained = self.worker.stop(deadline_ns - (deadline_ns - clock.monotonic_ns()) // 5)
        self._sweep_tail(decide_all=True)
        guard.call("system metrics", self.probing.refresh)
        guard.call("metrics", self.metrics_out.export)
        self.plugins.begin_to_stop()
        delivered = self.outlets.shutdown(deadline_ns)
        guard.call("metrics", self.metrics_out.shutdown)
        self._ticker.stop(deadline_ns)
        self.plugins.join(deadline_ns)
        self.probing.close()
        origin.withdraw()
        self._ended = True
        self._termination.uninstall()
        self.outlets.on_disk.close()
        return drained and delivered

    def after_fork_in_child(self) -> None:
        """Start empty: the parent delivers what was recorded before the fork, and counts it."""
        intake.forget()
        self._release_custom_metrics()
        self.statistics.forget()
        if self._provision is not None and self._provision.processors is not None:
            given = self._provision.provider.resource
            self.resource = origin.renewed(given, self.resource, self.loaded.settings)
            origin.apply(self.loaded.settings, self.resource)
        self.outlets.after_fork_in_child(self.resource)
        self.plugins.after_fork_in_child()
        self.probing.after_fork_in_child()
        self.model_metering.after_fork_in_child()
        self.metrics_out.after_fork_in_child()
        self.worker.after_fork_in_child()
        self._ticker.after_fork_in_child()
        self._termination.after_fork_in_child()

    @staticmethod
    def _release_custom_metrics() -> None:
        from otel_perf.core.custom_metrics import custom_metrics

        custom_metrics.after_fork_in_child()

    # -- looking at it ---------------------------------------------------------------------------------------------

    @property
    def provider_ownership(self) -> Literal["owned", "adopted", "private"] | None:
        """Whose the tracer provider is."""
        return None if self._provision is None else self._provision.ownership

    @property
    def tool_spans(self) -> Literal["deferred", "sdk"]:
        """How tool spans are made at present."""
        return self._tool_spans

    def balances(self) -> tuple[CallBalance, tuple[DestinationBalance, ...]]:
        """The ledger: one snapshot, taken under the worker's lock, what waits for the worker included."""
        with self.worker.frozen():
            waiting = list(intake.finished)
            foreign = len(intake.foreign)
            calls = self.worker.balance(waiting, foreign)
            queued = foreign + sum(call.scope.sampled for call in waiting)
            found = self.outlets.balances(queued, len(intake.events), ended=self._ended)
            return calls, tuple(map(self.outlets.on_disk.with_size, found))

    def measurement_balance(self) -> MeasurementBalance:
        """The account of measurements, those which wait included."""
        with self.worker.lock:
            return self.worker.measurements.balance(len(intake.measurements))

    def event_balance(self) -> EventBalance:
        """The account of events, those which wait included."""
        with self.worker.lock:
            return self.worker.events.balance()

    def running(self) -> tuple[OpenCall, ...]:
        """Calls that are running, oldest first."""
        with self.worker.lock:
            self.statistics.on_starts(self.open_calls.take())
            return tuple(self.open_calls.current(intake.now_ns()))

    def look(self) -> StatisticsSnapshot:
        """The statistics of all calls that have ended so far."""
        with self.worker.lock:
            self.worker.drain(clock.monotonic_ns() + 2_000_000_000)
            return self.statistics.snapshot(intake.now_ns())

    def status(self, state: State) -> Status:
        """One consistent look at everything."""
        calls, destinations = self.balances()
        page = self.metrics_out.page
        return Status(
            state=state,
            provider=self.provider_ownership,
            spans=self._tool_spans,
            calls=calls,
            destinations=destinations,
            open_calls=self.running(),
            prometheus=None if page is None else page.url,
            worker_restarts=self.worker.restarts,
            worker_cpu_seconds=self.worker.cpu_ns / 1e9,
            notes=self.notes(),
            **settings_facts(self.loaded),
        )

    def notes(self) -> tuple[str, ...]:
        """What a user should know, one line each."""
        found = []
        if self._provision is not None and self._provision.note:
            found.append(self._provision.note)
        if self._tool_spans == "sdk":
            found.append("tool spans are SDK spans, since other processors listen; they cost what SDK spans cost")
        if self.probing.note is not None:
            found.append(self.probing.note)
        if not self.outlets.spans and not self.outlets.exporters:
            found.append("no endpoint: nothing leaves the process")
        if self.open_calls.given_up:
            found.append(f"{self.open_calls.given_up} running calls are not under watch: too many run at the same time")
        found.extend(late_provider.notes())
        found.extend(self._surroundings.notes)
        found.extend(self.plugins.notes())
        found.extend(self.outlets.on_disk.notes)
        found.extend(str(problem) for problem in self.loaded.problems if "package" in problem.rule)
        return tuple(found)
