"""Each way that one request can end, over HTTP and over gRPC, against real servers."""

import gzip
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from otel_perf.config.headers import Headers
from otel_perf.delivery.span_request import build_request
from otel_perf.delivery.transport import (
    Delivered,
    Outcome,
    Redirected,
    Refused,
    Retry,
    TooLarge,
    Uncertain,
    open_transport,
)
from tests.delivery.sending import metrics, spans, to
from tests.sinks.grpc_sink import grpc_sink
from tests.sinks.http_sink import free_port, http_sink

SECRET = "s3cret-t0ken"


def http_verdict(seconds: float = 5.0, **how: Any) -> Outcome:
    """What one request ends in, when the HTTP sink behaves like this."""
    with http_sink() as sink:
        sink.behave(**how)
        transport = open_transport(to(sink.url, headers=Headers({"authorization": f"Bearer {SECRET}"})))
        try:
            return transport.send("traces", build_request(spans(3)), seconds)
        finally:
            transport.close()


def grpc_verdict(seconds: float = 5.0, **how: Any) -> Outcome:
    """What one request ends in, when the gRPC sink behaves like this."""
    with grpc_sink() as sink:
        sink.behave(**how)
        transport = open_transport(to(sink.url, headers=Headers({"authorization": f"Bearer {SECRET}"})))
        try:
            return transport.send("traces", build_request(spans(3)), seconds)
        finally:
            transport.close()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_http_statuses_that_may_be_tried_again(status: int) -> None:
    """The four of the OTLP specification."""
    assert http_verdict(status=status) == Retry(f"HTTP {status}")


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("1", 1, 1),
        ("3600", 300, 300),
        ("0", 0, 0),
        ("9" * 40, 300, 300),
        (timedelta(seconds=100), 20, 100),
        (timedelta(days=1), 300, 300),
        (timedelta(hours=-1), 0, 0),
    ],
    ids=str,
)
def test_retry_after_is_seconds_or_a_date_and_at_most_300(value: str | timedelta, least: float, most: float) -> None:
    """Both forms of the header, capped."""
    if isinstance(value, timedelta):
        value = format_datetime(datetime.now(UTC) + value, usegmt=True)
    outcome = http_verdict(status=503, headers={"Retry-After": value})

    assert isinstance(outcome, Retry)
    assert outcome.after_seconds is not None
    assert least <= outcome.after_seconds <= most


@pytest.mark.parametrize("value", ["soon", "-5", "", "1e3", "٣"])
def test_a_retry_after_that_says_nothing_is_ignored(value: str) -> None:
    """Our own backoff applies then."""
    assert http_verdict(status=429, headers={"Retry-After": value.encode().decode("latin-1")}) == Retry("HTTP 429")


@pytest.mark.parametrize(
    ("status", "counted_as", "divisible", "hinted"),
    [
        (400, "http_4xx", True, False),
        (401, "http_4xx", False, True),
        (403, "http_4xx", False, True),
        (404, "http_4xx", False, True),
        (408, "http_4xx", False, False),
        (500, "http_5xx", False, False),
        (501, "http_5xx", False, False),
    ],
)
def test_http_statuses_that_are_final(status: int, counted_as: str, divisible: bool, hinted: bool) -> None:
    """Not repeated; only a 400 may be one bad item's fault; the usual faults of a configuration carry a hint."""
    outcome = http_verdict(status=status)

    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.counted_as) == (f"HTTP {status}", counted_as)
    assert (outcome.divisible, bool(outcome.hint)) == (divisible, hinted)


def test_413_is_too_large() -> None:
    """A smaller request may pass."""
    assert http_verdict(status=413) == TooLarge("HTTP 413")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_named_and_not_followed(status: int) -> None:
    """The location is shown without what may be secret in it."""
    with http_sink() as elsewhere:
        outcome = http_verdict(status=status, headers={"Location": f"{elsewhere.url}/v1/traces?key={SECRET}"})

        assert outcome == Redirected(f"{elsewhere.url}/v1/traces")
        assert not elsewhere.requests


def test_partial_success_names_what_was_not_taken() -> None:
    """Over both protocols, and as JSON, which some servers answer with."""
    message: dict[str, Any] = {"rejected_items": 2, "message": "two are too old"}
    body = b'{"partialSuccess": {"rejectedSpans": "2", "errorMessage": "two are too old"}, "more": 1}'

    assert http_verdict(**message) == Delivered(2, "two are too old")
    assert grpc_verdict(**message) == Delivered(2, "two are too old")
    assert http_verdict(body=body, content_type="application/json; charset=utf-8") == Delivered(2, "two are too old")


