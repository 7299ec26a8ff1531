"""A provider that the application sets after ours: the API keeps the first, and its log line names no way out."""

import logging
import traceback
from typing import Final

from opentelemetry import metrics, trace

from otel_perf.core.guard import guard, logger

__all__ = ["notes", "watch"]

REFUSAL: Final = "Overriding of current "
"""How the API's line begins. It has no other sign: ``set_tracer_provider`` gives nothing back and raises nothing."""

PASSED_OVER: Final = ("opentelemetry.", "otel_perf.", "logging")
"""Modules between the application's call and the filter."""


class Refusals(logging.Filter):
    """Passes every record on, and tells once per signal when it is the API's refusal of a provider."""

    def __init__(self, kind: str) -> None:
        """``kind`` is the provider's, as users say it."""
        super().__init__()
        self.kind = kind
        self.note: str | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Look at one record of the API; always true."""
        if self.note is None and isinstance(record.msg, str) and record.msg.startswith(REFUSAL):
            guard.call("late provider", self._tell)
        return True

    def _tell(self) -> None:
        self.note = (
            f"the {self.kind} provider that {_caller()} sets is not in use: OpenTelemetry keeps the first one, "
            "which is ours; set yours before instrument(), or call instrument(set_global=False)"
        )
        logger.warning("otel_perf: %s", self.note)


_watched: Final = (
    (trace.set_tracer_provider.__globals__["__name__"], Refusals("tracer")),
    (metrics.set_meter_provider.__globals__["__name__"], Refusals("meter")),
)
"""The API logs a refusal by the name of the module in which its public function is written."""


def watch() -> None:
    """Look out for providers that come too late, from now to the end of the process. Repeating it changes nothing."""
    for name, refusals in _watched:
        logging.getLogger(name).addFilter(refusals)


def notes() -> tuple[str, ...]:
    """What was refused so far, one line each."""
    return tuple(refusals.note for _, refusals in _watched if refusals.note is not None)


def _caller() -> str:
    """File and line of the application's call."""
    for frame, line in traceback.walk_stack(None):
        if not str(frame.f_globals.get("__name__", "")).startswith(PASSED_OVER):
            return f"{frame.f_code.co_filename}:{line}"
    return "the application"
