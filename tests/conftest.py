"""What holds for every test: a clean environment, no leftover thread of ours, no network but the loopback."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.backends.collector import CollectorUnavailableError, RunningCollector, find_collector

REPOSITORY = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI", "").lower() == "true"

# A thread of ours that a test's end told to stop has this long to do it on a busy machine.
THREADS_END_SECONDS = 10.0

# No test may depend on what the caller's shell sets for OpenTelemetry or for us.
for _name in [name for name in os.environ if name.startswith("OTEL_")]:
    del os.environ[_name]

# Two busy cores: how long one example takes says nothing. In CI the same examples every time.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, print_blob=True)
settings.load_profile("ci" if IN_CI else "local")


def skip_or_fail(reason: str) -> None:
    """A test lacks what it needs: it is skipped on a laptop, and fails where everything must have run."""
    if IN_CI:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """A test that started threads of ours has also ended them."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + THREADS_END_SECONDS
    ours = [thread for thread in threading.enumerate() if thread.name.startswith("otel_perf") and thread not in before]
    for thread in ours:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = [thread.name for thread in ours if thread.is_alive()]
    assert not left, f"the test left threads behind: {left}"


class LoopbackOnly:
    """Refuses every address that is not of this machine, and remembers it, for a refusal may be swallowed."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    def check(self, host: object) -> None:
        """Pass for a loopback address, a Unix socket or a name that never resolves (RFC 6761)."""
        name = host.decode() if isinstance(host, bytes) else host
        if name is None or not isinstance(name, str) or name in {"", "localhost", "::1", "0.0.0.0", "::"}:
            return
        if name.startswith("127."):
            return
        if name.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "a name that never resolves")
        self.refused.append(name)
        raise OSError(f"the tests use the loopback only, not {name}")


LOOPBACK_ONLY = LoopbackOnly()


@pytest.fixture(scope="session", autouse=True)
def _guarded_sockets() -> Iterator[None]:
    """Connections and look-ups of Python code go through ``LoopbackOnly`` for the whole session."""
    with pytest.MonkeyPatch.context() as patch:
        for method in ("connect", "connect_ex"):
            patch.setattr(socket.socket, method, guarded_connection(getattr(socket.socket, method)))
        patch.setattr(socket, "getaddrinfo", guarded_look_up(socket.getaddrinfo))
        yield


def guarded_connection(original: Any) -> Any:
    """``connect`` or ``connect_ex``, with the address looked at first (a Unix socket's is a path)."""

    def connection(self: socket.socket, address: Any) -> Any:
        if isinstance(address, tuple):
            LOOPBACK_ONLY.check(address[0])
        return original(self, address)

    return connection


def guarded_look_up(original: Any) -> Any:
    """``getaddrinfo``, with the name looked at first."""

    def look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        LOOPBACK_ONLY.check(host)
        return original(host, *arguments, **options)

    return look_up


@pytest.fixture(autouse=True)
def _no_network(_guarded_sockets: None) -> Iterator[None]:
    """A test that reached for the network fails, even when the code under test took the refusal for an outage."""
    LOOPBACK_ONLY.refused.clear()
    yield
    assert not LOOPBACK_ONLY.refused, f"the test reached for the network: {LOOPBACK_ONLY.refused}"


@pytest.fixture(scope="session")
def collector_binary() -> Path:
    """The collector that ``collector/build`` made; without it the test is skipped, or fails in CI."""
    try:
        return find_collector()
    except CollectorUnavailableError as error:
        skip_or_fail(str(error))
        raise


@pytest.fixture
def running_collector(collector_binary: Path, tmp_path: Path) -> Iterator[RunningCollector]:
    """A collector of this test's own, ready for OTLP over HTTP and gRPC, that writes down what arrives."""
    folder = tmp_path / "collector"
    folder.mkdir()
    with RunningCollector(collector_binary, folder) as collector:
        yield collector


@pytest.fixture(scope="session")
def foreign_python() -> Path:
    """The Python of the environment with other people's instrumentations (``.ci/setup.py foreign``)."""
    python = REPOSITORY / ".venv-foreign" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        skip_or_fail("there is no .venv-foreign; run: python3 .ci/setup.py foreign")
    return python
