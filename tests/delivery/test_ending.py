"""Flush and shutdown: truthful, within their deadline, whatever the destination does."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from otel_perf.delivery.backoff import Backoff
from otel_perf.delivery.queues import QueueLimits
from tests.delivery.sending import balanced, quick, sending_to, settled, spans, within
from tests.sinks.grpc_sink import grpc_sink
from tests.sinks.http_sink import free_port, http_sink
from tests.sinks.process import REPOSITORY, sink_process
from tests.sinks.received import Behaviour


@contextmanager
def refused_http() -> Iterator[str]:
    """Nobody listens."""
    yield f"http://127.0.0.1:{free_port()}"


@contextmanager
def refused_grpc() -> Iterator[str]:
    """Nobody listens."""
    yield f"127.0.0.1:{free_port()}"


@contextmanager
def hole_http() -> Iterator[str]:
    """Reads the request and never answers."""
    with http_sink() as sink:
        sink.behave(black_hole=True)
        yield sink.url


@contextmanager
def hole_grpc() -> Iterator[str]:
    """Reads the request and never answers."""
    with grpc_sink() as sink:
        sink.behave(black_hole=True)
        yield sink.url


@contextmanager
def slow_http() -> Iterator[str]:
    """Answers after 30 s."""
    with http_sink() as sink:
        sink.behave(delay_seconds=30)
        yield sink.url


@contextmanager
def silent_listener() -> Iterator[int]:
    """A port that completes the handshake of TCP and nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def silent_tls() -> Iterator[str]:
    """The TLS handshake never ends."""
    with silent_listener() as port:
        yield f"https://127.0.0.1:{port}"


