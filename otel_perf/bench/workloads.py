"""The work that is measured: the same few functions, whoever traces them."""

from collections.abc import Callable
from typing import Final

from opentelemetry import trace

__all__ = ["ATTRIBUTES", "NESTED", "WORKLOADS", "ask", "hold", "leaf", "make_nested", "with_attributes"]

ATTRIBUTES: Final = "attributes"
NESTED: Final = "nested"
WORKLOADS: Final = ("leaf", ATTRIBUTES, NESTED, "coroutine")
"""A leaf call, one that sets three attributes, one with an SDK span inside, and a leaf coroutine."""


def leaf(number: int) -> int:
    """Do nothing: what is left is the cost of tracing."""
    return number


def with_attributes(number: int) -> int:
    """Set three attributes on the current span, as any library would."""
    span = trace.get_current_span()
    span.set_attribute("query.length", number)
    span.set_attribute("query.kind", "full text")
    span.set_attribute("query.cached", False)  # noqa: FBT003 - the API's own signature
    return number


def make_nested(tracer: trace.Tracer) -> Callable[[int], int]:
    """A function with one span of another library inside."""

    def nested(number: int) -> int:
        with tracer.start_as_current_span("library"):
            return number

    return nested


async def ask(number: int) -> int:
    """Do nothing, as a coroutine."""
    return number


def hold(number: int) -> int:
    """Have the current span's identifiers read, as a log line or an outgoing request does."""
    return number if trace.get_current_span().get_span_context().is_valid else -1
