"""All attributes of a finished call's span, one rule for the encoder and for other people's exporters."""

from typing import Final

from otel_perf.core.records import AttributeValue, Failure, ToolCall

__all__ = ["failure_attributes", "merge_attributes", "status_code"]

UNSET_STATUS: Final = 0
OK_STATUS: Final = 1
ERROR_STATUS: Final = 2
"""``StatusCode`` of opentelemetry/proto/trace/v1/trace.proto."""
SET_STATUSES: Final = frozenset((OK_STATUS, ERROR_STATUS))


def failure_attributes(failure: Failure) -> dict[str, AttributeValue]:
    """What a failed call's span carries: its outcome, and ``error.type`` unless it was cancelled."""
    attributes: dict[str, AttributeValue] = {"otel_perf.outcome": failure.outcome}
    if failure.error_type is not None:
        attributes["error.type"] = failure.error_type
    return attributes


def merge_attributes(call: ToolCall) -> dict[str, AttributeValue]:
    """Attributes of tool, identity, the call itself and its failure; later ones win."""
    attributes = dict(call.tool.attributes)
    if call.scope.identity is not None:
        attributes.update(call.scope.identity.attributes)
    if call.details is not None:
        attributes.update(call.details)
    if call.failure is not None:
        attributes.update(failure_attributes(call.failure))
    return attributes


def status_code(call: ToolCall) -> int:
    """OTLP's status: what the application set, else error when the call failed, else unset."""
    set_code = UNSET_STATUS if call.details is None else call.details.status_code
    if set_code in SET_STATUSES:
        return set_code
    failed = call.failure is not None and call.failure.error_type is not None
    return ERROR_STATUS if failed else UNSET_STATUS
