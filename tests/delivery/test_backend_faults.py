"""What a destination does wrong, and what becomes of the spans: the account is exact after each."""

import contextlib
import logging
import re
import select
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from ssl import CERT_REQUIRED, PROTOCOL_TLS_SERVER, SSLContext
from typing import Any

import grpc
import pytest

from otel_perf.delivery.backoff import Backoff
from otel_perf.delivery.queues import QueueLimits
from otel_perf.delivery.sender_hooks import ExportFailure, Hooks
from tests.delivery.sending import balanced, quick, sending_to, settled, spans, within
from tests.sinks.grpc_sink import grpc_sink
from tests.sinks.http_sink import free_port, http_sink
from tests.sinks.received import Behaviour, Received


@pytest.fixture(params=["http", "grpc"])
def sink(request: pytest.FixtureRequest) -> Iterator[Received]:
    """A receiver of each protocol."""
    with http_sink() if request.param == "http" else grpc_sink() as made:
        yield made


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """What the package has logged so far, while the fixture is used."""

    class Lines(list[str]):
        def __iter__(self) -> Iterator[str]:
            return iter([record.getMessage() for record in caplog.records if record.name == "otel_perf"])

    with caplog.at_level(logging.DEBUG, "otel_perf"):
        yield Lines()


def test_t08_a_batch_is_kept_through_every_failure_that_may_pass() -> None:
    """T-08: 502, 503, 504 and 429 in a row, then health: everything arrives once."""
    with http_sink() as sink, sending_to(sink.url) as destination:
        sink.then(*(Behaviour(status=status) for status in (502, 503, 504, 429)))
        destination.offer(spans(20))
        assert destination.flush(within(10))
        assert settled(destination.account) == {"exported": 20}
        assert (sink.spans, sink.doubled, len(sink.requests)) == (20, 0, 5)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_t08_no_attempt_comes_earlier_than_the_destination_asks(protocol: str) -> None:
    """T-08: Retry-After 1 and RetryInfo of 1 s are waited for, though our own backoff is shorter and a flush is on."""
    with http_sink() if protocol == "http" else grpc_sink() as sink, sending_to(sink.url) as destination:
        if protocol == "http":
            sink.then(Behaviour(status=503, headers={"Retry-After": "1"}))
        else:
            sink.then(Behaviour(status="UNAVAILABLE", retry_info_seconds=1.0))
        destination.offer(spans(5))
        assert not destination.flush(within(0.3))
        assert balanced(destination.account).in_flight == 5
        assert destination.flush(within(10))
        first, second = sink.requests
        assert second.at - first.at >= 1.0
        assert settled(destination.account) == {"exported": 5}


def test_t08_a_wish_to_wait_for_an_hour_does_not_hold_up_the_end() -> None:
    """T-08: Retry-After 3600 holds the batch; shutdown gives up at once, for no attempt is allowed before its end."""
    with http_sink() as sink, sending_to(sink.url) as destination:
        sink.behave(status=503, headers={"Retry-After": "3600"})
        destination.offer(spans(5))
        assert sink.wait_until(lambda: len(sink.requests) == 1)
        assert not destination.flush(within(0.3))
        before = within(0)
        assert not destination.shutdown(within(5))
        assert within(0) - before < 2e9
        assert len(sink.requests) == 1
        assert settled(destination.account) == {"dropped shutdown_timeout": 5}


@pytest.mark.parametrize(
    ("status", "counted_as"),
    [(400, "http_4xx"), (401, "http_4xx"), (403, "http_4xx"), (404, "http_4xx"), (500, "http_5xx"), (307, "redirect")],
)
def test_t09_a_final_refusal_is_counted_and_told_once(lines: list[str], status: int, counted_as: str) -> None:
    """T-09: five batches refused: every span counted under its reason, one hint in 5 minutes, then recovery."""
    with http_sink() as sink, sending_to(sink.url, quick(limits=QueueLimits(batch_items=1))) as destination:
        sink.behave(status=status, headers={"Location": "https://elsewhere.example/v1/traces"})
        destination.offer(spans(5))
        assert not destination.flush(within(10))
        sink.behave()
        destination.offer(spans(3))
        assert destination.flush(within(10))
        assert settled(destination.account) == {"exported": 3, f"rejected {counted_as}": 5}
        assert sink.spans == 3
    told = list(lines)
    hint = re.compile(rf"\b{status}\b|elsewhere\.example")  # a port may hold the digits
    assert len([line for line in told if hint.search(line)]) == 1
    assert len([line for line in told if "loss started" in line]) == 1
    assert [line.partition("recovered ")[2] for line in told if "recovered" in line] == [f"(5 lost: {counted_as} 5)"]


