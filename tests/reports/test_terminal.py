"""The picture at the end of a run."""

import io
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from otel_perf.core.ledger import CallBalance, DestinationBalance
from otel_perf.reports.run_summary import OpenCall, Overhead, RunSummary
from otel_perf.reports.terminal import render_terminal
from tests.reports.runs import NOTHING, Run, full_run, trace


def picture(summary: RunSummary, width: int = 80, *, encoding: str = "utf-8", terminal: bool = False) -> str:
    """What is written to a stream of this width and encoding."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    colours = "standard" if terminal else None
    console = Console(file=stream, width=width, force_terminal=terminal, color_system=colours, legacy_windows=False)
    render_terminal(summary, console)
    stream.flush()
    return raw.getvalue().decode(encoding)


EXPECTED = """\
otel_perf: 38 calls of 3 tools and 2 agents in 8.20 s

Call tree          calls  errors      p50      p95  self time
indexer (agent)        1       0   3.90 s   3.90 s     3.90 s
└─ load_file          12       0  9.00 ms  15.0 ms     114 ms
   └─ read_file       12       3  1.00 ms  1.00 ms    12.0 ms
librarian (agent)      1       0   400 ms   400 ms     400 ms
└─ ask_server         12       2   205 ms   211 ms     2.47 s

Critical path of the slowest trace (1.20 s)  calls  self time   share
librarian                                        1    30.0 ms   2.5 %
├─ search                                        1     190 ms  15.8 %
└─ ask_server                                    1     980 ms  81.7 %

Its time    97.5 % tools, 2.5 % its own work
Errors      read_file: 3 × UnicodeDecodeError
            ask_server: 2 × TimeoutError
Still open  fetch, for 12.3 s (agent librarian)
            sleep, for 1.00 s
Ledger      38 calls = 38 recorded + 0 sampled out + 0 disabled
Sent        localhost:4318: 38 spans = 30 exported + 4 spooled to disk + 1
            rejected (http_4xx) + 3 dropped (queue_full)
            localhost:4318: 9 metric points = 9 exported
Overhead    calling thread 1.24 µs per call (measured)
            worker thread 200 ms of CPU time, 2.5 % of the process
"""  # noqa: RUF001 - the picture as it is


def test_picture_of_80_columns() -> None:
    """The whole picture, as somebody sees it in a pipe."""
    assert picture(full_run()) == EXPECTED


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_console(width: int) -> None:
    """Long names are cut, so that columns stay columns."""
    run = full_run()
    long = Run().call("a_name_of_very_many_letters" * 5, 3).call("検索" * 60, 3)
    for summary in (run, replace(run, tree=long.summary().tree)):
        for line in picture(summary, width).splitlines():
            assert cell_len(line) <= width


def test_wide_consoles_get_a_bar() -> None:
    """With 120 columns there is room to see at a glance where the time goes."""
    assert "█" in picture(full_run(), 120)
    assert "█" not in picture(full_run(), 80)


def test_no_control_sequence_without_a_terminal() -> None:
    """In a file or a pipe there is no colour, and no blank at the end of a line."""
    text = picture(full_run(), 120)
    assert "\x1b" not in text
    assert not re.search(r"[ \t]$", text, re.MULTILINE)


def test_colours_on_a_terminal() -> None:
    """On a terminal, errors stand out."""
    assert "\x1b[31m" in picture(full_run(), terminal=True)


@pytest.mark.parametrize("terminal", [False, True])
def test_names_cannot_command_the_terminal(terminal: bool) -> None:
    """A tool's, an agent's, an error's or a destination's name is shown, never obeyed."""
    evil = "evil\x1b]0;owned\x07\r\n\u202e"
    calls = trace([(1, None, evil, 0, 10), (2, 1, evil + "2", 1, 9)])
    summary = replace(
        Run().call(evil, 1, evil).summary(calls),
        open_calls=(OpenCall(evil, 1.0, evil),),
        destinations=(DestinationBalance(evil, evil, 1, 1, 0, 0, 0, 0, 0),),
    )
    text = picture(summary, 200, terminal=terminal)
    assert not {"\x07", "\r", "\u202e"} & set(text)
    assert "\x1b]" not in text
    assert r"evil\x1b]0;owned\x07\r\n\u202e" in text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_streams_without_unicode(encoding: str) -> None:
    """Where there is no UTF-8 the picture is drawn with ASCII, and names are escaped."""
    text = picture(replace(Run().call("a/検索", 1).call("a", 2).summary()), 80, encoding=encoding)
    assert text.isascii()
    assert r"`- \u691c\u7d22" in text


def test_a_run_without_calls_says_what_to_do() -> None:
    """A program without tools gets a hint, no empty table, and no invented number."""
    text = picture(NOTHING)
    assert "no call was recorded (decorate a function with @otel_perf.tool)" in text
    assert "Call tree" not in text
    assert "Overhead  not measured" in text


def test_unmeasured_parts_are_named() -> None:
    """Each part of the overhead is a measured number, or said to be none."""
    text = picture(replace(NOTHING, overhead=Overhead(worker_cpu_seconds=0.5)), 120)
    assert "calling thread not measured" in text
    assert "worker thread not measured" in text


def test_a_broken_ledger_is_loud() -> None:
    """An equation that does not hold is not shown as if it did."""
    summary = replace(
        NOTHING,
        calls=CallBalance(5, 3, 0, 1, 2),
        destinations=(DestinationBalance("host", "traces", 5, 3, 0, 0, 0, 0, 0),),
    )
    text = picture(summary, 120)
    assert "5 calls = 3 recorded + 0 sampled out + 1 disabled; 2 spans of other libraries; THE LEDGER" in text
    assert text.count("THE LEDGER DOES NOT BALANCE") == 2


def test_internal_errors_are_told() -> None:
    """Errors of otel_perf itself that it caught do not stay a secret."""
    assert "2 errors of otel_perf itself, caught" in picture(replace(NOTHING, overhead=Overhead(internal_errors=2)))


def test_long_lists_are_cut_and_counted() -> None:
    """Twenty kinds of failure and thirty open calls: the worst, and how many more."""
    run = Run()
    for number in range(20):
        run.call("tool", 1, f"Error{number:02}")
    summary = replace(run.summary(), open_calls=tuple(OpenCall(f"call{number}", 1.0) for number in range(30)))
    text = picture(summary)
    assert "… 12 more, of 12 kinds" in text
    assert "… 22 more" in text


def test_a_big_tree_is_cut_and_counted() -> None:
    """A hundred tools do not scroll the rest away."""
    run = Run()
    for number in range(100):
        run.call(f"tool{number:03}", number + 1)
    text = picture(run.summary())
    assert "… 60 lighter" in text
    assert "tool099" in text
    assert "tool000" not in text
