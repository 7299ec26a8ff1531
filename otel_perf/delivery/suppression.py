"""Keeping instrumentations away from our own requests: tracing them would make requests without end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry import context, trace

__all__ = ["suppressed_instrumentation"]

SUPPRESSION_KEY: Final = "suppress_instrumentation"
"""The context key that the contrib instrumentations look for under its plain name."""


@contextmanager
def suppressed_instrumentation() -> Iterator[None]:
    """Run the block so that instrumented libraries make no spans.

    Contrib's instrumentations see the suppression key. Others ask a sampler, and parent-based samplers follow the
    unsampled span that is current here.
    """
    unsampled = trace.NonRecordingSpan(trace.SpanContext(trace_id=1, span_id=1, is_remote=False))
    token = context.attach(context.set_value(SUPPRESSION_KEY, True, trace.set_span_in_context(unsampled)))  # noqa: FBT003
    try:
        yield
    finally:
        context.detach(token)
