"""SIGTERM and SIGHUP with ``handle_sigterm=True``: nothing lost, nothing hung, the application's handlers heard."""

import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.life.running import Ended, gone, running, spans_account
from tests.sinks.http_sink import HttpSink, http_sink

LOOK = 10.0
"""Seconds after which an end counts as hung: no backend here is dead, and the budget of a shutdown is 5 s."""


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    """A local OTLP receiver."""
    with http_sink() as started:
        yield started


def signalled(
    work: str, url: str, folder: Path, *, handler: str = "none", number: int = signal.SIGTERM, **options: object
) -> Ended:
    """Start the program, let it work for a random moment, send the signal, wait for the end."""
    with running("signalled.py", work, handler, url, folder=folder, **options) as program:
        program.wait_for('{"ready"')
        time.sleep(random.uniform(0.01, 0.12))
        program.tell(number)
        return program.end(LOOK)


def assert_nothing_lost(ended: Ended, sink: HttpSink, *, more: int = 0) -> None:
    """Every call that the program counted has arrived, once; one more may have ended after the signal."""
    assert not ended.hung, ended.err
    account = spans_account(ended)
    assert (ended.fact("span_left"), ended.fact("open_calls"), ended.fact("balanced")) == (False, 0, True)
    assert gone(account, "dropped", "uncertain", "rejected", "queued", "in_flight") == 0, account
    assert account["exported"] == sink.spans == ended.fact("calls")
    assert 0 <= ended.fact("calls") - ended.fact("counted") <= 1 + more
    assert sink.doubled == 0
    assert len(sink.metrics) >= 1


def many(runs: int, folder: Path, number: int, code: int) -> dict[str, float]:
    """Half of the runs in a tight loop; what they took."""
    slowest = calls = 0.0
    for turn in range(runs):
        with http_sink() as sink:
            ended = signalled("tight" if turn % 2 else "paced", sink.url, folder, number=number)
            assert ended.code == code, ended.err
            assert_nothing_lost(ended, sink)
            slowest = max(slowest, ended.seconds)
            calls += ended.fact("calls")
    return {"runs": runs, "calls": calls, "lost": 0, "hung": 0, "slowest_end_seconds": round(slowest, 2)}


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_t22_busy_programs(
    number: int, code: int, part: int, tmp_path: Path, record_figure: Callable[..., None]
) -> None:
    """T-22: 40 runs in eight parts: no completed call lost, no span left in the context, no hang, the right status."""
    record_figure("T-22", signal=number, **many(5, tmp_path, number, code))


@pytest.mark.soak
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_t22_busy_programs_two_hundred_times(
    number: int, code: int, tmp_path: Path, record_figure: Callable[..., None]
) -> None:
    """T-22: 200 runs, half of them in a tight loop of calls."""
    record_figure("T-22", signal=number, **many(100, tmp_path, number, code))


@pytest.mark.parametrize("work", ["native", "in_a_tool", "waiting", "in_a_loop"])
def test_t22_wherever_the_main_thread_is(work: str, sink: HttpSink, tmp_path: Path) -> None:
    """T-22: in a loop without a line of the application's, in a library function as a tool, in a wait, in a loop."""
    ended = signalled(work, sink.url, tmp_path)

    assert ended.code == 143
    assert_nothing_lost(ended, sink, more=1)
    assert ended.seconds < 2


def test_t22_no_event_loop_hangs(sink: HttpSink, tmp_path: Path) -> None:
    """T-22: where the loop is nearly always between two callbacks, an exception there hung one run of seven."""
    for _ in range(12):
        ended = signalled("busy_loop", sink.url, tmp_path)
        assert (ended.code, ended.hung) == (143, False)
        assert ended.seconds < 2


def test_t22_in_a_flush_before_a_dead_backend(sink: HttpSink, tmp_path: Path) -> None:
    """T-22: a flush of a minute is left at once; the process then takes no more than its budget, and a second."""
    sink.behave(black_hole=True)

    ended = signalled("in_a_flush", sink.url, tmp_path)

    assert ended.code == 143
    assert ended.seconds <= 6.0, f"{ended.seconds:.2f} s from the signal to the end"
    assert spans_account(ended)["uncertain"] == 1


def test_t22_with_threads_in_tight_loops(sink: HttpSink, tmp_path: Path) -> None:
    """T-22: four threads go on with their calls while the process ends: all that ended before is there, exactly."""
    ended = signalled("four_threads", sink.url, tmp_path)

    account = spans_account(ended)
    assert (ended.code, ended.hung, ended.fact("balanced")) == (143, False, True)
    assert account["exported"] == sink.spans
    # A call that was under way when recording was switched off ends afterwards: one in each thread.
    assert account["accepted"] - sink.spans == gone(account, "dropped") <= 4


