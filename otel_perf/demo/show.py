"""The demo from end to end: instrument, let the agent work, print answers and what was measured."""

from __future__ import annotations

import asyncio
import json
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.text import Text

import otel_perf
from otel_perf.core.errors import OtelPerfError
from otel_perf.demo.corpus import standard_library
from otel_perf.demo.dialogue import Dialogue
from otel_perf.demo.indexer import build_index
from otel_perf.demo.librarian import Answer, Librarian
from otel_perf.demo.library import Library
from otel_perf.demo.local_server import LocalServer
from otel_perf.demo.own_cost import CALLS, PAIRS, cost_per_call_ns
from otel_perf.demo.progress import ProgressLines
from otel_perf.demo.questions import STANDARD_LIBRARY_QUESTIONS, questions_about
from otel_perf.reports.run_json import to_form
from otel_perf.reports.run_summary import Overhead, RunSummary
from otel_perf.reports.terminal import draw_fitting, render_terminal
from otel_perf.reports.text import safe_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["DemoError", "DemoOptions", "run_demo"]

READERS: Final = 4
ANSWERS_SHOWN: Final = 6
"""Answers printed when nobody asked the questions: enough to see that they are real."""


class DemoError(OtelPerfError):
    """The demo cannot run with what it was given."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the user asked for.

    Attributes:
        folder: Code to read; None for the standard library.
        questions: Questions; empty for some that fit the folder.
        limit: Number of files to read.
        endpoint: OTLP addresses to send to; empty for none.
        protocol: How to talk to them; None for the default.
        as_json: Print JSON instead of a picture.
    """

    folder: Path | None = None
    questions: tuple[str, ...] = ()
    limit: int = 1000
    endpoint: tuple[str, ...] = ()
    protocol: str | None = None
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class _Work:
    """What the agent did."""

    folder: Path
    files: int
    answers: list[Answer]


def run_demo(options: DemoOptions) -> None:
    """Run the demo; progress on standard error, results on standard output.

    Raises:
        DemoError: The folder is not there, or holds nothing to read.
    """
    folder = standard_library() if options.folder is None else options.folder
    if not folder.is_dir():
        raise DemoError(f"{folder} is no folder; name one that holds source code with --folder")
    settings: dict[str, Any] = {"endpoint": list(options.endpoint), "protocol": options.protocol}
    handle = otel_perf.instrument(
        service_name="otel-perf-demo", **{name: value for name, value in settings.items() if value}
    )
    try:
        work = _work(folder, options)
    finally:
        handle.shutdown()
    summary = _with_own_cost(_about_questions(handle.summary()))
    if options.as_json:
        form = {"folder": str(folder), "files": work.files, "answers": [asdict(answer) for answer in work.answers]}
        sys.stdout.write(json.dumps({**form, "summary": to_form(summary)}, indent=2) + "\n")
        return
    console = Console()
    draw_fitting(console, lambda target: _draw_answers(work, target, None if options.questions else ANSWERS_SHOWN))
    render_terminal(summary, console)


def _work(folder: Path, options: DemoOptions) -> _Work:
    with ProgressLines() as progress, Library() as library, warnings.catch_warnings():
        # Old code in the folder is no news to the user.
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        progress.stage(f"Reading {safe_text(str(folder))}")
        try:
            with otel_perf.measure("read the folder"):
                files = build_index(folder, options.limit, library, progress.step)
        except FileNotFoundError as error:
            raise DemoError(f"{error}; name a folder that holds source code with --folder") from error
        questions = options.questions or _default_questions(options.folder, library)
        progress.stage(f"Answering {len(questions)} questions")
        return _Work(folder, files, asyncio.run(_ask(folder, library, questions, progress, Dialogue())))


def _default_questions(folder: Path | None, library: Library) -> Sequence[str]:
    return STANDARD_LIBRARY_QUESTIONS if folder is None else questions_about(library)


async def _ask(
    folder: Path, library: Library, questions: Sequence[str], progress: ProgressLines, dialogue: Dialogue
) -> list[Answer]:
    answers: list[Answer] = []
    with LocalServer(library.mentions) as server, ThreadPoolExecutor(READERS, thread_name_prefix="passages") as readers:
        librarian = Librarian(folder, library, server.port, readers, dialogue)
        for number, question in enumerate(questions, 1):
            answers.append(await librarian.answer(question, f"demo-{number}"))
            progress.step(number, len(questions))
    return answers


def _about_questions(summary: RunSummary) -> RunSummary:
    """Of the slowest traces keep the questions: reading the folder is always the slowest, and no question."""
    return replace(summary, slowest=tuple(trace for trace in summary.slowest if trace.name == "librarian"))


def _with_own_cost(summary: RunSummary) -> RunSummary:
    """Measure the calling thread's cost, after the run and without an endpoint: the run's numbers stay its own."""
    with otel_perf.instrument(traces_exporters="none", metrics_exporters="none"):
        cost_ns = cost_per_call_ns()
    method = f"measured, median of {PAIRS} \N{MULTIPLICATION SIGN} {CALLS} calls"
    overhead = replace(summary.overhead or Overhead(), app_ns_per_call=cost_ns, app_method=method)
    return replace(summary, overhead=overhead)


def _draw_answers(work: _Work, console: Console, limit: int | None) -> None:
    for answer in work.answers[:limit]:
        console.print(Text(safe_text(answer.question), style="bold"))
        found = Text.assemble("  ", *_found(answer))
        found.truncate(console.width, overflow="ellipsis")
        console.print(found)
    left_out = 0 if limit is None else len(work.answers) - limit
    if left_out > 0:
        console.print(Text(f"… {left_out} more answers with --json", style="dim"))
    console.print()


def _found(answer: Answer) -> list[str | tuple[str, str]]:
    if answer.place is None:
        return [("nothing found", "dim")]
    summary = f": {safe_text(answer.summary)}" if answer.summary else ""
    return [(safe_text(answer.place), "cyan"), f" {safe_text(answer.name)}{summary}"]
