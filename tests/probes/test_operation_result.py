"""The result object: JSON, its schema, and what is refused."""

import json
from dataclasses import fields
from datetime import datetime
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.probes.operation import measure
from otel_perf.probes.operation_result import OperationResult
from otel_perf.probes.operation_schema import OPERATION_SCHEMA
from otel_perf.testing.recording import recording

counts = st.none() | st.integers(0, 2**60)
amounts = st.none() | st.floats(0, 1e9)
names = st.none() | st.text(min_size=1)
results = st.builds(
    OperationResult,
    name=st.text(min_size=1),
    start_unix_ns=st.integers(0, 4 * 10**18),
    end_unix_ns=st.integers(0, 4 * 10**18),
    duration_seconds=st.floats(0, 1e9),
    cpu_seconds=amounts,
    cpu_utilization=amounts,
    rss_before_bytes=counts,
    rss_after_bytes=counts,
    rss_peak_bytes=counts,
    peak_method=st.sampled_from([None, "VmHWM", "sampler"]),
    python_peak_bytes=counts,
    outcome=st.sampled_from(["ok", "error", "timeout", "cancelled"]),
    error_type=names,
    speed=st.sampled_from(["fast", "moderate", "slow"]),
    thread=names,
    trace_id=st.none() | st.integers(0, 2**128 - 1).map("{:032x}".format),
    span_id=st.none() | st.integers(0, 2**64 - 1).map("{:016x}".format),
    absent=st.dictionaries(st.sampled_from([field.name for field in fields(OperationResult)]), st.text()),
)


@pytest.mark.feature("S0-17")
@given(results)
def test_every_result_fits_the_schema_and_comes_back_equal(result: OperationResult) -> None:
    """JSON and back is the same object, and any JSON Schema validator accepts the JSON."""
    text = result.to_json()
    jsonschema.Draft202012Validator(OPERATION_SCHEMA).validate(json.loads(text))
    assert OperationResult.from_json(text) == result
    assert OperationResult.from_json(text.encode()) == result


@pytest.mark.feature("S0-17")
def test_a_real_result_has_all_that_is_promised() -> None:
    """Name, start, end, duration, memory before, after and at its peak, CPU, success, error, method."""
    jsonschema.Draft202012Validator.check_schema(dict(OPERATION_SCHEMA))
    with recording(deterministic=False), pytest.raises(TimeoutError), measure("load", tracemalloc=True) as run:
        kept = [bytes(1000) for _ in range(1000)]
        del kept
        raise TimeoutError
    result = run.result
    assert result is not None
    plain = json.loads(result.to_json())
    jsonschema.Draft202012Validator(OPERATION_SCHEMA).validate(plain)
    assert set(plain) == set(OPERATION_SCHEMA["properties"])
    assert (plain["name"], plain["outcome"], plain["success"], plain["error_type"]) == (
        "load", "timeout", False, "TimeoutError",
    )  # fmt: skip
    start, end = (datetime.fromisoformat(plain[name]) for name in ("start", "end"))
    assert plain["start"].endswith("Z")
    assert (end - start).total_seconds() == pytest.approx(plain["duration_seconds"], abs=2e-6)
    assert plain["end_unix_ns"] - plain["start_unix_ns"] == round(plain["duration_seconds"] * 1e9)
    assert plain["rss_before_bytes"] > 1_000_000
    assert plain["python_peak_bytes"] > 1_000_000
    for number, reason in (("cpu_seconds", "cpu_seconds"), ("rss_peak_bytes", "rss_peak_bytes")):
        assert (plain[number] is None) == (reason in plain["absent"])


@pytest.mark.parametrize(
    "change",
    [
        {"name": 3},
        {"name": None},
        {"version": 2},
        {"duration_seconds": -1},
        {"duration_seconds": "1"},
        {"rss_peak_bytes": 1.5},
        {"rss_peak_bytes": True},
        {"outcome": "fine"},
        {"absent": {"cpu_seconds": 3}},
        {"absent": []},
    ],
)
def test_a_document_that_does_not_fit_is_refused_by_name(change: dict[str, Any]) -> None:
    """The error names the field."""
    document = OperationResult(name="x", start_unix_ns=0, end_unix_ns=1, duration_seconds=1e-9).to_dict() | change
    (field,) = change
    with pytest.raises(ValueError, match=field):
        OperationResult.from_json(json.dumps(document))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"duration_seconds": NaN}', "{", '{"version": 1}'])
def test_what_is_no_result_is_refused(text: str) -> None:
    """Neither other JSON nor ``NaN`` becomes a result."""
    with pytest.raises(ValueError):  # noqa: PT011 - the messages differ
        OperationResult.from_json(text)


def test_unknown_fields_are_left_out() -> None:
    """A later version may write more."""
    result = OperationResult(name="x", start_unix_ns=0, end_unix_ns=1, duration_seconds=1e-9)
    assert OperationResult.from_json(json.dumps({**result.to_dict(), "later": 1})) == result
