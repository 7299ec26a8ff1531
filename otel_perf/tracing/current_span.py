"""What the package itself adds to the span that is current; nothing when none is recording."""

from collections.abc import Mapping

from opentelemetry.trace import get_current_span

from otel_perf.core.guard import guard

__all__ = ["add_event_to_current_span", "add_to_current_span"]


def add_event_to_current_span(name: str, attributes: Mapping[str, str | bool | int | float]) -> None:
    """Add an event to the current span."""
    span = get_current_span()
    if span.is_recording():
        guard.call("current span", span.add_event, name, dict(attributes))


def add_to_current_span(sums: Mapping[str, int], attributes: Mapping[str, str | bool | int | float]) -> None:
    """Set attributes on the current span.

    Args:
        sums: Added to the number that is there already: several model calls may share one span.
        attributes: Replace what is there.
    """
    span = get_current_span()
    if not span.is_recording():
        return
    there = getattr(span, "attributes", None)
    before = there if isinstance(there, Mapping) else {}
    added = {}
    for name, number in sums.items():
        earlier = before.get(name)
        added[name] = number + earlier if isinstance(earlier, int) else number
    guard.call("current span", span.set_attributes, {**added, **attributes})
