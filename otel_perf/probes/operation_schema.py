"""The JSON Schema of an operation's result, and a check of documents against it without a library."""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["FORMAT_VERSION", "OPERATION_SCHEMA", "check_document"]

FORMAT_VERSION: Final = 1
"""Raised when the meaning of a field changes; new fields may come without."""


def _entry(kind: str | list[str], meaning: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "description": meaning, **more}


def _count(meaning: str) -> dict[str, Any]:
    return _entry(["integer", "null"], meaning, minimum=0)


def _amount(meaning: str) -> dict[str, Any]:
    return _entry(["number", "null"], meaning, minimum=0)


OPERATION_SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:otel-perf:operation-result:1",
    "title": "OperationResult",
    "description": "What was measured of one operation. A number that could not be measured is null.",
    "type": "object",
    "properties": {
        "version": _entry("integer", "Version of this format.", const=FORMAT_VERSION),
        "name": _entry("string", "Name of the operation."),
        "start": _entry("string", "Start, RFC 3339 in UTC, to the microsecond.", format="date-time", pattern="Z$"),
        "end": _entry("string", "End, RFC 3339 in UTC, to the microsecond.", format="date-time", pattern="Z$"),
        "start_unix_ns": _entry("integer", "Start, nanoseconds since 1970."),
        "end_unix_ns": _entry("integer", "End, nanoseconds since 1970."),
        "duration_seconds": _entry("number", "From start to end, monotonic clock.", minimum=0),
        "cpu_seconds": _amount("CPU time of the operation's thread."),
        "cpu_utilization": _amount("CPU time by duration, in cores."),
        "rss_before_bytes": _count("Resident memory of the process before."),
        "rss_after_bytes": _count("Resident memory of the process after."),
        "rss_peak_bytes": _count("Highest resident memory of the process meanwhile."),
        "peak_method": _entry(["string", "null"], "How the peak was found."),
        "python_peak_bytes": _count("By how much Python objects exceeded the start at most."),
        "success": _entry("boolean", "Whether it ended well."),
        "outcome": _entry("string", "How it ended.", enum=["ok", "error", "timeout", "cancelled"]),
        "error_type": _entry(["string", "null"], "Class of the exception that ended it."),
        "speed": _entry("string", "By the operation's thresholds.", enum=["fast", "moderate", "slow"]),
        "thread": _entry(["string", "null"], "Name of the thread that ended it."),
        "trace_id": _entry(["string", "null"], "Trace of its span.", pattern="^[0-9a-f]{32}$"),
        "span_id": _entry(["string", "null"], "Its span.", pattern="^[0-9a-f]{16}$"),
        "absent": _entry("object", "By field, why it was not measured.", additionalProperties={"type": "string"}),
    },
    "required": ["version", "name", "start_unix_ns", "end_unix_ns", "duration_seconds", "outcome", "success"],
}
"""JSON Schema (draft 2020-12) of ``OperationResult.to_dict()``. Fields that it does not know are allowed."""

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "null": (type(None),),
}


def check_document(document: object) -> None:
    """Check what was read from JSON against types, choices and bounds of the schema.

    Raises:
        ValueError: It does not fit; the message names the field.
    """
    if not isinstance(document, dict):
        raise ValueError("an operation result is a JSON object")  # noqa: TRY004 - what is wrong is the text it was read from
    for name in OPERATION_SCHEMA["required"]:
        if name not in document:
            raise ValueError(f"the field {name!r} is missing")
    for name, rule in OPERATION_SCHEMA["properties"].items():
        if name in document and not _fits(document[name], rule):
            raise ValueError(f"the field {name!r} has a value that does not belong there")


def _fits(value: object, rule: Mapping[str, Any]) -> bool:
    kinds = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    if not any(_is_of(value, kind) for kind in kinds):
        return False
    if isinstance(value, dict):
        return all(isinstance(reason, str) for reason in value.values())
    if isinstance(value, int | float) and value < rule.get("minimum", value):
        return False
    return value in rule.get("enum", [value]) and value == rule.get("const", value)


def _is_of(value: object, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
