"""What holds for every test: a clean environment, no leftover thread of ours, no network but the loopback."""

import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.backends.collector import CollectorUnavailableError, RunningCollector, find_collector
from tests.isolation import LOOPBACK_ONLY, guarded_connection, guarded_look_up, threads_left

REPOSITORY = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI", "").lower() == "true"

# A thread of ours that a test's end told to stop has this long to do it on a busy machine.
THREADS_END_SECONDS = 10.0

# No test may depend on what the caller's shell sets for OpenTelemetry or for us.
for _name in [name for name in os.environ if name.startswith("OTEL_")]:
    del os.environ[_name]

# A shell that runs this in the background ignores these signals, and every child would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for _signal in (getattr(signal, name, None) for name in ("SIGHUP", "SIGQUIT", "SIGTERM")):
    if _signal is not None and signal.getsignal(_signal) is signal.SIG_IGN:
        signal.signal(_signal, signal.SIG_DFL)

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
    left = threads_left(before, THREADS_END_SECONDS)
    assert not left, f"the test left threads behind: {left}"


@pytest.fixture(scope="session", autouse=True)
def _guarded_sockets() -> Iterator[None]:
    """Connections and look-ups of Python code go through ``LoopbackOnly`` for the whole session."""
    with pytest.MonkeyPatch.context() as patch:
        for method in ("connect", "connect_ex"):
            patch.setattr(socket.socket, method, guarded_connection(getattr(socket.socket, method)))
        patch.setattr(socket, "getaddrinfo", guarded_look_up(socket.getaddrinfo))
        yield


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


@pytest.fixture(scope="session")
def servers_python() -> Path:
    """The Python of the environment with servers that fork (``.ci/setup.py servers``)."""
    python = REPOSITORY / ".venv-servers" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        skip_or_fail("there is no .venv-servers; run: python3 .ci/setup.py servers")
    return python


@pytest.fixture(scope="session")
def lowest_python() -> Path:
    """The Python of the environment with the oldest versions that are allowed (``.ci/setup.py lowest``)."""
    python = REPOSITORY / ".venv-lowest" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        skip_or_fail("there is no .venv-lowest; run: python3 .ci/setup.py lowest")
    return python


@pytest.fixture
def record_figure(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Writes what a test measured to ``reports/figures.jsonl``: number in the catalogue, test, figures by name."""

    def record(number: str, **figures: object) -> None:
        line = json.dumps({"number": number, "test": request.node.nodeid, "figures": figures})
        reports = REPOSITORY / "reports"
        reports.mkdir(exist_ok=True)
        with (reports / "figures.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    return record