@pytest.mark.parametrize("body", [b"{}", b"<html>OK</html>", b"\xff" * 50, b"x" * 200_000])
@pytest.mark.parametrize("kind", ["application/json", "application/x-protobuf", "text/html"])
def test_a_success_with_an_odd_body_is_a_success(body: bytes, kind: str) -> None:
    """The status says that the spans are stored."""
    assert http_verdict(body=body, content_type=kind) == Delivered()


def test_the_servers_words_are_shown_without_our_credentials() -> None:
    """A server that echoes the token, newlines and escapes does not bring them into our log."""
    said = f"no\n\x1b[31m {SECRET} here"
    expected = "no\\n\\x1b[31m *** here"
    status = Status(code=3, message=said).SerializeToString()

    assert http_verdict(status=400, body=status) == Refused(f"HTTP 400: {expected}", "http_4xx", divisible=True)
    text = http_verdict(status=500, body=said.encode(), content_type="text/plain")
    assert text == Refused(f"HTTP 500: {expected}", "http_5xx")
    assert SECRET not in str(grpc_verdict(status="INVALID_ARGUMENT", message=SECRET))


@pytest.mark.parametrize("code", ["CANCELLED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"])
def test_grpc_codes_that_may_be_tried_again(code: str) -> None:
    """Those of the OTLP specification that a server says of itself."""
    assert grpc_verdict(status=code) == Retry(f"gRPC {code}: refused")


def test_grpc_retry_info_is_read_from_the_status_details() -> None:
    """It sets the pause, capped, and makes RESOURCE_EXHAUSTED one that may be tried again."""
    for seconds, expected in ((1.5, 1.5), (3600.0, 300.0)):
        for code in ("UNAVAILABLE", "RESOURCE_EXHAUSTED"):
            outcome = grpc_verdict(status=code, retry_info_seconds=seconds)
            assert outcome == Retry(f"gRPC {code}: refused", expected)


@pytest.mark.parametrize(
    ("code", "counted_as", "divisible", "hinted"),
    [
        ("INVALID_ARGUMENT", "http_4xx", True, False),
        ("UNAUTHENTICATED", "http_4xx", False, True),
        ("PERMISSION_DENIED", "http_4xx", False, True),
        ("NOT_FOUND", "http_4xx", False, False),
        ("RESOURCE_EXHAUSTED", "http_4xx", False, False),
        ("UNIMPLEMENTED", "http_5xx", False, True),
        ("INTERNAL", "http_5xx", False, False),
        ("UNKNOWN", "http_5xx", False, False),
    ],
)
def test_grpc_codes_that_are_final(code: str, counted_as: str, divisible: bool, hinted: bool) -> None:
    """Not repeated; the classes are those that google.rpc.code maps to HTTP."""
    outcome = grpc_verdict(status=code)

    assert isinstance(outcome, Refused)
    assert outcome.reason.startswith(f"gRPC {code}")
    assert (outcome.counted_as, outcome.divisible, bool(outcome.hint)) == (counted_as, divisible, hinted)


def test_a_grpc_message_above_the_servers_limit_is_too_large() -> None:
    """Told from other exhaustion by the words that gRPC uses for it."""
    assert isinstance(grpc_verdict(largest_bytes=10), TooLarge)


@pytest.mark.parametrize("verdict", [http_verdict, grpc_verdict])
def test_no_answer_in_time_is_uncertain(verdict: Callable[..., Outcome]) -> None:
    """The request was written whole; it may have been stored."""
    assert isinstance(verdict(seconds=0.3, black_hole=True), Uncertain)


def test_an_answer_that_is_lost_is_uncertain() -> None:
    """The sink has stored the spans and breaks the connection off."""
    assert isinstance(http_verdict(drop_answer=True), Uncertain)
    assert isinstance(grpc_verdict(drop_answer=True), Uncertain)


@pytest.mark.parametrize("form", ["http://127.0.0.1:{}", "127.0.0.1:{}"])
def test_nobody_listens(form: str) -> None:
    """Nothing was sent, so nothing is uncertain."""
    transport = open_transport(to(form.format(free_port())))
    try:
        outcome = transport.send("traces", build_request(spans(1)), 3.0)
    finally:
        transport.close()

    assert isinstance(outcome, Retry)
    assert "refused" in outcome.reason.lower()


@pytest.mark.parametrize("form", ["http://no.such.host.invalid:4318", "no.such.host.invalid:4317"])
def test_t15_a_name_that_does_not_resolve_is_like_a_refused_connection(form: str) -> None:
    """T-15: tried again, and the line says what is wrong."""
    transport = open_transport(to(form))
    try:
        outcome = transport.send("traces", build_request(spans(1)), 5.0)
    finally:
        transport.close()

    assert isinstance(outcome, Retry)
    assert "resol" in outcome.reason.lower()


