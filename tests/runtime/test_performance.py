"""``Handle.performance()``: response times, the last operation, memory."""

import asyncio
import json
import statistics

import pytest

import otel_perf
from otel_perf.core.intake import intake
from otel_perf.probes.operation import measure
from otel_perf.runtime import active
from otel_perf.runtime.handle import Handle
from otel_perf.runtime.performance import Performance
from otel_perf.testing.capture import Capture


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_ns = 10**12

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def handle(otel_perf_capture: Capture) -> Handle:
    """The handle of the capture."""
    current = active.current()
    assert current is not None
    return current


@pytest.fixture
def hands(handle: Handle) -> Hands:
    """The package's clock."""
    hands = Hands()
    intake.now_ns = hands  # the capture puts the real one back at its end
    return hands


@pytest.mark.feature("S4-42", "S4-44")
def test_it_tells_memory_utilization_and_the_last_operation(handle: Handle, hands: Hands) -> None:
    """Resident memory by what the process may use, and how long the operation took that ended last."""
    for seconds in (3, 6, 2):
        with measure("turn", memory=False):
            hands.now_ns += seconds * 10**9
            with otel_perf.tool_call("inner"):
                hands.now_ns += 10**8

    found = handle.performance().to_dict()

    assert found["last_operation"] == "turn"
    assert found["last_operation_time"] == 2.1
    assert 0 < found["memory_utilization"] < 1
    assert found["memory_utilization"] == found["memory_bytes"] / found["memory_limit_bytes"]
    assert found["memory_limit_source"] in {"cgroup", "host"}
    json.dumps(found, allow_nan=False)


@pytest.mark.feature("S4-46")
def test_it_tells_average_p95_and_p99_of_the_response_time(handle: Handle, hands: Hands) -> None:
    """Of turns of agents; as ``statistics`` computes them from the same durations."""
    durations = [number / 1000 for number in range(1, 201)]

    async def main() -> None:
        for seconds in durations:
            async with otel_perf.agent("helper"):
                hands.now_ns += round(seconds * 1e9)

    asyncio.run(main())
    with measure("after", memory=False):
        hands.now_ns += 1

    found = handle.performance()

    assert (found.responses, found.response_count, found.response_time_exact) == ("agent", 200, True)
    assert found.response_time_average == pytest.approx(statistics.mean(durations))
    assert found.response_time_p95 == pytest.approx(0.190, abs=0.001)
    assert found.response_time_p99 == pytest.approx(0.198, abs=0.001)
    assert found.error_ratio == 0


@pytest.mark.feature("S4-46")
def test_without_agents_the_responses_are_operations_and_else_tool_calls(handle: Handle, hands: Hands) -> None:
    """The kind is named; failures are counted."""
    with otel_perf.tool_call("search"):
        hands.now_ns += 10**9
    assert handle.performance().responses == "tool"
    assert handle.performance().last_operation == "search"

    with pytest.raises(OSError, match="gone"), measure("answer", memory=False):
        raise OSError("gone")
    found = handle.performance()
    assert (found.responses, found.response_count, found.error_ratio) == ("operation", 1, 1.0)
    assert found.last_operation == "answer"


def test_before_anything_ran_nothing_is_claimed(handle: Handle) -> None:
    """Memory is known, the rest is ``None``."""
    found = handle.performance()
    assert isinstance(found, Performance)
    assert (found.response_count, found.responses, found.error_ratio) == (0, None, None)
    assert (found.last_operation_time, found.response_time_average, found.response_time_p99) == (None, None, None)
