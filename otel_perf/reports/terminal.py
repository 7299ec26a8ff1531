"""A run summary as a picture for a terminal. Loads rich: import it where something is shown."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from otel_perf.reports.facts import fact_lines, headline
from otel_perf.reports.text import as_ascii, count_text, duration_text, safe_text, share_text
from otel_perf.reports.tree_table import Cells, TreeTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_perf.reports.run_summary import PathStep, RunSummary, TracePath
    from otel_perf.statistics.call_graph import TreeNode

__all__ = ["draw_fitting", "render_terminal"]

TREE_ROWS: Final = 40
"""Rows of the call tree: one screen."""

PATH_ROWS: Final = 12
"""Rows of a critical path: what took the time stands in the first few."""


def render_terminal(summary: RunSummary, console: Console) -> None:
    """Draw a summary; it fits the console's width, and its encoding.

    Args:
        summary: What to draw.
        console: Where to. Colours are used as the console decides, so none when it is no terminal.
    """
    draw_fitting(console, lambda target: _draw(summary, target))


def draw_fitting(console: Console, draw: Callable[[Console], None]) -> None:
    """Draw on a console; into a file or a pipe without blanks at line ends, and in ASCII where there is no UTF-8.

    Args:
        console: Where to.
        draw: Draws on the console it is given.
    """
    if console.is_terminal and not console.options.ascii_only:
        draw(console)
        return
    drawn = io.StringIO()
    draw(Console(file=drawn, width=console.width, force_terminal=False, color_system=None))
    text = "".join(f"{line.rstrip()}\n" for line in drawn.getvalue().splitlines())
    console.file.write(as_ascii(text) if console.options.ascii_only else text)


def _draw(summary: RunSummary, console: Console) -> None:
    console.print(Text(headline(summary), style="bold"))
    if summary.tree:
        console.print("", _call_tree(summary, console.width), sep="\n")
    # Of a single call there is nothing to say but its duration, which stands in the tree.
    if summary.slowest and len(summary.slowest[0].segments) > 1:
        console.print("", _critical_path(summary.slowest[0], console.width), sep="\n")
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for line in fact_lines(summary):
        facts.add_row(line.label, Text(line.text, style="red" if line.alarming else ""))
    console.print("", facts, sep="\n")


def _call_tree(summary: RunSummary, width: int) -> Table:
    kinds = {tool.name: tool.kind for tool in summary.tools if tool.kind not in ("tool", "other")}
    busy_ns = sum(map(_self_total, summary.tree)) or 1

    def cells(node: TreeNode) -> Cells:
        marks = [mark for mark in (kinds.get(node.name), "recursive" if node.recursive else None) if mark]
        name = Text.assemble(safe_text(node.name), (f" ({', '.join(marks)})" if marks else "", "dim"))
        errors = Text(count_text(node.errors), style="red" if node.errors else "dim")
        times = [Text(duration_text(time_ns)) for time_ns in (node.p50_ns, node.p95_ns, node.self_ns)]
        return Cells(name, [Text(count_text(node.calls)), errors, *times], node.self_ns / busy_ns)

    table = TreeTable("Call tree", ("calls", "errors", "p50", "p95", "self time"), TREE_ROWS)
    return table.draw(summary.tree, lambda node: node.total_ns, cells, width)


def _critical_path(trace: TracePath, width: int) -> Table:
    whole_ns = trace.duration_ns
    root = trace.steps()

    def cells(step: PathStep) -> Cells:
        numbers = (count_text(step.count), duration_text(step.self_ns), share_text(step.self_ns, whole_ns))
        return Cells(Text(safe_text(step.name)), [Text(number) for number in numbers], step.self_ns / (whole_ns or 1))

    title = f"Critical path of the slowest trace ({duration_text(whole_ns)})"
    table = TreeTable(title, ("calls", "self time", "share"), PATH_ROWS)
    return table.draw(() if root is None else (root,), _step_total, cells, width)


def _self_total(node: TreeNode) -> int:
    return node.self_ns + sum(map(_self_total, node.children))


def _step_total(step: PathStep) -> int:
    return step.self_ns + sum(map(_step_total, step.children))
