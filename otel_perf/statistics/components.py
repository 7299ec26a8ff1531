"""Strongly connected components of a directed graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def strongly_connected(successors: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return the largest groups of nodes that can all reach each other; single nodes included.

    Tarjan's algorithm without recursion, linear in nodes and edges.

    Args:
        successors: The nodes that each node leads to; every node must be a key.
    """
    return _Search(successors).components()


class _Search:
    """The state of one run of Tarjan's algorithm."""

    def __init__(self, successors: Mapping[str, Iterable[str]]) -> None:
        self._successors = successors
        self._order: dict[str, int] = {}
        self._lowest: dict[str, int] = {}
        self._open: list[str] = []
        self._is_open: set[str] = set()
        self._found: list[list[str]] = []

    def components(self) -> list[list[str]]:
        for node in self._successors:
            if node not in self._order:
                self._walk(node)
        return self._found

    def _walk(self, start: str) -> None:
        self._visit(start)
        path = [(start, iter(self._successors[start]))]
        while path:
            node, rest = path[-1]
            following = next(rest, None)
            if following is None:
                path.pop()
                self._leave(node, path[-1][0] if path else None)
            elif following not in self._order:
                self._visit(following)
                path.append((following, iter(self._successors[following])))
            elif following in self._is_open:
                self._lowest[node] = min(self._lowest[node], self._order[following])

    def _visit(self, node: str) -> None:
        self._order[node] = self._lowest[node] = len(self._order)
        self._open.append(node)
        self._is_open.add(node)

    def _leave(self, node: str, parent: str | None) -> None:
        if self._lowest[node] == self._order[node]:
            group: list[str] = []
            while not group or group[-1] != node:
                group.append(self._open.pop())
            self._is_open.difference_update(group)
            self._found.append(group)
        if parent is not None:
            self._lowest[parent] = min(self._lowest[parent], self._lowest[node])
