"""The checks that ``tests/conftest.py`` makes around every test see what they look for."""

import asyncio
import socket
import threading

import pytest

from tests.isolation import LOOPBACK_ONLY, threads_left

ELSEWHERE = "192.0.2.1"  # TEST-NET-1: documentation only, routed nowhere


def test_a_thread_of_ours_that_goes_on_is_named() -> None:
    """Only threads with our name count, and those that end in time do not."""
    before, release = set(threading.enumerate()), threading.Event()
    threads = [threading.Thread(target=release.wait, name=name) for name in ("otel_perf worker", "other")]
    for thread in threads:
        thread.start()

    left = threads_left(before, 0.01)
    release.set()
    ended = threads_left(before, 5.0)
    for thread in threads:
        thread.join()

    assert left == ["otel_perf worker"]
    assert ended == []


def test_an_address_elsewhere_is_refused_and_remembered() -> None:
    """Sockets, look-ups and event loops are all refused before anything is sent."""
    with pytest.raises(OSError, match="loopback"):
        socket.create_connection((ELSEWHERE, 80), timeout=0.1)
    with pytest.raises(OSError, match="loopback"):
        socket.getaddrinfo("example.com", 80)
    with pytest.raises(OSError, match="loopback"):
        asyncio.run(asyncio.open_connection(ELSEWHERE, 80))

    refused = {*LOOPBACK_ONLY.refused}
    LOOPBACK_ONLY.refused.clear()  # or this test would fail for what it did

    assert refused == {ELSEWHERE, "example.com"}


def test_the_loopback_and_names_that_never_resolve_are_left_alone() -> None:
    """A local server can be reached, and an unknown host behaves as it does in life."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("collector.invalid", 4318)

    assert LOOPBACK_ONLY.refused == []
