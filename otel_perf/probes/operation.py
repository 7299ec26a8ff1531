"""``measure()``: wall time, CPU time and memory of a piece of work, as a span, as metrics and as a result object.

It costs some 45 us, most of it for reading the process's memory twice; with ``memory=False`` some 11 us, where a tool
call costs 1 to 2: measure what takes milliseconds.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final, ParamSpec, TypeVar, overload

from otel_perf.core.guard import guard
from otel_perf.core.intake import intake
from otel_perf.core.records import AttributeValue
from otel_perf.probes.block import Block
from otel_perf.probes.occurrence import Work, describe_work, label_text
from otel_perf.probes.operation_result import OperationResult
from otel_perf.probes.operation_run import Operation, Wanted
from otel_perf.probes.speed import SpeedThresholds

__all__ = ["Measure", "measure"]

P = ParamSpec("P")
R = TypeVar("R")

OnResult = Callable[[OperationResult], object]
UNHEARD: Final = Wanted(memory=False, tracemalloc=False, reset_peak=False)
"""For a decorated function while recording is off: it is only timed."""


class Measure(Block[Operation]):
    """What ``measure()`` gives: for ``with``, ``async with``, and as a decorator."""

    __slots__ = ("_last", "_name", "_on_result", "_wanted", "_work")

    def __init__(
        self,
        name: str | None,
        work: Work,
        on_result: OnResult | None,
        *,
        memory: bool,
        tracemalloc: bool,
        reset_peak: bool,
    ) -> None:
        """Keep what holds for every run."""
        super().__init__()
        self._name = name
        self._work = work
        self._on_result = on_result
        self._wanted = Wanted(memory, tracemalloc, reset_peak)
        self._last: Operation | None = None

    @property
    def result(self) -> OperationResult | None:
        """The result of the block that ended last; ``None`` before. Calls of decorated functions are not kept."""
        return None if self._last is None else self._last.result

    def __repr__(self) -> str:
        """Its name."""
        return f"measure({self._work.described.name!r})"

    def occur(self, function: Callable[..., Any] | None = None) -> Operation:
        """Begin one run. A decorated function of which nobody would hear is only timed."""
        if function is None:
            return Operation(self._wanted, self._work, self._keep, block=True)
        work = self._work if self._name is not None else self._named_after(function)
        if self._on_result is not None:
            return Operation(self._wanted, work, self._tell, block=False)
        return Operation(self._wanted if intake.accepting else UNHEARD, work, block=False)

    def _named_after(self, function: Callable[..., Any]) -> Work:
        while isinstance(function, functools.partial):
            function = function.func
        # "Class.method"; where the function itself was made is no part of its name.
        whole = getattr(function, "__qualname__", None) or type(function).__qualname__
        work = self._work
        described = describe_work(label_text(str(whole).rpartition("<locals>.")[2]))
        return Work(described, work.attributes, work.context_mode, work.thresholds)

    def _keep(self, operation: Operation) -> None:
        self._last = operation
        self._tell(operation)

    def _tell(self, operation: Operation) -> None:
        if self._on_result is not None and operation.result is not None:
            guard.call("operation.on_result", self._on_result, operation.result)


@overload
def measure(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def measure(
    name: str | None = None,
    /,
    *,
    memory: bool = True,
    tracemalloc: bool = False,
    reset_peak: bool = False,
    thresholds: SpeedThresholds | None = None,
    context_mode: str | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
    on_result: OnResult | None = None,
) -> Measure: ...
def measure(  # noqa: PLR0913 - each is one switch of the measurement
    name: Any = None,
    /,
    *,
    memory: bool = True,
    tracemalloc: bool = False,
    reset_peak: bool = False,
    thresholds: SpeedThresholds | None = None,
    context_mode: str | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
    on_result: OnResult | None = None,
) -> Any:
    """Measure a piece of work: how long, how much CPU, how much memory, and how it ended.

    >>> with measure("load index") as operation:
    ...     index = list(range(1000))
    >>> operation.result.success
    True

    Works with ``with`` and ``async with``, and as a decorator (``@measure``, ``@measure("name")``) of functions,
    methods, coroutine functions, generators and async generators. Each run is a span called ``name`` below the one
    that is current, with the measurements as attributes, and a value of ``otel_perf.operation.duration`` and its
    sisters. A block is measured before ``instrument()`` too, and then recorded nowhere.

    CPU time is that of the thread, and ``None`` where it would be wrong: for less than 10 ms, across threads, and for
    an ``async with`` block during which the event loop ran other tasks (of a decorated coroutine function it is exact).
    Memory is the process's; see ``OperationResult`` for how the peak is found.

    Args:
        name: Name of the operation: a metric label, so keep it of few values. A decorated function's own when left out.
        memory: Measure resident memory before, after and at its peak.
        tracemalloc: Measure memory of Python objects with ``tracemalloc`` too, which slows allocation down.
        reset_peak: Reset the high-water mark of Linux at the start, so that the peak is exact. It resets
            ``ru_maxrss`` of the whole process, and is left out while another measure is open.
        thresholds: When the operation is moderate and slow, instead of what ``set_speed_thresholds`` says.
        context_mode: ``otel_perf.context.mode`` of this span and of everything below it.
        attributes: More attributes of the span.
        on_result: Called with each result, on the thread of the operation; its exceptions are caught and counted.
    """
    if callable(name):
        return measure()(name)
    given = None if name is None else label_text(name)
    work = Work(
        describe_work(given or "unnamed"),
        {} if attributes is None else attributes,
        None if context_mode is None else label_text(context_mode),
        thresholds,
    )
    return Measure(given, work, on_result, memory=memory, tracemalloc=tracemalloc, reset_peak=reset_peak)
