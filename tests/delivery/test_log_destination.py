"""Log records on their way to one destination: the guarantees of spans, under the name of logs."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from otel_perf.core.clock import Clock
from otel_perf.core.events import Event
from otel_perf.core.kpi_signals import EVALUATION_RESULT
from otel_perf.core.signal_spec import EventSpec
from otel_perf.core.state_folder import StateFolder
from otel_perf.delivery.destination import LogDestination
from otel_perf.delivery.event_console import EventConsole
from otel_perf.delivery.halving import halve
from otel_perf.delivery.log_delivery import LogDelivery
from otel_perf.delivery.log_encoder import LogEncoder
from otel_perf.delivery.sender_hooks import Hooks
from otel_perf.delivery.span_request import SpanGroup, build_request
from otel_perf.delivery.spool import DiskSpool
from otel_perf.delivery.spool_folder import SpoolFolder, destination_key
from otel_perf.delivery.transport import open_transport
from tests.delivery.sending import balanced, quick, settled, to, within
from tests.sinks.grpc_sink import grpc_sink
from tests.sinks.http_sink import http_sink
from tests.sinks.received import Behaviour

CLOCK = Clock()
ENCODER = LogEncoder(SpanGroup(b"", b""), CLOCK)


def events(count: int, **attributes: Any) -> list[Event]:
    """Events with a number each."""
    return [Event(EVALUATION_RESULT, {"number": number, **attributes}, 7, 8) for number in range(count)]


@contextmanager
def logging_to(url: str, hooks: Hooks | None = None) -> Iterator[tuple[LogDestination, LogDelivery]]:
    """A destination for log records that is shut down at the end of the block, and what feeds it."""
    address = f"{url}/v1/logs" if url.startswith("http") else url
    destination = LogDestination(url, open_transport(to(address, signal="logs")), quick(), hooks)
    try:
        yield destination, LogDelivery(ENCODER, [destination])
    finally:
        destination.shutdown(within(0))


@pytest.mark.parametrize("serving", [http_sink, grpc_sink])
def test_events_arrive_with_their_ids(serving: type) -> None:
    """Over HTTP and gRPC, in order, each accounted for as a log record."""
    with serving() as sink, logging_to(sink.url) as (destination, delivery):
        delivery.on_events(events(5))
        assert destination.flush(within(10))
        assert [record.attributes[0].value.int_value for record in sink.log_records] == list(range(5))
        assert {record.trace_id for record in sink.log_records} == {(7).to_bytes(16, "big")}
        assert destination.account.signal == "logs"
        assert settled(destination.account) == {"exported": 5}


def test_an_outage_costs_nothing() -> None:
    """Refused for a while, then taken: each record once."""
    with http_sink() as sink, logging_to(sink.url) as (destination, delivery):
        sink.then(*[Behaviour(status=503)] * 3)
        delivery.on_events(events(4))
        assert destination.flush(within(10))
        assert [record.attributes[0].value.int_value for record in sink.log_records] == list(range(4))
        assert settled(destination.account) == {"exported": 4}


def test_what_a_backend_refuses_is_counted() -> None:
    """Partial success and refusal, as for spans."""
    with http_sink() as sink, logging_to(sink.url) as (destination, delivery):
        sink.then(Behaviour(rejected_items=1))
        delivery.on_events(events(3))
        assert not destination.flush(within(10))
        sink.behave(status=401)
        delivery.on_events(events(1))
        assert not destination.flush(within(10))
        assert settled(destination.account) == {"exported": 2, "rejected partial_success": 1, "rejected http_4xx": 1}


def test_an_event_that_cannot_be_encoded_is_dropped_alone() -> None:
    """The others arrive; the account says why the one did not. An event lost before is on the account too."""
    with http_sink() as sink, logging_to(sink.url) as (destination, delivery):
        broken = Event(EventSpec(5, "no name", ()), {})  # type: ignore[arg-type]
        delivery.on_events([*events(2), broken])
        delivery.on_overflow(broken)
        destination.flush(within(10))
        assert len(sink.log_records) == 2
        assert settled(destination.account) == {"exported": 2, "dropped encode_error": 1, "dropped queue_full": 1}


def test_what_a_dead_backend_does_not_take_is_kept_on_disk_and_sent_by_the_next_process(tmp_path: Path) -> None:
    """The spool of spans keeps log records as well; another owner of the folder delivers them, counted as adopted."""
    with http_sink() as sink:
        key = destination_key("logs", "http/protobuf", sink.url)

        def hooks() -> Hooks:
            return Hooks(spool=DiskSpool(SpoolFolder(StateFolder(tmp_path)), key, "logs"))

        sink.behave(status=503)
        with logging_to(sink.url, hooks()) as (destination, delivery):
            delivery.on_events(events(3))
            assert not destination.shutdown(within(0.5))
            assert settled(destination.account) == {"spooled": 3}
        assert SpoolFolder(StateFolder(tmp_path)).holds(key)
        sink.behave()
        with logging_to(sink.url, hooks()) as (destination, _):
            destination.start()
            assert sink.wait_until(lambda: len(sink.log_records) == 3)
            assert destination.shutdown(within(5))
            assert balanced(destination.account).adopted == 3
    assert not SpoolFolder(StateFolder(tmp_path)).holds(key)


def test_a_request_of_log_records_can_be_halved() -> None:
    """Both halves are requests of their own; a single record cannot be divided."""
    encoded = [ENCODER.encode(event) for event in events(5)]
    halves = halve("logs", build_request(encoded))
    assert halves is not None
    assert [half.items for half in halves] == [2, 3]
    assert halve("logs", build_request(encoded[:1])) is None


def test_a_forked_child_starts_empty() -> None:
    """The parent delivers what was waiting."""
    with http_sink() as sink, logging_to(sink.url) as (destination, delivery):
        sink.behave(status=503)
        delivery.on_events(events(2))
        assert sink.wait_until(lambda: len(sink.requests) >= 1)
        destination.close_by(within(0))
        destination.shutdown(within(0))
        destination.after_fork_in_child()
        assert settled(destination.account) == {}


def test_the_console_writes_one_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, never on standard output; every event is accounted for."""
    console = EventConsole(CLOCK, quick())
    console.on_events(events(2, text="a\nb"))
    assert console.flush(within(10))
    assert console.shutdown(within(5))
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in io.StringIO(err)]
    assert out == ""
    assert [line["attributes"] for line in lines] == [{"number": 0, "text": "a\nb"}, {"number": 1, "text": "a\nb"}]
    assert lines[0]["event_name"] == "gen_ai.evaluation.result"
    assert (lines[0]["trace_id"], lines[0]["span_id"]) == ("0" * 31 + "7", "0" * 15 + "8")
    assert settled(console.account) == {"exported": 2}
