"""Work as a block (``with``, ``async with``) or as a decorator, of one object."""

import contextvars
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Generic, TypeVar

from otel_perf.core.guard import guard
from otel_perf.probes.decorated import decorate
from otel_perf.probes.occurrence import Occurrence

__all__ = ["Block"]

F = TypeVar("F", bound=Callable[..., Any])
T_co = TypeVar("T_co", bound=Occurrence, covariant=True)

_open: Final[contextvars.ContextVar[tuple[Occurrence, ...]]] = contextvars.ContextVar("otel_perf-open", default=())
"""The runs that blocks of this thread or task have open, so that one object may be used by many at once."""


class Block(Generic[T_co]):
    """A named piece of work. May be used again, by several threads and tasks at once, and inside itself."""

    __slots__ = ("_entered",)

    def __init__(self) -> None:
        """Nothing is open yet."""
        self._entered: list[Occurrence] = []

    def occur(self, function: Callable[..., Any] | None = None) -> T_co:
        """Begin one run: of a block, or of a decorated function."""
        raise NotImplementedError

    def __enter__(self) -> T_co:
        """Begin; gives the run."""
        occurrence = self.occur()
        self._entered.append(occurrence)
        _open.set((*_open.get(), occurrence))
        occurrence.resume()
        return occurrence

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End; an exception passes, and is the outcome."""
        occurrence = guard.call("operation.exit", self._take)
        if occurrence is not None:
            occurrence.pause()
            occurrence.end(error)

    def _take(self) -> Occurrence | None:
        """The run that ends: the last that this thread or task began with this object.

        When the end comes in another execution context (a fixture, a generator that was thrown away), it is the last
        that anybody began.
        """
        for occurrence in reversed(_open.get()):
            if occurrence in self._entered:
                _open.set(tuple(other for other in _open.get() if other is not occurrence))
                self._entered.remove(occurrence)
                return occurrence
        return self._entered.pop() if self._entered else None

    async def __aenter__(self) -> T_co:
        """Begin; gives the run."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End; an exception passes, and is the outcome."""
        self.__exit__(kind, error, traceback)

    def __call__(self, function: F) -> F:
        """Decorate a function, method, coroutine function, generator or async generator function.

        Each call of it is a run of its own; a generator's lasts from its first step to its end, and is current only
        while it runs. Name, signature, result and exceptions stay what they are.
        """
        decorated = guard.call("operation.decorate", decorate, function, self.occur)
        return function if decorated is None else decorated
