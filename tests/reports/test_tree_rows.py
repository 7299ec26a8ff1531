"""Trees as rows."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from otel_perf.reports.tree_rows import tree_rows


@dataclass(frozen=True)
class Twig:
    """A branch of nothing but a weight."""

    weight: int
    children: tuple[Twig, ...] = ()

    def all(self) -> list[Twig]:
        return [self, *(below for child in self.children for below in child.all())]


TWIGS = st.recursive(
    st.builds(Twig, st.integers(0, 100)),
    lambda below: st.builds(Twig, st.integers(0, 100), st.lists(below, max_size=4).map(tuple)),
    max_leaves=25,
)


def weight(twig: Twig) -> float:
    """How much it matters."""
    return twig.weight


def test_guides_lead_to_every_name() -> None:
    """The picture of a small tree, sign by sign."""
    tree = Twig(9, (Twig(5, (Twig(2), Twig(1))), Twig(3, (Twig(1),))))
    rows = [(row.guide, row.branch and row.branch.weight) for row in tree_rows([tree, Twig(1)], weight, 99)]
    assert rows == [("", 9), ("├─ ", 5), ("│  ├─ ", 2), ("│  └─ ", 1), ("└─ ", 3), ("   └─ ", 1), ("", 1)]


def test_light_branches_are_counted_not_shown() -> None:
    """Beyond the limit the lightest go, each group as one row that says how many it stands for."""
    tree = Twig(9, (Twig(5), Twig(1, (Twig(0),)), Twig(4), Twig(1)))
    rows = [(row.guide, row.branch and row.branch.weight, row.left_out) for row in tree_rows([tree], weight, 3)]
    assert rows == [("", 9, 0), ("├─ ", 5, 0), ("├─ ", 4, 0), ("└─ ", None, 3)]


def test_a_heavy_branch_brings_what_is_above_it() -> None:
    """A branch is never shown without the way to it."""
    tree = Twig(0, (Twig(0, (Twig(0, (Twig(100),)),)), Twig(50)))
    shown = [row.branch.weight for row in tree_rows([tree], weight, 1) if row.branch]
    assert shown == [0, 0, 0, 100]


@given(st.lists(TWIGS, max_size=4), st.integers(1, 30))
def test_every_branch_is_shown_or_counted(roots: list[Twig], limit: int) -> None:
    """No branch is lost: rows and left-out counts add up to the tree."""
    rows = tree_rows(roots, weight, limit)
    total = sum(len(root.all()) for root in roots)
    assert sum(row.left_out or 1 for row in rows) == total