def test_t09_a_batch_that_is_too_large_is_halved_until_it_fits(sink: Received) -> None:
    """T-09: everything arrives; the next batch is cut to a size that passes at once."""
    with sending_to(sink.url) as destination:
        sink.behave(largest_bytes=20_000)
        destination.offer(spans(256, size=200))
        assert destination.flush(within(10))
        refused = sum(request.status != sink.requests[-1].status for request in sink.requests)
        assert refused >= 2
        destination.offer(spans(256, size=200))
        assert destination.flush(within(10))
        assert sum(request.status != sink.requests[-1].status for request in sink.requests) == refused
        assert settled(destination.account) == {"exported": 512}
        assert (sink.spans, sink.doubled) == (512, 0)


def test_t09_an_item_that_is_too_large_alone_is_rejected_alone(sink: Received) -> None:
    """T-09: one span above the limit among 99 others."""
    with sending_to(sink.url) as destination:
        sink.behave(largest_bytes=30_000)
        destination.offer([*spans(50), *spans(1, size=40_000), *spans(49)])
        assert not destination.flush(within(10))
        assert settled(destination.account) == {"exported": 99, "rejected too_large": 1}
        assert sink.spans == 99


def test_t12_a_poison_item_is_found_by_halving(sink: Received) -> None:
    """T-12: the destination refuses any request with one certain span: the 511 others arrive, once."""
    with sending_to(sink.url) as destination:
        sink.behave(poison_name="poison")
        destination.offer([*spans(300), *spans(1, "poison"), *spans(211)])
        assert not destination.flush(within(10))
        assert settled(destination.account) == {"exported": 511, "rejected http_4xx": 1}
        assert (sink.spans, sink.doubled) == (511, 0)


def test_t12_a_destination_that_refuses_everything_is_not_asked_a_thousand_times() -> None:
    """T-12: dividing is given up when it leads to nothing, and taken up again after a success."""
    with http_sink() as sink, sending_to(sink.url) as destination:
        sink.behave(status=400)
        for _ in range(3):
            destination.offer(spans(512))
            assert not destination.flush(within(10))
        assert len(sink.requests) <= 140
        assert settled(destination.account) == {"rejected http_4xx": 3 * 512}
        sink.behave()
        destination.offer(spans(1))
        assert destination.flush(within(10))
        sink.behave(poison_name="poison")
        destination.offer([*spans(99), *spans(1, "poison")])
        assert not destination.flush(within(10))
        assert settled(destination.account) == {"exported": 100, "rejected http_4xx": 3 * 512 + 1}


def test_t12_an_item_that_cannot_be_encoded_is_rejected_alone() -> None:
    """T-12: a span whose bytes are missing spoils no other."""
    broken = spans(1)[0]
    broken.body = None  # type: ignore[assignment]
    with http_sink() as sink, sending_to(sink.url) as destination:
        destination.offer([*spans(60), broken, *spans(39)])
        assert not destination.flush(within(10))
        assert settled(destination.account) == {"exported": 99, "rejected encode_error": 1}
        assert sink.spans == 99


def test_partial_success_is_rejected_and_never_exported(sink: Received) -> None:
    """What a destination says it did not take is not counted as arrived."""
    with sending_to(sink.url) as destination:
        sink.then(Behaviour(rejected_items=7, message="too old"))
        destination.offer(spans(20))
        assert not destination.flush(within(10))
        assert settled(destination.account) == {"exported": 13, "rejected partial_success": 7}
        assert sink.spans == 13


def test_partial_success_that_claims_too_much_does_not_break_the_account() -> None:
    """A server that rejects more than it got."""
    with http_sink() as sink, sending_to(sink.url) as destination:
        sink.then(Behaviour(body=b"\x0a\x03\x08\xe8\x07"))
        destination.offer(spans(20))
        assert not destination.flush(within(10))
        assert settled(destination.account) == {"rejected partial_success": 20}


