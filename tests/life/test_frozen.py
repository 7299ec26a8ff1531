"""Processes that are frozen and thawed between events, as functions-as-a-service are."""

import os
import signal
import time
from pathlib import Path

from tests.life.running import Running, running
from tests.sinks.http_sink import http_sink

EVENTS = 4


def wait_until_frozen(program: Running) -> None:
    """The kernel has stopped it."""
    deadline = time.monotonic() + 20
    stat = Path(f"/proc/{program.process.pid}/stat")
    while time.monotonic() < deadline:
        if stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "T":
            return
        time.sleep(0.01)
    raise AssertionError("it was not frozen")


def test_flush_at_the_end_of_a_handler(tmp_path: Path) -> None:
    """Frozen after each flush: at that moment all spans of the event are there, and none comes twice afterwards."""
    with http_sink() as sink, running("frozen.py", EVENTS, sink.url, folder=tmp_path) as program:
        for event in range(EVENTS):
            program.wait_for(f'{{"frozen": {event}')
            wait_until_frozen(program)
            assert sink.spans == 10 * (event + 1)
            time.sleep(0.3)
            os.kill(program.process.pid, signal.SIGCONT)
        ended = program.end()

        assert ended.code == 0, ended.err
        assert [ended.fact(f"flushed {event}") for event in range(EVENTS)] == [True] * EVENTS
        assert (sink.spans, sink.doubled) == (10 * EVENTS, 0)
        assert ended.fact("balanced")


def test_frozen_in_the_middle_of_a_flush(tmp_path: Path) -> None:
    """Thawed after the backend has cut the connection, and after the deadline: told, retried, delivered in the end."""
    with http_sink() as sink, running("frozen.py", 1, sink.url, folder=tmp_path) as program:
        sink.behave(delay_seconds=0.5)
        assert sink.wait_until(lambda: sink.arrived >= 1)
        os.kill(program.process.pid, signal.SIGSTOP)
        wait_until_frozen(program)
        time.sleep(2.5)
        sink.behave()
        os.kill(program.process.pid, signal.SIGCONT)
        program.wait_for('{"frozen": 0')
        wait_until_frozen(program)
        os.kill(program.process.pid, signal.SIGCONT)
        ended = program.end()

        assert ended.code == 0, ended.err
        assert ended.fact("seconds 0") < 5
        assert sink.spans == 10
        assert ended.fact("balanced")
