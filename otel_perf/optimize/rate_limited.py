"""A rate limit around a function or a block: it raises where the limiter refuses."""

import functools
import inspect
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from otel_perf.core.errors import OtelPerfError

if TYPE_CHECKING:
    from otel_perf.optimize.rate_limiter import Decision, RateLimiter

__all__ = ["Limit", "RateLimitedError"]

P = ParamSpec("P")
R = TypeVar("R")


class RateLimitedError(OtelPerfError):
    """A rate limiter refused.

    Attributes:
        limiter: Its name.
        retry_after_seconds: When it is worth trying again, by what is known now.
    """

    def __init__(self, limiter: str, retry_after_seconds: float) -> None:
        """Say which limiter, and when to come back."""
        self.limiter = limiter
        self.retry_after_seconds = retry_after_seconds
        super().__init__(limiter, retry_after_seconds)

    def __str__(self) -> str:
        """For people."""
        return f"rate limit {self.limiter!r}: try again in {self.retry_after_seconds:.3g} s"


class Limit:
    """A decorator and a block; made by ``RateLimiter.limit``. May be used any number of times, also at once."""

    __slots__ = ("_cost", "_key", "_limiter", "_timeout_seconds")

    def __init__(
        self,
        limiter: "RateLimiter",
        key: Hashable | Callable[..., Hashable],
        cost: float,
        timeout_seconds: float | None,
    ) -> None:
        """Keep what is needed to ask."""
        self._limiter = limiter
        self._key = key
        self._cost = cost
        self._timeout_seconds = timeout_seconds

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Ask before each call of a function or coroutine function."""
        decorated: Any
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def limited(*args: Any, **kwargs: Any) -> Any:
                await self._pass_in_task(self._key_of(args, kwargs))
                return await function(*args, **kwargs)

            decorated = limited
        else:

            @functools.wraps(function)
            def plainly_limited(*args: Any, **kwargs: Any) -> Any:
                self._pass(self._key_of(args, kwargs))
                return function(*args, **kwargs)

            decorated = plainly_limited
        return decorated  # type: ignore[no-any-return]

    def _key_of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable:
        return self._key(*args, **kwargs) if callable(self._key) else self._key

    def _pass(self, key: Hashable) -> "Decision":
        return self._checked(self._limiter.acquire(key, self._cost, timeout_seconds=self._timeout_seconds))

    async def _pass_in_task(self, key: Hashable) -> "Decision":
        return self._checked(await self._limiter.aacquire(key, self._cost, timeout_seconds=self._timeout_seconds))

    def _checked(self, decision: "Decision") -> "Decision":
        if not decision:
            raise RateLimitedError(self._limiter.name, decision.retry_after_seconds)
        return decision

    def __enter__(self) -> "Decision":
        """Ask, and wait if need be."""
        return self._pass(self._key_of((), {}))

    def __exit__(self, *_: object) -> None:
        """Nothing is given back: what was allowed is spent."""

    async def __aenter__(self) -> "Decision":
        """Ask, and wait without holding up the event loop."""
        return await self._pass_in_task(self._key_of((), {}))

    async def __aexit__(self, *_: object) -> None:
        """See above."""
