"""A tree of anything with children as rows of text, the light branches left out when there are too many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Branch", "Row", "tree_rows"]


class Branch(Protocol):
    """What a tree is made of."""

    @property
    def children(self) -> Sequence[Self]:
        """The branches below, in the order to show."""
        ...


B = TypeVar("B", bound=Branch)


@dataclass(frozen=True, slots=True)
class Row(Generic[B]):
    """One row.

    Attributes:
        guide: The lines that lead to the name, from the left margin.
        branch: What the row shows; None for the row that stands for branches left out.
        left_out: How many branches that row stands for.
    """

    guide: str
    branch: B | None
    left_out: int = 0


def tree_rows(roots: Sequence[B], weight: Callable[[B], float], limit: int) -> list[Row[B]]:
    """Return the rows of a tree, at most ``limit`` of them for branches: the heaviest with all that is above them.

    Args:
        roots: The outermost branches.
        weight: How much a branch matters, the branches below it included.
        limit: Number of branches to show; a chain that leads to a heavy branch may exceed it.
    """
    shown = _heaviest(roots, weight, limit)
    return list(_rows(roots, "", shown, outermost=True))


def _heaviest(roots: Sequence[B], weight: Callable[[B], float], limit: int) -> set[int]:
    """Pick by weight, and with each pick everything above it. Branches are told apart by their ``id``."""
    above: dict[int, int | None] = {}
    waiting: list[tuple[B, int | None]] = [(root, None) for root in roots]
    found: list[B] = []
    while waiting:
        branch, parent = waiting.pop()
        above[id(branch)] = parent
        found.append(branch)
        waiting.extend((child, id(branch)) for child in branch.children)
    shown: set[int] = set()
    for branch in sorted(found, key=weight, reverse=True):
        if len(shown) >= limit:
            break
        key: int | None = id(branch)
        while key is not None and key not in shown:
            shown.add(key)
            key = above[key]
    return shown


def _rows(branches: Sequence[B], indent: str, shown: set[int], *, outermost: bool = False) -> Iterator[Row[B]]:
    visible = [branch for branch in branches if id(branch) in shown]
    left_out = sum(_size(branch) for branch in branches if id(branch) not in shown)
    for number, branch in enumerate(visible, 1):
        last = number == len(visible) and not left_out
        yield Row("" if outermost else f"{indent}{'└─ ' if last else '├─ '}", branch)
        below = "" if outermost else f"{indent}{'   ' if last else '│  '}"
        yield from _rows(branch.children, below, shown)
    if left_out:
        yield Row("" if outermost else f"{indent}└─ ", None, left_out)


def _size(branch: B) -> int:
    return 1 + sum(_size(child) for child in branch.children)
