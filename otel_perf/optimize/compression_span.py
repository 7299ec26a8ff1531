"""What a compression writes on the span of the tool call it happens in."""

from typing import Any

from otel_perf.optimize.compression_result import CompressionResult
from otel_perf.tracing.lifecycle import current_call
from otel_perf.tracing.span import ToolSpan

__all__ = ["describe_on_span"]

PREFIX = "otel_perf.compression."


def describe_on_span(result: CompressionResult) -> None:
    """Set the attributes of ``core.compression_signals.SPAN_ATTRIBUTES`` on the enclosing call's span, if any.

    Several compressions inside one call leave the numbers of the last; the metrics hold all.
    """
    call = current_call()
    if call is None:
        return
    span: Any = call if isinstance(call, ToolSpan) else call.readable
    if span is None:
        return
    attributes: dict[str, Any] = {
        f"{PREFIX}technique": result.technique,
        f"{PREFIX}bytes_before": result.bytes_before,
        f"{PREFIX}bytes_after": result.bytes_after,
        f"{PREFIX}tokens_before": result.tokens_before,
        f"{PREFIX}tokens_after": result.tokens_after,
        f"{PREFIX}ratio": result.compression_ratio,
        f"{PREFIX}duration": result.seconds,
        f"{PREFIX}lossless": result.lossless,
        f"{PREFIX}fits": result.fits,
        f"{PREFIX}methodology": result.methodology,
        f"{PREFIX}token_method": result.token_method,
        "otel_perf.estimated": str(result.estimated).lower(),  # the type that the label has
    }
    span.set_attributes({name: value for name, value in attributes.items() if value is not None})
