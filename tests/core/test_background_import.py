"""A fork never finds a module half imported by a thread of ours."""

import os
import threading

import pytest

from otel_perf.core import background_import as module
from otel_perf.core.background_import import background_import

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


def forked() -> int:
    """Fork; the child imports in turn and ends. Gives its exit code."""
    child = os.fork()
    if child == 0:
        with background_import():
            os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_fork_waits_for_an_import() -> None:
    """The child begins after the other thread's import ended, and can import itself."""
    importing, done = threading.Event(), threading.Event()
    ended_before_fork: list[bool] = []

    def work() -> None:
        with background_import():
            importing.set()
            done.wait(0.2)
            ended_before_fork.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    assert importing.wait(10)
    assert forked() == 7
    assert ended_before_fork == [True]
    thread.join()


def test_a_fork_waits_half_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """An import that hangs holds up no fork; parent and child can import afterwards."""
    monkeypatch.setattr(module, "LONGEST_WAIT_SECONDS", 0.05)
    importing, let_go = threading.Event(), threading.Event()

    def work() -> None:
        with background_import():
            importing.set()
            let_go.wait(30)

    thread = threading.Thread(target=work)
    thread.start()
    assert importing.wait(10)
    assert forked() == 7
    let_go.set()
    thread.join()
    with background_import():
        pass
