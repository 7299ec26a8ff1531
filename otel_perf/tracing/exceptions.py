"""From an exception to an outcome: decided once per exception class."""

from concurrent.futures import CancelledError
from typing import Final

from otel_perf.core.records import CANCELLED, Failure

__all__ = ["classify_exception", "describe_exception"]

MAX_CLASSES: Final = 1000
"""Classes made at run time must not grow the table for ever; past this the failure is made anew each time."""

TIMEOUT_SUFFIXES: Final = ("Timeout", "TimeoutError", "TimeoutException", "TimeoutExpired")
"""How the standard library, requests, httpx, urllib3, aiohttp and grpc name their timeouts."""

_failures: dict[type[BaseException], Failure] = {}


def describe_exception(kind: type[BaseException]) -> str:
    """The qualified class name, builtins unqualified (OpenTelemetry's ``error.type`` for exceptions)."""
    module = kind.__module__
    return kind.__qualname__ if not module or module == "builtins" else f"{module}.{kind.__qualname__}"


def classify_exception(error: BaseException) -> Failure:
    """Outcome and ``error.type`` of an exception that left a call.

    What is no ``Exception`` (``CancelledError``, ``GeneratorExit``, ``KeyboardInterrupt``, ``SystemExit``) is
    ``cancelled``: the tool did not fail, somebody stopped it.
    """
    kind = type(error)
    known = _failures.get(kind)
    if known is not None:
        return known
    failure = _classify(kind)
    if len(_failures) < MAX_CLASSES:
        _failures[kind] = failure
    return failure


def _classify(kind: type[BaseException]) -> Failure:
    if not issubclass(kind, Exception) or issubclass(kind, CancelledError):
        return CANCELLED
    timed_out = any(base.__name__.endswith(TIMEOUT_SUFFIXES) for base in kind.__mro__)
    return Failure("timeout" if timed_out else "error", describe_exception(kind))