@pytest.mark.parametrize("value", ["two\nlines", "smörgås ☃"])
@pytest.mark.parametrize("serving", [http_sink, grpc_sink])
def test_a_header_that_cannot_be_sent_is_refused_by_us(
    serving: Callable[[], Any], value: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Repeating would not help, nothing may be raised, and nothing stands on standard error."""
    with serving() as sink:
        transport = open_transport(to(sink.url, headers=Headers({"x-key": value})))
        outcome = transport.send("traces", build_request(spans(1)), 5.0)
        transport.close()

    assert isinstance(outcome, Refused)
    assert "check the headers" in outcome.hint
    assert not sink.requests
    assert capfd.readouterr().err == ""


def test_requests_carry_the_conventional_headers() -> None:
    """Content type, gzip, a user agent in OTLP's form, and the user's own."""
    with http_sink() as sink:
        for compression, expected in (("gzip", "gzip"), ("none", None)):
            transport = open_transport(to(sink.url, headers=Headers({"x-tenant": "a"}), compression=compression))
            assert transport.send("traces", build_request(spans(1)), 5.0) == Delivered()
            transport.close()
            headers = sink.requests[-1].headers
            assert headers["content-type"] == "application/x-protobuf"
            assert headers["user-agent"].startswith("OTel-OTLP-Exporter-Python/otel_perf-")
            assert headers["x-tenant"] == "a"
            assert headers.get("content-encoding") == expected


def test_one_connection_serves_many_requests() -> None:
    """Keep-alive works, also after an error answer with a body."""
    with http_sink() as sink:
        transport = open_transport(to(sink.url))
        for status in (200, 503, 400, 200):
            sink.behave(status=status, body=b"words" if status != 200 else None)
            transport.send("traces", build_request(spans(1)), 5.0)
        connections = sink.connections_so_far
        transport.close()
    assert connections == 1


def test_a_server_that_was_restarted_is_reached_again() -> None:
    """The dead connection is noticed before a request is risked on it."""
    with http_sink() as sink:
        transport = open_transport(to(sink.url))
        assert transport.send("traces", build_request(spans(1)), 5.0) == Delivered()
    with http_sink(sink.port):
        outcomes = [transport.send("traces", build_request(spans(1)), 5.0) for _ in range(2)]
        transport.close()
    assert Delivered() in outcomes
    assert all(isinstance(outcome, Delivered | Retry) for outcome in outcomes)


def test_metrics_have_a_path_and_a_partial_success_of_their_own() -> None:
    """The answer of the metrics service is read as such."""
    with http_sink() as sink:
        sink.behave(rejected_items=1, message="late")
        transport = open_transport(to(f"{sink.url}/v1/metrics", signal="metrics"))
        assert transport.send("metrics", metrics(3), 5.0) == Delivered(1, "late")
        transport.close()
    assert sink.requests[0].items == 3


def test_a_closed_transport_sends_nothing() -> None:
    """After close there is no connection to be made."""
    with http_sink() as http, grpc_sink() as grpc:
        for url in (http.url, grpc.url):
            transport = open_transport(to(url))
            transport.close()
            transport.close()
            assert transport.send("traces", b"", 1.0) == Retry("the transport is closed")
    assert not http.requests
    assert not grpc.requests


def test_the_body_is_what_was_encoded() -> None:
    """Compressed bytes open to the same request."""
    body = build_request(spans(50))
    with http_sink() as sink:
        transport = open_transport(to(sink.url))
        transport.send("traces", body, 5.0)
        transport.close()
    assert sink.requests[0].size_bytes == len(body)
    assert sink.traces[0].SerializeToString() == body
    assert len(gzip.compress(body)) < len(body)


def test_a_server_that_answers_before_it_has_read_everything_is_heard() -> None:
    """413 and a hang-up in the middle of 8 MiB: the answer counts, not the broken pipe."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        transport = open_transport(to(f"http://127.0.0.1:{listener.getsockname()[1]}", compression="none"))
        try:
            assert transport.send("traces", b"x" * 2**23, 5.0) == TooLarge("HTTP 413")
        finally:
            transport.close()
            thread.join(5)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200",
        b"HTTP/1.1 999999 X\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 " + b"2" * 100_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nshort",
        b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
    ],
)
def test_whatever_answers_there_nothing_is_raised(answer: bytes) -> None:
    """Another protocol, garbage, an answer that breaks off: a verdict, and the next attempt has a new connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        transport = open_transport(to(f"http://127.0.0.1:{listener.getsockname()[1]}"))
        try:
            for _ in range(2):
                outcome = transport.send("traces", build_request(spans(2)), 5.0)
                assert isinstance(outcome, Delivered | Uncertain | Retry)
        finally:
            transport.close()
            thread.join(5)