@contextmanager
def drip_http() -> Iterator[str]:
    """Answers one byte of an endless line at a time, so that no single read times out."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener, over), name="drip")
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            thread.join(5)


def drip(listener: socket.socket, over: threading.Event) -> None:
    """Serve the first connection that way."""
    connection, _ = listener.accept()
    with connection, contextlib.suppress(OSError):
        while not over.wait(0.05):
            connection.sendall(b"x")


DEAD: list[Any] = [refused_http, refused_grpc, hole_http, hole_grpc, slow_http, silent_tls, drip_http]


@pytest.mark.parametrize("dead", DEAD)
def test_t20_flush_says_no_in_time(dead: Callable[[], Any]) -> None:
    """T-20: False, and no later than the deadline and 0.2 s, in front of every kind of dead destination."""
    with dead() as url, sending_to(url, timeout_seconds=10.0) as destination:
        destination.offer(spans(100))
        began = time.monotonic()
        assert not destination.flush(within(0.4))
        assert 0.35 <= time.monotonic() - began <= 0.6
        assert balanced(destination.account).exported == 0


@pytest.mark.parametrize("dead", DEAD)
def test_t19_shutdown_ends_in_time_and_accounts_for_everything(dead: Callable[[], Any]) -> None:
    """T-19, one destination: no later than the deadline and 0.3 s; the rest is dropped or uncertain, to the last."""
    with dead() as url:
        settings = quick(limits=QueueLimits(batch_items=100), timeout_seconds=10.0)
        with sending_to(url, settings) as destination:
            destination.offer(spans(2000))
            began = time.monotonic()
            assert not destination.shutdown(within(0.5))
            assert time.monotonic() - began <= 1.0
            ends = settled(destination.account)
            unsure = dead in {hole_http, hole_grpc, slow_http, drip_http}
            # gRPC cannot tell a handshake that hangs from a request that does; HTTP can.
            assert ends == (
                {"uncertain": 100, "dropped shutdown_timeout": 1900} if unsure else {"dropped shutdown_timeout": 2000}
            )


def test_shutdown_delivers_what_waits() -> None:
    """A healthy destination gets everything before the thread ends."""
    with http_sink() as sink, sending_to(sink.url, quick(interval_seconds=60)) as destination:
        destination.offer(spans(2000))
        assert destination.shutdown(within(10))
        assert settled(destination.account) == {"exported": 2000}
        assert sink.spans == 2000


def test_shutdown_of_an_idle_destination_takes_no_time() -> None:
    """Healthy, nothing waits: the thread ends at once; and a destination that was never used has none."""
    with http_sink() as sink, sending_to(sink.url) as destination, sending_to(sink.url) as unused:
        destination.offer(spans(1))
        assert destination.flush(within(10))
        began = time.monotonic()
        assert destination.shutdown(within(5))
        assert unused.shutdown(within(5))
        assert unused.flush(within(5))
        assert time.monotonic() - began < 0.2


def test_shutdown_waits_for_a_destination_that_comes_back() -> None:
    """The remaining time is used: an outage that ends before the deadline costs nothing."""
    with http_sink() as sink, sending_to(sink.url) as destination:
        sink.behave(status=503)
        destination.offer(spans(10))
        assert sink.wait_until(lambda: len(sink.requests) >= 2)
        threading.Timer(0.3, sink.behave).start()
        assert destination.shutdown(within(10))
        assert settled(destination.account) == {"exported": 10}


def test_after_shutdown_everything_is_harmless_and_counted() -> None:
    """Spans offered late are dropped with their reason; flush, start and a second shutdown do nothing."""
    with http_sink() as sink, sending_to(sink.url) as destination:
        destination.shutdown(within(5))
        destination.offer(spans(3))
        destination.start()
        assert destination.flush(within(0.2))
        assert destination.shutdown(within(0.2))
        assert settled(destination.account) == {"dropped shutdown_timeout": 3}
        assert not sink.requests


def test_flush_sends_a_batch_that_is_not_full() -> None:
    """Without a flush a few spans wait for the interval; with it they go at once."""
    with http_sink() as sink, sending_to(sink.url, quick(interval_seconds=60)) as destination:
        destination.offer(spans(3))
        assert destination.flush(within(10))
        assert sink.spans == 3


def test_flush_cuts_our_own_pause_short() -> None:
    """A pause of backoff is no reason to miss a destination that has come back."""
    settings = quick(backoff=Backoff(first_seconds=60, longest_seconds=60, random=lambda: 1.0))
    with http_sink() as sink, sending_to(sink.url, settings) as destination:
        sink.then(Behaviour(status=503))
        destination.offer(spans(3))
        assert sink.wait_until(lambda: len(sink.requests) == 1)
        assert destination.flush(within(10))
        assert settled(destination.account) == {"exported": 3}


def test_spans_leave_after_the_interval_without_being_asked() -> None:
    """Nobody flushes: they are there soon after the interval."""
    with http_sink() as sink, sending_to(sink.url, quick(interval_seconds=0.1)) as destination:
        destination.offer(spans(3))
        destination.offer(spans(4))
        assert sink.wait_until(lambda: sink.spans == 7, 5)
        assert len(sink.requests) == 1


def test_a_full_batch_does_not_wait_for_the_interval() -> None:
    """The batch size is a trigger of its own."""
    settings = quick(interval_seconds=60, limits=QueueLimits(batch_items=10))
    with http_sink() as sink, sending_to(sink.url, settings) as destination:
        for _ in range(5):
            destination.offer(spans(4))
        assert sink.wait_until(lambda: sink.spans == 20, 5)
        assert [request.items for request in sink.requests] == [10, 10]


def test_flushing_from_many_threads_is_truthful_in_each() -> None:
    """Eight threads offer and flush: each True means that its spans are there."""
    failures: list[str] = []
    with http_sink() as sink, sending_to(sink.url) as destination:

        def use(name: str) -> None:
            for round_ in range(10):
                destination.offer(spans(5, f"{name} {round_}"))
                if not destination.flush(within(10)) or sink.span_names[f"{name} {round_}"] != 5:
                    failures.append(f"{name} {round_}")

        threads = [threading.Thread(target=use, args=(f"thread {number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        assert settled(destination.account) == {"exported": 400}


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_forked_child_starts_empty_and_delivers_its_own(protocol: str) -> None:
    """Parent and child each deliver their own spans once; in a process of its own, where nothing else has threads."""
    with sink_process(protocol) as sink:
        ended = subprocess.run(
            [sys.executable, "-m", "tests.delivery.forking", sink.url], cwd=REPOSITORY, timeout=60, check=False
        )
        assert ended.returncode == 0
        assert sink.stats()["names"] == {"before": 5, "parent": 7, "child": 3}
        assert sink.stats()["doubled"] == 0


@pytest.mark.parametrize("dead", ["refused", "black hole"])
@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_t19_a_process_ends_in_time(protocol: str, dead: str) -> None:
    """T-19: 2,000 spans wait, the destination is dead: the process is gone 0.5 s after its budget, all accounted."""
    with sink_process(protocol) as sink:
        sink.behave(black_hole=True)
        url = sink.url if dead == "black hole" else sink.url.replace(str(sink.port), str(free_port()))
        ended = subprocess.run(
            [sys.executable, "-m", "tests.delivery.leaving", url, "1.0"],
            cwd=REPOSITORY, timeout=60, check=False, capture_output=True, text=True,
        )  # fmt: skip
        ended_at = time.monotonic()
        said = json.loads(ended.stdout)
        assert ended.returncode == 0
        assert ended_at - said["leaving_at"] <= 1.5
        unsure = 512 if dead == "black hole" else 0
        assert said["ends"] == {"dropped shutdown_timeout": 2000 - unsure} | ({"uncertain": unsure} if unsure else {})


def test_no_descriptor_is_left_open() -> None:
    """Sockets are closed after shutdown, in health and in trouble."""
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("no /proc")
    before = {path.name for path in descriptors.iterdir()}
    for dead in (refused_http, hole_http, drip_http):
        with dead() as url, sending_to(url) as destination:
            destination.offer(spans(1))
            destination.flush(within(0.1))
    after = {path.name for path in descriptors.iterdir()}
    assert len(after) <= len(before)