@pytest.mark.parametrize(
    ("handler", "code"), [("before", 5), ("after", 5), ("chains", 143), ("raises", 1), ("only marks", 0)]
)
def test_t22_the_applications_handler_runs_once(handler: str, code: int, sink: HttpSink, tmp_path: Path) -> None:
    """T-22: installed before or after ours, calling ours or not, raising or not: it is called, once, and decides."""
    ended = signalled("tight", sink.url, tmp_path, handler=handler)

    assert (ended.fact("heard"), ended.code) == ([signal.SIGTERM], code), ended.err
    if handler != "after":  # that one raises wherever it likes: ours is not asked
        assert_nothing_lost(ended, sink)


@pytest.mark.parametrize("work", ["in_a_loop", "loop_made_before"])
def test_t22_the_loops_handler_runs_once(work: str, sink: HttpSink, tmp_path: Path) -> None:
    """T-22: ``loop.add_signal_handler`` before or after ``instrument()``: one call of the callback, an ordinary end."""
    ended = signalled(work, sink.url, tmp_path, handler="loop")

    assert (ended.fact("heard"), ended.code) == ([signal.SIGTERM], 0), ended.err
    assert_nothing_lost(ended, sink)


def test_t22_a_thread_that_does_not_end(sink: HttpSink, tmp_path: Path) -> None:
    """T-22: the interpreter waits for the application's thread; the data leaves meanwhile, and arrives once."""
    with running(
        "signalled.py", "stuck_thread", "none", sink.url, folder=tmp_path, environment={"STUCK_SECONDS": "4"}
    ) as program:
        program.wait_for('{"stuck"')
        program.tell(signal.SIGTERM)
        assert sink.wait_until(lambda: sink.spans == 1 and len(sink.metrics) >= 1, 3.8)
        assert program.process.poll() is None
        ended = program.end(LOOK)

    assert ended.code == 143
    assert_nothing_lost(ended, sink)


def test_t22_a_second_signal_ends_what_waits_for_a_thread(sink: HttpSink, tmp_path: Path) -> None:
    """T-22: a program whose thread never ends is still ended by asking again."""
    with running(
        "signalled.py", "stuck_thread", "none", sink.url, folder=tmp_path, environment={"STUCK_SECONDS": "600"}
    ) as program:
        program.wait_for('{"stuck"')
        program.tell(signal.SIGTERM)
        assert sink.wait_until(lambda: len(sink.metrics) >= 1, 5), "a second after the signal the data leaves"
        program.tell(signal.SIGTERM)
        ended = program.end(LOOK)

    assert not ended.hung
    assert ended.code == 143
    assert_nothing_lost(ended, sink)


def test_t22_systemexit_that_is_swallowed(sink: HttpSink, tmp_path: Path) -> None:
    """T-22: a program that catches the first one is ended by the next."""
    with running("signalled.py", "swallows", "none", sink.url, folder=tmp_path) as program:
        program.wait_for('{"ready"')
        assert sink.wait_until(lambda: sink.spans > 0)
        program.tell(signal.SIGTERM)
        program.wait_for('{"swallowed"')
        program.tell(signal.SIGTERM)  # taken for the same one
        time.sleep(1.1)
        program.tell(signal.SIGTERM)
        ended = program.end(LOOK)

    assert ended.code == 143
    assert_nothing_lost(ended, sink, more=1)


@pytest.mark.parametrize(("work", "code"), [("in_shutdown", 143), ("at_the_end", 0)])
def test_t22_a_signal_during_the_shutdown(work: str, code: int, sink: HttpSink, tmp_path: Path) -> None:
    """T-22: it is not cut short: all that a slow backend takes arrives, then the signal is obeyed."""
    sink.behave(delay_seconds=0.3)
    with running("signalled.py", work, "none", sink.url, folder=tmp_path) as program:
        program.wait_for('{"shutting_down"')
        assert sink.wait_until(lambda: sink.arrived >= 1)
        for _ in range(3):
            program.tell(signal.SIGTERM)
        ended = program.end(LOOK)

    assert ended.code == code, ended.err
    assert_nothing_lost(ended, sink)
    assert "Traceback" not in ended.err
    assert "shutdown_over" not in ended.facts


def test_t22_ignored_signals_stay_ignored(sink: HttpSink, tmp_path: Path) -> None:
    """A program that was started with SIGHUP ignored (``nohup``) goes on; SIGTERM ends it."""

    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with running("signalled.py", "tight", "none", sink.url, folder=tmp_path, preexec_fn=ignore) as program:
        program.wait_for('{"ready"')
        program.tell(signal.SIGHUP)
        assert sink.wait_until(lambda: sink.spans > 0)
        assert program.process.poll() is None
        program.tell(signal.SIGTERM)
        ended = program.end(LOOK)

    assert ended.code == 143
    assert_nothing_lost(ended, sink)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_signals_that_the_application_waits_for_reach_it(number: int, sink: HttpSink, tmp_path: Path) -> None:
    """``sigwait``: no thread of ours lets in what the application has blocked, by which the process would die."""
    with running("waiting_for_signal.py", sink.url, folder=tmp_path) as program:
        program.wait_for('{"ready"')
        program.tell(number)
        ended = program.end(LOOK)

    assert (ended.code, ended.fact("got")) == (0, number), ended.err
    assert sink.spans == 1
