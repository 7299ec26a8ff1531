"""One computation per key at a time, whoever asks: threads, tasks of any event loop, and both at once."""

import asyncio
from collections.abc import Hashable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import ContextVar, Token
from threading import get_ident
from typing import Any, Final

__all__ = ["ABANDONED", "Flight", "Flights", "following"]

ABANDONED: Final = object()
"""What waiters get when the computation was cancelled or interrupted: one of them begins anew."""

_LED: Final[ContextVar[tuple["Flight", ...]]] = ContextVar("otel_perf_led_flights", default=())


class Flight:
    """One computation under way. Its result is an entry, of a value or a failure, or ``ABANDONED``."""

    __slots__ = ("_future", "_thread")

    def __init__(self) -> None:
        """Begin, on the calling thread."""
        self._future: Future[Any] = Future()
        # A running future cannot be cancelled: a waiting task that is cancelled leaves it alone.
        self._future.set_running_or_notify_cancel()
        self._thread = get_ident()

    def land(self, result: Any) -> None:
        """Give every waiter the result."""
        self._future.set_result(result)

    def would_hang(self, *, in_task: bool) -> bool:
        """Whether waiting could not end: the computation is below itself, or this thread is what it needs."""
        return self in _LED.get() or (not in_task and self._thread == get_ident())

    def wait(self) -> Any:
        """The result, when it is there."""
        return self._future.result()

    async def wait_in_task(self) -> Any:
        """The result, without holding up the event loop."""
        return await asyncio.wrap_future(self._future)


class following:  # noqa: N801 - reads as what happens inside
    """Inside, and in tasks and threads that take their context from here, ``flight`` is not waited for."""

    __slots__ = ("_flight", "_token")

    def __init__(self, flight: Flight | None) -> None:
        """``None`` changes nothing."""
        self._flight = flight
        self._token: Token[tuple[Flight, ...]] | None = None

    def __enter__(self) -> None:
        if self._flight is not None:
            self._token = _LED.set((*_LED.get(), self._flight))

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            with suppress(ValueError):  # a coroutine that was thrown away ends in another execution context
                _LED.reset(self._token)


class Flights:
    """The computations under way, by key. All methods are called under the cache's lock."""

    def __init__(self) -> None:
        """None is under way."""
        self._by_key: dict[Hashable, Flight] = {}

    def under_way(self, key: Hashable) -> Flight | None:
        """The computation of a key."""
        return self._by_key.get(key)

    def begin(self, key: Hashable) -> Flight:
        """The calling thread is going to compute."""
        flight = self._by_key[key] = Flight()
        return flight

    def leave(self, key: Hashable, flight: Flight) -> bool:
        """The computation is over; False when the key was forsaken meanwhile, so that the result is out of date."""
        if self._by_key.get(key) is not flight:
            return False
        del self._by_key[key]
        return True

    def forsake(self, key: Hashable) -> None:
        """Who asks from now on gets a computation of his own: the one under way began too early."""
        self._by_key.pop(key, None)

    def forsake_all(self) -> None:
        """The same for every key; a forked child has none of the threads that compute."""
        self._by_key.clear()
