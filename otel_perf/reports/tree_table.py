"""A tree drawn as a table: names with guides on the left, numbers on the right, a bar where there is room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from rich.table import Table
from rich.text import Text

from otel_perf.reports.tree_rows import Branch, tree_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Cells", "TreeTable"]

WIDE_COLUMNS = 100
"""From this width on there is room for a bar."""

BAR_CELLS = 20
COLUMN_GAP = 2

NAME_MINIMUM = 16
"""Names are cut, but never shorter than this: rather let the numbers run out of a tiny window."""

B = TypeVar("B", bound=Branch)


@dataclass(frozen=True, slots=True)
class Cells:
    """What one row shows.

    Attributes:
        name: The name, safe to print.
        numbers: One text for each column.
        part: Length of the bar, 0..1.
    """

    name: Text
    numbers: Sequence[Text]
    part: float


@dataclass(frozen=True, slots=True)
class TreeTable:
    """How to draw a tree.

    Attributes:
        title: Heading of the names.
        columns: Headings of the numbers.
        limit: Number of rows; the lightest branches are left out, and the table says how many.
    """

    title: str
    columns: Sequence[str]
    limit: int

    def draw(self, roots: Sequence[B], weight: Callable[[B], float], cells: Callable[[B], Cells], width: int) -> Table:
        """Return the table, not wider than ``width`` cells.

        Args:
            roots: The outermost branches.
            weight: How much a branch matters, the branches below it included.
            cells: What the row of a branch shows.
            width: Width of the console.
        """
        drawn: list[tuple[Text, Cells]] = []
        for row in tree_rows(roots, weight, self.limit):
            if row.branch is None:
                shown = Cells(Text(f"… {row.left_out} lighter", style="dim"), [Text("")] * len(self.columns), 0)
            else:
                shown = cells(row.branch)
            drawn.append((Text.assemble((row.guide, "dim"), shown.name), shown))
        return self._table(drawn, width)

    def _table(self, drawn: Sequence[tuple[Text, Cells]], width: int) -> Table:
        wide = width >= WIDE_COLUMNS
        room = width - sum(self._column_width(index, drawn) + COLUMN_GAP for index in range(len(self.columns)))
        room = max(NAME_MINIMUM, room - (BAR_CELLS + COLUMN_GAP if wide else 0))
        table = Table(box=None, pad_edge=False, padding=(0, COLUMN_GAP, 0, 0), header_style="bold")
        title = Text(self.title)
        title.truncate(room, overflow="ellipsis")
        table.add_column(title, no_wrap=True)
        for column in self.columns:
            table.add_column(column, justify="right", no_wrap=True)
        if wide:
            table.add_column("", no_wrap=True)
        for name, shown in drawn:
            name.truncate(room, overflow="ellipsis")
            table.add_row(name, *shown.numbers, *([_bar(shown.part)] if wide else []))
        return table

    def _column_width(self, index: int, drawn: Sequence[tuple[Text, Cells]]) -> int:
        return max(len(self.columns[index]), *(shown.numbers[index].cell_len for _, shown in drawn), 0)


def _bar(part: float) -> Text:
    halves = round(min(1.0, part) * BAR_CELLS * 2)
    return Text("█" * (halves // 2) + "▌" * (halves % 2), style="cyan")
