"""The end of a process: how long it takes, what it delivers, and what it says it did not."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import otel_perf
from tests.life.running import gone, run, running, spans_account
from tests.sinks.grpc_sink import grpc_sink
from tests.sinks.http_sink import HttpSink, free_port, http_sink

DEAD = {"refused": None, "black hole": {"black_hole": True}, "slow": {"delay_seconds": 5.0}}

BUDGET_SECONDS = 5.5
HEALTHY_SECONDS = 0.3


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    """A local OTLP receiver."""
    with http_sink() as started:
        yield started


@pytest.mark.parametrize("how", DEAD)
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_t19_exit_in_front_of_a_dead_backend(
    how: str, protocol: str, tmp_path: Path, record_figure: Callable[..., None]
) -> None:
    """T-19: 2,000 calls wait; the process is gone in 5.5 s, and every span is accounted for."""
    with (grpc_sink if protocol == "grpc" else http_sink)() as sink:
        behaviour = DEAD[how]
        if behaviour is not None:
            sink.behave(**behaviour)
        url = sink.url if behaviour is not None else f"127.0.0.1:{free_port()}"
        url = url if "://" in url else f"http://{url}"
        ended = run("leaving.py", "normal", 2000, url, protocol, folder=tmp_path)
        received = sink.spans

    account = spans_account(ended)
    record_figure("T-19", how=how, protocol=protocol, exit_seconds=round(ended.seconds, 2), account=account)
    assert ended.seconds <= BUDGET_SECONDS, f"gone after {ended.seconds:.2f} s"
    assert ended.code == 0
    assert (ended.fact("calls"), ended.fact("balanced"), account["accepted"]) == (2000, True, 2000)
    left = gone(account, "dropped", "spooled", "uncertain", "exported")
    assert left == 2000, f"in no final state: {account}"
    assert set(account["dropped"]) <= {"shutdown_timeout"}
    assert account["exported"] <= received <= account["exported"] + account["uncertain"]
    if how == "refused":
        assert not account["uncertain"], "nothing can have arrived"
    else:
        assert account["uncertain"] == 512, "the request that was under way"


@pytest.mark.serial
def test_t19_exit_with_a_healthy_backend(sink: HttpSink, tmp_path: Path, record_figure: Callable[..., None]) -> None:
    """T-19: 2,000 calls wait; all of them arrive, 0.3 s later than the program would have ended without us."""
    plain = min(run("leaving.py", "normal", 2000, folder=tmp_path).seconds for _ in range(3))
    ends = [run("leaving.py", "normal", 2000, sink.url, folder=tmp_path) for _ in range(3)]
    over = min(ended.seconds for ended in ends) - plain

    record_figure("T-19", how="healthy", over_the_app_seconds=round(over, 3), plain_seconds=round(plain, 3))
    assert over <= HEALTHY_SECONDS, f"{over:.3f} s over the app"
    assert sink.spans == 6000
    assert {ended.err for ended in ends} == {""}


@pytest.mark.parametrize("how", DEAD)
def test_t20_a_flush_that_cannot_succeed(how: str, sink: HttpSink, record_figure: Callable[..., None]) -> None:
    """T-20: False within 1.2 s, whatever the backend does."""
    behaviour = DEAD[how]
    if behaviour is not None:
        sink.behave(**behaviour)
    url = sink.url if behaviour is not None else f"http://127.0.0.1:{free_port()}"
    handle = otel_perf.instrument(endpoint=url)
    try:
        with otel_perf.tool_call("waits"):
            pass
        started = time.monotonic()
        delivered = handle.flush(1.0)
        seconds = time.monotonic() - started
    finally:
        handle.shutdown(0.1)

    record_figure("T-20", how=how, flush_seconds=round(seconds, 3))
    assert delivered is False
    assert 0.9 <= seconds <= 1.2, f"{seconds:.3f} s"


@pytest.mark.parametrize(
    ("way", "code"), [("normal", 0), ("explicit", 0), ("exit 3", 3), ("uncaught", 1), ("interrupted", -2)]
)
def test_t21_every_ordinary_end_delivers_all(way: str, code: int, sink: HttpSink, tmp_path: Path) -> None:
    """T-21, T-30: 100 of 100 spans and the metrics; the status is the program's own, and so is all that is printed."""
    ended = run("leaving.py", way, 100, sink.url, folder=tmp_path)

    assert ended.code == code
    assert (sink.spans, sink.doubled) == (100, 0)
    assert len(sink.metrics) == 1
    assert (ended.fact("state"), ended.fact("balanced")) == ("shut down", True)
    assert "otel_perf" not in ended.err.replace("leaving.py", "")
    if code == 0:
        assert ended.err == ""


@pytest.mark.parametrize(
    ("way", "code"), [("os._exit", 7), ("abort", -6), ("segfault", -11), ("execv", 9), ("lingers", -15), ("killed", -9)]
)
def test_t23_t24_an_end_without_warning(
    way: str, code: int, sink: HttpSink, tmp_path: Path, record_figure: Callable[..., None]
) -> None:
    """T-23, T-24: SIGTERM without our handler, SIGKILL and the like lose what is younger than an interval, no more."""
    with running("leaving.py", way, 100, sink.url, folder=tmp_path) as program:
        program.wait_for('{"ready"')
        if way in {"lingers", "killed"}:
            assert sink.wait_until(lambda: sink.spans > 300)
            program.tell(signal.SIGTERM if way == "lingers" else signal.SIGKILL)
        ended = program.end()

    lost = ended.fact("counted") - sink.spans
    record_figure("T-24", end=way, calls=ended.fact("counted"), lost=lost)
    assert ended.code == code
    assert sink.doubled == 0
    # One call takes 1 ms at least, the interval is 1 s; half a second more for a machine that is busy.
    assert lost <= 1500, f"{lost} of {ended.fact('counted')} lost"
    assert sink.spans > 100, "the interval has delivered"


def test_ctrl_c_while_leaving(sink: HttpSink, tmp_path: Path) -> None:
    """Who presses Ctrl-C while we wait for a dead backend is obeyed, and told what was lost."""
    sink.behave(black_hole=True)
    with running("leaving.py", "normal", 2000, sink.url, folder=tmp_path) as program:
        program.wait_for('{"leaving_at"')
        assert sink.wait_until(lambda: sink.arrived >= 1)
        program.tell(signal.SIGINT)
        ended = program.end()

    account = spans_account(ended)
    assert ended.seconds < 3
    assert ended.code == 0
    assert gone(account, "dropped", "uncertain", "spooled") == 2000
    assert "Traceback" not in ended.err
    assert "otel_perf" in ended.err
