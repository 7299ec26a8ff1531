"""The processes of a run: the sink, the subjects, and what happens when one of them fails."""

from collections.abc import Iterator

import pytest

from otel_perf.bench.process import BenchmarkError, Child, Sink
from otel_perf.bench.workloads import WORKLOADS

CALLS = 40


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    """One sink; each test sends under a name of its own."""
    with Sink() as started:
        yield started


@pytest.mark.parametrize("subject", ["sdk", "sdk_tuned", "sdk_metrics", "adopted", "otlp", "full"])
def test_every_span_of_a_subject_that_sends_arrives(sink: Sink, subject: str) -> None:
    """A steady load is delivered whole before it is accounted for, and its processor time is known."""
    with Child(subject, sink.endpoint(subject)) as child:
        found = child.ask("steady", rate=1000, seconds=0.1)

    assert found["calls"] == 100
    assert sink.spans(subject) == 100
    assert 0 < found["cpu_seconds"] < 10 * found["wall_seconds"]


@pytest.mark.parametrize("subject", ["bare", "disabled", "local"])
def test_a_subject_without_a_backend_sends_nothing(sink: Sink, subject: str) -> None:
    """What is compared as "no endpoint" really has none."""
    with Child(subject, sink.endpoint(subject)) as child:
        child.ask("steady", rate=1000, seconds=0.05)

    assert sink.spans(subject) == 0


@pytest.mark.parametrize(("subject", "spans"), [("sdk", 7), ("otlp", 7)])
def test_both_sides_do_the_same_work(sink: Sink, subject: str, spans: int) -> None:
    """One span per call, two with a child inside: the SDK and this package send as many for every workload."""
    sender = f"{subject}-same"
    with Child(subject, sink.endpoint(sender)) as child:
        for workload in WORKLOADS:
            assert child.ask("burst", workload=workload, calls=CALLS, bursts=1)["cpu_ns"] > 0
        warm_up = 30

    per_call = {"leaf": 1, "attributes": 1, "nested": 2, "coroutine": 1}
    assert sink.spans(sender) == sum(per_call.values()) * (CALLS + warm_up)


def test_the_account_of_a_subject_agrees_with_the_sink(sink: Sink) -> None:
    """What this package says it has exported is what has arrived."""
    with Child("otlp", sink.endpoint("account")) as child:
        child.ask("burst", workload="leaf", calls=CALLS, bursts=2)
        account = child.ask("account")

    assert account["exported"] == sink.spans("account") == account["recorded"]
    assert account["dropped"] == account["rejected"] == 0


def test_calls_that_wait_are_weighed(sink: Sink) -> None:
    """More is kept of a call whose identifiers were read, and more again of one with attributes."""
    with Child("otlp", sink.endpoint("weighed")) as child:
        weights = [child.ask("queued_bytes", kind=kind, calls=500)["bytes"] for kind in ("leaf", "ids", "attributes")]

    assert 0 < weights[0] < weights[1] < weights[2]


def test_cold_calls_and_event_loops_are_timed(sink: Sink) -> None:
    """Both tasks give numbers, and the loop is watched for as long as it was asked to be."""
    with Child("otlp", sink.endpoint("timed")) as child:
        cold = child.ask("cold", calls=3, cache_bytes=1024)
        lags = child.ask("loop_lag", traced=True, rate=1000, seconds=0.05)["lags_ms"]
        latency = child.ask("latency", rate=1000, seconds=0.05)

    assert cold["wall_ns"] > 0
    assert lags
    assert latency["p50_us"] <= latency["p99_us"] <= latency["p999_us"] <= latency["max_us"]
    assert latency["calls"] == 50


def test_a_process_that_ends_early_is_an_error_with_its_last_words(sink: Sink) -> None:
    """A task that raises ends the run with the reason, instead of a table with holes."""
    with (
        Child("bare", sink.address) as child,
        pytest.raises(BenchmarkError, match="'bare' ended: KeyError: 'nonsense'"),
    ):
        child.ask("nonsense")


def test_a_subject_that_nobody_knows_is_an_error() -> None:
    """A wrong name does not measure something else."""
    with (
        Child("nobody", "http://127.0.0.1:1") as child,
        pytest.raises(BenchmarkError, match="'nobody' ended: KeyError"),
    ):
        child.ask("account")
