"""Trace context carried in and out of the process: headers, queues, process pools, environments of subprocesses.

The propagator is the one that the application configured. What comes from outside is bounded before it is read, and
nothing that is wrong with it reaches the application.
"""

import functools
import importlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextvars import Token
from itertools import islice
from types import ModuleType, TracebackType
from typing import Any, Final, Generic, ParamSpec, TypeAlias, TypeVar, cast

from opentelemetry.context import Context, attach, get_current
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otel_perf.core.guard import guard, logger
from otel_perf.tracing.lifecycle import leave

__all__ = [
    "MAX_LENGTHS",
    "Attached",
    "Carrier",
    "ProcessBound",
    "attached",
    "bind_process",
    "extract",
    "extract_environment",
    "inject",
    "inject_environment",
    "refused",
]

P = ParamSpec("P")
R = TypeVar("R")

Carrier: TypeAlias = Mapping[Any, Any] | Iterable[tuple[Any, Any]]
"""Headers: a mapping, or pairs; names in any case; text, bytes, or lists of these as values."""

MAX_LENGTHS: Final[Mapping[str, int]] = {"traceparent": 128, "tracestate": 2048, "baggage": 8192}
"""Characters of one incoming header. A ``traceparent`` has 55; W3C asks for 512 of trace state and 8192 of baggage."""

MAX_OTHER_LENGTH: Final = 1024
MAX_HEADERS: Final = 256

refused: Final[Counter[str]] = Counter()
"""Incoming headers of trace context that were too long to be read, by name."""

_FALLBACK: Final = TraceContextTextMapPropagator()


@functools.cache
def _configured() -> ModuleType | None:
    """``opentelemetry.propagate``; ``None`` when its import fails, as it does when ``OTEL_PROPAGATORS`` is wrong."""
    return guard.call("propagation.import", _import_configured)


def _import_configured() -> ModuleType | None:
    try:
        return importlib.import_module("opentelemetry.propagate")
    except (ImportError, ValueError) as error:
        logger.warning("otel_perf: the configured propagators cannot be used, W3C Trace Context is: %s", error)
        return None


def _propagator() -> TextMapPropagator:
    """The configured propagator; W3C Trace Context when that cannot be had."""
    module = _configured()
    propagator: TextMapPropagator = _FALLBACK if module is None else module.get_global_textmap()
    return propagator


def inject(carrier: dict[str, str] | None = None) -> dict[str, str]:
    """Write the current trace context into ``carrier`` (a new one when left out) and give it back.

    Use it for HTTP and queue headers, for ``apply_async(headers=inject())`` of Celery, and for ``params._meta`` of MCP.
    """
    filled = {} if carrier is None else carrier
    guard.call("propagation.inject", _propagator().inject, filled)
    return filled


def extract(carrier: Carrier, context: Context | None = None) -> Context:
    """The OpenTelemetry context that ``carrier`` describes, on top of ``context`` (an empty one when left out).

    Headers that are too long are left out and counted in ``refused``. A carrier that cannot be read changes nothing.
    """
    base = Context() if context is None else context
    extracted = guard.call("propagation.extract", _extract, carrier, base)
    return base if extracted is None else extracted


def _extract(carrier: Carrier, context: Context) -> Context:
    return _propagator().extract(read_headers(carrier), context)


def read_headers(carrier: Carrier) -> dict[str, list[str]]:
    """Headers by lower-case name, as text, each within its bound."""
    pairs = carrier.items() if isinstance(carrier, Mapping) else carrier
    headers: dict[str, list[str]] = {}
    for key, value in islice(pairs, MAX_HEADERS):
        name = _text_of(key)
        if name is None or len(name) > MAX_OTHER_LENGTH:
            continue
        name = name.lower()
        for member in value[:MAX_HEADERS] if isinstance(value, list | tuple) else (value,):
            text = _text_of(member)
            if text is not None and _is_short(name, text):
                headers.setdefault(name, []).append(text)
    return headers


def _text_of(value: object) -> str | None:
    if isinstance(value, bytes):
        return value[: MAX_LENGTHS["baggage"] + 1].decode("latin-1")
    return value if isinstance(value, str) else None


def _is_short(name: str, text: str) -> bool:
    if len(text) <= MAX_LENGTHS.get(name, MAX_OTHER_LENGTH):
        return True
    if name in MAX_LENGTHS:  # the application's own headers may be long, and are none of our business
        if not refused[name]:
            logger.warning(
                "otel_perf: an incoming %s header of more than %d characters was ignored", name, MAX_LENGTHS[name]
            )
        refused[name] += 1
    return False


class Attached:
    """A block in which the context of a carrier is current. See ``attached``."""

    __slots__ = ("_carrier", "_context", "_token")

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._context: Context | None = None
        self._token: Token[Context] | None = None

    def __enter__(self) -> Context:
        """Attach, and give the context."""
        self._context = extract(self._carrier, get_current())
        self._token = attach(self._context)
        return self._context

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Detach; an exception passes."""
        token, self._token = self._token, None
        if token is not None and self._context is not None:
            leave(self._context, token)


def attached(carrier: Carrier) -> Attached:
    """Make the span that a carrier describes the parent of what happens in a ``with`` block.

    Without a usable trace context in the carrier the block runs in the context around it.
    """
    return Attached(carrier)


def inject_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """A copy of ``environment`` for a subprocess, with ``TRACEPARENT``, ``TRACESTATE`` and ``BAGGAGE`` of now.

    ``subprocess.run(command, env=inject_environment(os.environ))``. Values of an older context are taken out.
    What is no mapping is given back as it is.
    """
    filled = guard.call("propagation.inject_environment", _inject_environment, environment)
    return cast("dict[str, str]", environment) if filled is None else filled


def _inject_environment(environment: Mapping[str, str]) -> dict[str, str]:
    fields = guard.call("propagation.fields", lambda: _propagator().fields) or set()
    stale = {_environment_name(field) for field in fields}
    copied = {name: value for name, value in environment.items() if name not in stale}
    copied.update((_environment_name(name), value) for name, value in inject().items())
    return copied


def extract_environment(environment: Mapping[str, str], context: Context | None = None) -> Context:
    """The context that the parent process put into ``environment``."""
    return extract(guard.call("propagation.extract_environment", _headers_of, environment) or (), context)


def _headers_of(environment: object) -> list[tuple[str, str]]:
    if not isinstance(environment, Mapping):
        return []
    fields = guard.call("propagation.fields", lambda: _propagator().fields) or set()
    named = ((field, environment.get(_environment_name(field))) for field in fields)
    return [(field, value) for field, value in named if isinstance(value, str)]


def _environment_name(header: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in header).upper()


class ProcessBound(Generic[P, R]):
    """A function with the trace context it is to run in; can be pickled when the function can. See ``bind_process``."""

    def __init__(self, function: Callable[P, R], carrier: dict[str, str]) -> None:
        self.__wrapped__ = function
        self.carrier = carrier

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function in the context."""
        with Attached(self.carrier):
            return self.__wrapped__(*args, **kwargs)


def bind_process(function: Callable[P, R]) -> ProcessBound[P, R]:
    """``function`` for another process, in the trace context of now.

    ``process_pool.submit(bind_process(parse), path)``, ``Process(target=bind_process(work))``. The other process
    records only if it calls ``instrument()`` itself.
    """
    return ProcessBound(function, inject())
