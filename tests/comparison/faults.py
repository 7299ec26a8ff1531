"""The fault scripts: each does the same to every subject."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.comparison.application import CANNOT_BE_ENCODED, POISON
from tests.comparison.arena import SIGTERM, Application, Arena, Row, wait_until

__all__ = ["FAULTS", "QUICK", "run"]

BURST: Final = 2000
FEW: Final = 100
RATE: Final = 100
WORK_SECONDS: Final = 30.0
REFUSED_SECONDS: Final = 8.0
"""In front of a backend that answers, the collector tries again after 5 s at most."""


def finish(arena: Arena, fault: str, first: Application, began: float) -> Row:
    """Let the first process end by itself, and measure that."""
    ended, status = first.wait()
    at_exit = arena.arrived()
    if arena.subject == "collector":
        arena.settle(first.over, REFUSED_SECONDS)
    return arena.row(fault, first, exit_seconds=ended - began, status=status, at_exit=at_exit)


def recover(arena: Arena, first: Application) -> None:
    """The backend is well, and the application is started once more."""
    arena.backend()
    second = arena.start("second", calls=1, lingers=True)
    arena.settle(first.over)
    second.wait()


def exit_in_front_of(arena: Arena, scale: float, *, fault: str, **behaviour: Any) -> Row:
    """2,000 calls at once, then the end of the program; afterwards the backend is well and the program starts anew."""
    if behaviour.pop("listens", True):
        arena.backend(**behaviour)
    first = arena.start(calls=BURST)
    began = first.wait_for_work(WORK_SECONDS)
    ended, status = first.wait()
    at_exit = arena.arrived()
    recover(arena, first)
    return arena.row(fault, first, exit_seconds=ended - began, status=status, at_exit=at_exit)


def sigterm(arena: Arena, scale: float) -> Row:
    """100 calls, and SIGTERM while nothing of them has been sent yet."""
    arena.backend()
    first = arena.start(calls=FEW, lingers=True, handle_sigterm=True)
    first.wait_for_work(WORK_SECONDS)
    began = time.monotonic()
    first.send(SIGTERM)
    return finish(arena, "sigterm", first, began)


def outage(arena: Arena, scale: float, *, rate: float) -> Row:
    """Nobody listens for 60 s, then the backend is well for 20 s, with steady calls; then the end of the program."""
    seconds = 60.0 * scale
    first = arena.start(calls=int(rate * seconds * 4 / 3), rate=rate)
    time.sleep(seconds)
    arena.backend()
    began = first.wait_for_work(seconds + WORK_SECONDS)
    return finish(arena, f"outage_{rate:.0f}", first, began)


def redirect(arena: Arena, scale: float) -> Row:
    """Every request is answered with 307 and the address of a backend that is well."""
    target = arena.elsewhere()
    arena.backend(status=307, headers={"Location": f"{target.url}/v1/traces"})
    first = arena.start(calls=FEW)
    row = finish(arena, "redirect", first, first.wait_for_work(WORK_SECONDS))
    target.close()
    return row


def too_large(arena: Arena, scale: float) -> Row:
    """The backend answers 413 to every request of more than 20,000 bytes."""
    arena.backend(largest_bytes=20_000)
    first = arena.start(calls=BURST)
    return finish(arena, "too_large", first, first.wait_for_work(WORK_SECONDS))


def poison(arena: Arena, scale: float, *, fault: str, name: str) -> Row:
    """One of 100 spans is bad: it cannot be encoded, or the backend answers 400 to every request that holds it."""
    arena.backend(poison_name=f"execute_tool {POISON}" if arena.subject == "otel_perf" else POISON)
    first = arena.start(calls=FEW, bad_name=name)
    return finish(arena, fault, first, first.wait_for_work(WORK_SECONDS))


def fork(arena: Arena, scale: float) -> Row:
    """100 calls, then 10 in a forked child: what the counter adds up to at the backend, of 110."""
    arena.backend()
    first = arena.start(calls=FEW, forks=True)
    row = finish(arena, "fork", first, first.wait_for_work(WORK_SECONDS))
    metric = "otel_perf.tool.calls" if arena.subject == "otel_perf" else "application.calls"
    return replace(row, counted=arena.counted(metric))


def restart(arena: Arena, scale: float, *, fault: str, lost: Callable[[Arena], None] | None, node: bool) -> Row:
    """SIGKILL in the middle of an outage, at 100 calls/s; afterwards the backend is well and all starts anew."""
    first = arena.start(calls=1_000_000, rate=RATE)
    wanted = int(RATE * (6 + 14 * scale))  # the SDK exports every 5 s
    wait_until(lambda: first.over >= wanted, WORK_SECONDS + wanted / RATE)
    first.kill()
    if node:
        arena.kill_collector()
    if lost is not None:
        lost(arena)
    if node:
        arena.restart_collector()
    recover(arena, first)
    return arena.row(fault, first)


FAULTS: Final[dict[str, Callable[[Arena, float], Row]]] = {
    "exit_healthy": partial(exit_in_front_of, fault="exit_healthy"),
    "exit_refused": partial(exit_in_front_of, fault="exit_refused", listens=False),
    "exit_black_hole": partial(exit_in_front_of, fault="exit_black_hole", black_hole=True),
    "exit_slow": partial(exit_in_front_of, fault="exit_slow", delay_seconds=5),
    "sigterm": sigterm,
    "outage_10": partial(outage, rate=10),
    "outage_200": partial(outage, rate=200),
    "redirect": redirect,
    "too_large": too_large,
    "poison_encode": partial(poison, fault="poison_encode", name=CANNOT_BE_ENCODED),
    "poison_backend": partial(poison, fault="poison_backend", name=POISON),
    "fork": fork,
    "restart_process": partial(restart, fault="restart_process", lost=None, node=False),
    "restart_container": partial(restart, fault="restart_container", lost=Arena.lose_container, node=False),
    "restart_node": partial(restart, fault="restart_node", lost=None, node=True),
    "lost_node": partial(restart, fault="lost_node", lost=Arena.lose_disk, node=True),
}
"""Every fault by name, in the order of the table. The number scales the times, 1 for the published ones."""

QUICK: Final = ("sigterm", "redirect", "too_large", "poison_encode", "poison_backend", "fork")
"""Those that take a few seconds with every subject."""


def run(fault: str, subject: str, folder: Path, scale: float = 1.0) -> Row:
    """Do one fault to one subject in a new folder."""
    with Arena(subject, folder) as arena:
        return FAULTS[fault](arena, scale)