def test_t11_a_slow_destination_costs_the_oldest_spans_and_says_so_once(lines: list[str]) -> None:
    """T-11: bounded by count, exact drops, one line when it starts and one when it is over."""
    settings = quick(limits=QueueLimits(batch_items=10, queue_items=100))
    with http_sink() as sink, sending_to(sink.url, settings) as destination:
        sink.behave(delay_seconds=30)
        destination.offer(spans(10, "first"))
        assert sink.wait_until(lambda: sink.arrived == 1)
        for number in range(50):
            destination.offer(spans(10, f"burst {number}"))
        balance = balanced(destination.account)
        assert (balance.queued, balance.in_flight, dict(balance.dropped)) == (100, 10, {"queue_full": 400})
        sink.behave()
        sink.stopped.set()  # the answer that is delayed comes now
        assert not destination.flush(within(10)) or balanced(destination.account).exported == 110
        assert settled(destination.account) == {"exported": 110, "dropped queue_full": 400}
        assert sink.span_names["burst 49"] == 10
        assert sink.span_names["burst 39"] == 0
    told = list(lines)
    assert len([line for line in told if "loss started" in line]) == 1
    assert [line.partition("recovered ")[2] for line in told if "recovered" in line] == ["(400 lost: queue_full 400)"]


def test_the_queue_is_bounded_by_bytes() -> None:
    """Large spans fill it sooner; the newest stay."""
    settings = quick(limits=QueueLimits(queue_bytes=100_000))
    with sending_to(f"http://127.0.0.1:{free_port()}", settings) as destination:
        for _ in range(100):
            destination.offer(spans(1, size=10_000))
        balance = balanced(destination.account)
        assert balance.queued <= 9
        assert set(balance.dropped) == {"byte_budget"}


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_an_outage_loses_nothing_and_doubles_nothing(protocol: str, lines: list[str]) -> None:
    """Nobody listens, then somebody does: all arrive once, with one line at each end."""
    port = free_port()
    url = f"http://127.0.0.1:{port}" if protocol == "http" else f"127.0.0.1:{port}"
    # gRPC begins a new connection 0.5 s after a failed one at the earliest.
    with sending_to(url) as destination:
        for _ in range(20):
            destination.offer(spans(10))
        assert not destination.flush(within(0.5))
        with http_sink(port) if protocol == "http" else grpc_sink(port) as sink:
            assert destination.flush(within(10))
            assert settled(destination.account) == {"exported": 200}
            assert (sink.spans, sink.doubled) == (200, 0)
            destination.shutdown(within(5))
    told = list(lines)
    assert len([line for line in told if "delivery interrupted" in line]) == 1
    assert [line.partition("recovered ")[2] for line in told if "recovered" in line] == ["(0 lost)"]


def test_an_answer_that_is_dropped_doubles_at_most_the_one_batch(sink: Received) -> None:
    """The sink stores and breaks off: at least once, with no more than that batch twice."""
    with sending_to(sink.url, quick(limits=QueueLimits(batch_items=25))) as destination:
        sink.then(Behaviour(drop_answer=True))
        destination.offer(spans(100))
        assert destination.flush(within(10))
        assert settled(destination.account) == {"exported": 100}
        assert sink.spans == 100
        assert sink.doubled == 25


def test_a_dead_destination_does_no_harm_to_another() -> None:
    """Two destinations, one of them a black hole: the other gets everything at once."""
    with (
        http_sink() as healthy,
        http_sink() as hole,
        sending_to(healthy.url) as good,
        sending_to(hole.url, quick(limits=QueueLimits(batch_items=100))) as bad,
    ):
        hole.behave(black_hole=True)
        for _ in range(50):
            batch = spans(10)
            bad.offer(batch)
            good.offer(batch)
        assert good.flush(within(2))
        assert settled(good.account) == {"exported": 500}
        assert not bad.shutdown(within(0.3))
        assert settled(bad.account) == {"uncertain": 100, "dropped shutdown_timeout": 400}


