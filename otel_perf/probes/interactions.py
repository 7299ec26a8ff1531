"""What an agent's application does around its tools, measured: commands, contexts, interfaces, states.

Each function gives an object for ``with``, ``async with`` and as a decorator, as ``measure()`` does: a span below the
current one, and a metric of its own. They cost some 10 us.
"""

from collections.abc import Callable
from typing import Any

from otel_perf.core.operation_signals import (
    COMMAND_DURATION,
    COMMAND_EXECUTIONS,
    CONTEXT_MODE,
    CONTEXT_PREPARATION_DURATION,
    INTERFACE_DURATION,
    INTERFACE_SWITCH_DURATION,
    STATE_TRANSITION_DURATION,
)
from otel_perf.core.recording import record
from otel_perf.core.records import AttributeValue, Failure, Tool
from otel_perf.core.signal_spec import MetricSpec
from otel_perf.probes.block import Block
from otel_perf.probes.occurrence import NANOSECONDS, Occurrence, Work, describe_work, label_text
from otel_perf.probes.speed import Speed
from otel_perf.tracing.open_span import inherited_attribute

__all__ = ["Interaction", "command", "context_preparation", "interface_call", "interface_switch", "state_transition"]


class Interaction(Occurrence):
    """One run: its duration goes to the metric of its kind."""

    __slots__ = ("_counter", "_labels", "_metric")

    def __init__(self, kind: "InteractionBlock", labels: tuple[str | None, ...]) -> None:
        """Begin."""
        self._metric = kind.metric
        self._counter = kind.counter
        self._labels = labels
        super().__init__(kind.work)

    def conclude(self, duration_ns: int, failure: Failure | None, speed: Speed) -> dict[str, AttributeValue]:  # noqa: ARG002 - the speed is an attribute already
        """Record the duration, and the run where runs are counted."""
        if not self.span.recorded:
            return {}
        outcome, error_type = ("ok", None) if failure is None else (failure.outcome, failure.error_type)
        labels = (*self._labels, outcome, error_type)
        record(self._metric, duration_ns / NANOSECONDS, *labels[: len(self._metric.attributes)])
        if self._counter is not None:
            record(self._counter, 1, *labels[: len(self._counter.attributes)])
        return {}


class InteractionBlock(Block[Interaction]):
    """An interaction, for ``with``, ``async with``, and as a decorator.

    Attributes:
        metric: Where the duration goes; its attributes are the labels, then outcome and (where it has it) error type.
        counter: What counts the runs, if anything does.
        work: What is the same for every run.
    """

    __slots__ = ("_labels", "counter", "metric", "work")

    def __init__(
        self,
        described: Tool,
        metric: MetricSpec,
        labels: tuple[str | None, ...],
        *,
        counter: MetricSpec | None = None,
        context_mode: str | None = None,
    ) -> None:
        """Keep what holds for every run."""
        super().__init__()
        self.work = Work(described, context_mode=context_mode)
        self.metric = metric
        self.counter = counter
        self._labels = labels

    def __repr__(self) -> str:
        """Its name and labels."""
        return f"<{self.work.described.name} {self._labels}>"

    def occur(self, function: Callable[..., Any] | None = None) -> Interaction:  # noqa: ARG002 - the protocol
        """Begin one run."""
        return Interaction(self, self.labels())

    def labels(self) -> tuple[str | None, ...]:
        """The labels of a run that begins now."""
        return self._labels


class ContextPreparation(InteractionBlock):
    """The preparation of a context; its mode may be handed down from around it."""

    __slots__ = ()

    def labels(self) -> tuple[str | None, ...]:
        """The mode that was given, or else the one that is in force here."""
        if self.work.context_mode is not None:
            return (self.work.context_mode,)
        inherited = inherited_attribute(CONTEXT_MODE.name)
        return (inherited if isinstance(inherited, str) else None,)


def command(name: str) -> InteractionBlock:
    """A command of the application: span ``command {name}``, ``otel_perf.command.executions`` and ``.duration``.

    Args:
        name: Name of the command, without its arguments: a metric label.
    """
    label = label_text(name)
    described = describe_work(f"command {label}", ("otel_perf.command.name", label))
    return InteractionBlock(described, COMMAND_DURATION, (label,), counter=COMMAND_EXECUTIONS)


def context_preparation(mode: str | None = None) -> InteractionBlock:
    """The preparation of a context for the model: ``otel_perf.context.preparation.duration`` by mode.

    Args:
        mode: ``otel_perf.context.mode``: ``auto``, ``on``, ``off``, ``FANCY``, ``SIMPLE`` or a name of your own.
            When left out, the mode of the enclosing ``measure(context_mode=…)``, or of an ``agent()`` that has the
            attribute; else none is said.
    """
    label = None if mode is None else label_text(mode)
    described = describe_work("context.preparation")
    return ContextPreparation(described, CONTEXT_PREPARATION_DURATION, (label,), context_mode=label)


def interface_call(name: str) -> InteractionBlock:
    """An answer given through an interface (terminal, web, API): span ``interface {name}``, duration by interface.

    Args:
        name: Name of the interface: a metric label.
    """
    label = label_text(name)
    described = describe_work(f"interface {label}", ("otel_perf.interface.name", label))
    return InteractionBlock(described, INTERFACE_DURATION, (label,))


def interface_switch(source: str, target: str) -> InteractionBlock:
    """A switch from one interface to another: span ``interface.switch``, duration by both.

    Args:
        source: The interface that is left.
        target: The interface that is switched to.
    """
    labels = (label_text(source), label_text(target))
    described = describe_work(
        "interface.switch", ("otel_perf.interface.from", labels[0]), ("otel_perf.interface.to", labels[1])
    )
    return InteractionBlock(described, INTERFACE_SWITCH_DURATION, labels)


def state_transition(source: str, target: str, *, machine: str | None = None) -> InteractionBlock:
    """A transition of a state machine: span ``state.transition``, duration by both states.

    Args:
        source: The state that is left.
        target: The state that is entered.
        machine: Name of the state machine, where there are several.
    """
    states = (label_text(source), label_text(target))
    name = None if machine is None else label_text(machine)
    pairs = [("otel_perf.state.from", states[0]), ("otel_perf.state.to", states[1])]
    if name is not None:
        pairs.append(("otel_perf.state.machine", name))
    return InteractionBlock(describe_work("state.transition", *pairs), STATE_TRANSITION_DURATION, (*states, name))