def test_every_failed_attempt_is_told_to_the_callback() -> None:
    """It gets plain facts; and when it raises, nothing else happens."""
    told: list[ExportFailure] = []

    def callback(failure: ExportFailure) -> None:
        told.append(failure)
        raise RuntimeError("the callback is broken")

    with http_sink() as sink, sending_to(sink.url, hooks=Hooks(on_export_error=callback)) as destination:
        sink.then(Behaviour(status=503), Behaviour(status=404))
        destination.offer(spans(3))
        assert not destination.flush(within(10))
        destination.offer(spans(2))
        assert destination.flush(within(10))
    assert [(failure.items, failure.reason, failure.will_retry) for failure in told] == [
        (3, "HTTP 503", True),
        (3, "HTTP 404", False),
    ]
    assert {(failure.destination, failure.signal) for failure in told} == {(sink.url, "traces")}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("tls")
    chain, key = folder / "chain.pem", folder / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    try:
        subprocess.run([*command, *names, "-out", chain, "-keyout", key], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no openssl to make a certificate with")
    return chain, key


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_t15_tls_with_the_right_authority_and_with_a_wrong_one(protocol: str, certificate: tuple[Path, Path]) -> None:
    """T-15: an unknown certificate is like a refused connection: kept, retried, nothing sent; the right one works."""
    chain, key = certificate
    if protocol == "http":
        tls = SSLContext(PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(chain, key)
        serving: Any = http_sink(tls=tls)
    else:
        serving = grpc_sink(credentials=grpc.ssl_server_credentials([(key.read_bytes(), chain.read_bytes())]))
    with serving as sink:
        with sending_to(sink.url, insecure=False) as stranger:
            stranger.offer(spans(4))
            assert not stranger.flush(within(0.5))
            assert balanced(stranger.account).in_flight == 4
            stranger.shutdown(within(0))
            assert settled(stranger.account) == {"dropped shutdown_timeout": 4}
        assert not sink.requests
        with sending_to(sink.url, insecure=False, certificate=chain) as friend:
            friend.offer(spans(4))
            assert friend.flush(within(10))
            assert settled(friend.account) == {"exported": 4}


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_t15_a_certificate_file_that_is_missing_or_garbage_loses_nothing(protocol: str, tmp_path: Path) -> None:
    """T-15: it may be put right while the program runs."""
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate")
    for path in (tmp_path / "missing.pem", garbage):
        url = "https://127.0.0.1:9" if protocol == "http" else "127.0.0.1:9"
        with sending_to(url, insecure=False, certificate=path) as destination:
            destination.offer(spans(2))
            assert not destination.flush(within(0.2))
            assert balanced(destination.account).in_flight == 2


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_t16_loopback_goes_past_a_proxy(protocol: str) -> None:
    """T-16: a proxy is set, the destination is this machine: the spans arrive, the proxy sees nothing."""
    with http_sink() as proxy, http_sink() if protocol == "http" else grpc_sink() as sink:
        with sending_to(sink.url, proxy=proxy.url) as destination:
            destination.offer(spans(5))
            assert destination.flush(within(10))
        assert sink.spans == 5
        assert not proxy.requests
        assert proxy.connections_so_far == 0


def test_t16_another_host_is_reached_through_the_proxy() -> None:
    """T-16: the proxy gets the request for a host that only it can resolve, with its own credentials."""
    with http_sink() as proxy:
        url = "http://collector.invalid:4318"
        with sending_to(url, proxy=proxy.url.replace("//", "//user:pass@")) as destination:
            destination.offer(spans(5))
            assert destination.flush(within(10))
        assert proxy.spans == 5
        assert proxy.requests[0].headers["proxy-authorization"] == "Basic dXNlcjpwYXNz"
        assert proxy.requests[0].headers["host"] == "collector.invalid:4318"


def test_t16_https_goes_through_a_tunnel(certificate: tuple[Path, Path]) -> None:
    """T-16: the proxy is asked to connect, and sees neither the request nor the headers."""
    chain, key = certificate
    tls = SSLContext(PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain, key)
    asked: list[bytes] = []
    with http_sink(tls=tls) as sink, socket.create_server(("127.0.0.1", 0)) as listener:
        # The certificate is for 127.0.0.1, past which no proxy is used; so the destination goes by another name.
        thread = threading.Thread(target=tunnel, args=(listener, sink.port, asked))
        thread.start()
        proxy = f"http://user:p%40ss@127.0.0.1:{listener.getsockname()[1]}"
        with sending_to("https://collector.invalid:4318", certificate=chain, proxy=proxy) as destination:
            destination.offer(spans(2))
            assert not destination.flush(within(0.3))
            assert balanced(destination.account).in_flight == 2
        thread.join(5)
    assert asked[0].startswith(b"CONNECT collector.invalid:4318 ")
    assert b"Proxy-Authorization: Basic dXNlcjpwQHNz" in asked[0]
    assert not sink.requests  # the name in the certificate is another: the tunnel is no reason to trust


def tunnel(listener: socket.socket, port: int, asked: list[bytes]) -> None:
    """Serve one CONNECT request, then carry bytes for as long as both sides talk."""
    client, _ = listener.accept()
    with client, socket.create_connection(("127.0.0.1", port)) as server, contextlib.suppress(OSError):
        asked.append(client.recv(65536))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while all(pass_on(ready, server if ready is client else client) for ready in readable(client, server)):
            pass


def readable(*connections: socket.socket) -> list[socket.socket]:
    """Those that have something to read, within 5 s."""
    return select.select(connections, [], [], 5)[0]


def pass_on(source: socket.socket, target: socket.socket) -> bool:
    """Carry what has come; ``False`` at the end."""
    data = source.recv(65536)
    target.sendall(data)
    return bool(data)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_client_certificate_is_shown_to_a_server_that_asks(protocol: str, certificate: tuple[Path, Path]) -> None:
    """Mutual TLS: with the certificate the spans arrive, without it they wait."""
    chain, key = certificate
    if protocol == "http":
        tls = SSLContext(PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(chain, key)
        tls.load_verify_locations(chain)
        tls.verify_mode = CERT_REQUIRED
        serving: Any = http_sink(tls=tls)
    else:
        pair = [(key.read_bytes(), chain.read_bytes())]
        serving = grpc_sink(credentials=grpc.ssl_server_credentials(pair, chain.read_bytes(), require_client_auth=True))
    ours: dict[str, Any] = {"insecure": False, "certificate": chain}
    with serving as sink:
        with sending_to(sink.url, **ours) as stranger:
            stranger.offer(spans(1))
            assert not stranger.flush(within(0.3))
        with sending_to(sink.url, **ours, client_certificate=chain, client_key=key) as known:
            known.offer(spans(3))
            assert known.flush(within(10))
        assert sink.spans == 3


def test_credentials_stand_in_no_line_and_no_exception(caplog: pytest.LogCaptureFixture) -> None:
    """Headers, a password in the URL and a proxy password, in every kind of failure, at DEBUG level."""
    secrets = ["hunter2-token", "pr0xy-pass", "ur1-pass", "qu3ry-key"]
    headers = {"authorization": "Bearer hunter2-token"}
    told: list[ExportFailure] = []
    with caplog.at_level(logging.DEBUG), http_sink() as sink:
        url = f"{sink.url.replace('//', '//user:ur1-pass@')}/v1/traces?key=qu3ry-key"
        for how in ({"status": 401}, {"status": 400, "body": b"hunter2-token"}, {"drop_answer": True}, {"status": 307}):
            sink.behave(**how)
            with sending_to(
                url, hooks=Hooks(on_export_error=told.append), headers=headers, proxy="http://u:pr0xy-pass@127.0.0.1:9"
            ) as destination:
                destination.offer(spans(2))
                destination.flush(within(0.3))
        dead = "http://user:ur1-pass@collector.invalid:4318/v1/traces?key=qu3ry-key"
        with sending_to(
            dead, hooks=Hooks(on_export_error=told.append), headers=headers, proxy="http://u:pr0xy-pass@127.0.0.1:9"
        ) as destination:
            destination.offer(spans(2))
            destination.flush(within(0.3))
    assert told
    texts = [record.getMessage() + (record.exc_text or "") for record in caplog.records]
    texts += [failure.reason for failure in told]
    assert not [text for text in texts for secret in secrets if secret in text]


def test_backoff_stays_between_its_bounds() -> None:
    """Full jitter below a ceiling that doubles, and a wish of the destination on top."""
    highest = Backoff(first_seconds=0.5, longest_seconds=30.0, random=lambda: 1.0)
    assert [highest.pause_seconds(failures) for failures in (1, 2, 3, 6, 7, 8, 10_000)] == [0.5, 1, 2, 16, 30, 30, 30]
    assert Backoff(random=lambda: 0.0).pause_seconds(5) == 0.0
    assert Backoff(random=lambda: 0.5).pause_seconds(1, at_least=10.0) == 10.25
