"""Who calls whom: edges from caller to callee, added up over all traces."""

from __future__ import annotations

from dataclasses import dataclass

from otel_perf.statistics.bounds import MAX_EDGES, OTHER
from otel_perf.statistics.call_tree import CallNode, CallTree, TreeNode
from otel_perf.statistics.components import strongly_connected

__all__ = ["CallEdge", "CallGraph", "CallNode", "CallTree", "TreeNode"]


@dataclass(frozen=True, slots=True)
class CallEdge:
    """All calls from one tool to another.

    Attributes:
        caller: Name of the calling tool; None for calls that nothing of ours enclosed.
        callee: Name of the called tool.
        calls: Ended calls, all outcomes together.
        errors: Calls that ended as error or timeout.
        total_ns: Sum of their durations.
        self_ns: Sum of their self times.
    """

    caller: str | None
    callee: str
    calls: int
    errors: int
    total_ns: int
    self_ns: int


class _EdgeCounts:
    """The running numbers of one edge."""

    __slots__ = ("calls", "errors", "self_ns", "total_ns")

    def __init__(self) -> None:
        self.calls = 0
        self.errors = 0
        self.total_ns = 0
        self.self_ns = 0

    def copy(self) -> _EdgeCounts:
        twin = _EdgeCounts()
        twin.calls = self.calls
        twin.errors = self.errors
        twin.total_ns = self.total_ns
        twin.self_ns = self.self_ns
        return twin

    def view(self, caller: str | None, callee: str) -> CallEdge:
        return CallEdge(caller, callee, self.calls, self.errors, self.total_ns, self.self_ns)


class CallGraph:
    """Calls by (caller, callee), in bounded memory.

    Beyond ``max_edges`` edges, calls over new edges are added up, exactly, in ``overflow``.

    Not locked: one thread records; others read a ``copy()`` made under the owner's lock.
    """

    __slots__ = ("_edges", "_max_edges", "_overflow")

    def __init__(self, max_edges: int = MAX_EDGES) -> None:
        """Start without edges.

        Args:
            max_edges: Number of edges to tell apart.
        """
        self._edges: dict[tuple[str | None, str], _EdgeCounts] = {}
        self._max_edges = max_edges
        self._overflow = _EdgeCounts()

    def record(self, caller: str | None, callee: str, duration_ns: int, self_ns: int, outcome: str) -> None:
        """Take in one ended call; see ``CallEdge`` for the arguments."""
        key = (caller, callee)
        edge = self._edges.get(key)
        if edge is None:
            edge = self._enter(key)
        edge.calls += 1
        edge.total_ns += duration_ns
        edge.self_ns += self_ns
        if outcome == "error" or outcome == "timeout":  # noqa: PLR1714 - a set or tuple is slower here
            edge.errors += 1

    @property
    def overflow(self) -> CallEdge:
        """The calls over edges beyond the bound, all together, as an edge to ``_OTHER``."""
        return self._overflow.view(OTHER, OTHER)

    def edges(self) -> list[CallEdge]:
        """Return all edges, most total time first; without ``overflow``."""
        views = [edge.view(*key) for key, edge in self._edges.items()]
        return sorted(views, key=lambda edge: (-edge.total_ns, edge.caller or "", edge.callee))

    def roots(self) -> list[str]:
        """Return the tools that were called from outside of all tools, most total time first."""
        return [edge.callee for edge in self.edges() if edge.caller is None]

    def cycles(self) -> list[list[str]]:
        """Return the groups of tools that call each other in a circle (or themselves), names sorted."""
        callees: dict[str, list[str]] = {}
        for caller, callee in self._edges:
            callees.setdefault(callee, [])
            if caller is not None:
                callees.setdefault(caller, []).append(callee)
        groups = (sorted(group) for group in strongly_connected(callees))
        return sorted(group for group in groups if len(group) > 1 or group[0] in callees[group[0]])

    def copy(self) -> CallGraph:
        """Return an independent copy."""
        twin = CallGraph(self._max_edges)
        twin._edges = {key: edge.copy() for key, edge in self._edges.items()}
        twin._overflow = self._overflow.copy()
        return twin

    def _enter(self, key: tuple[str | None, str]) -> _EdgeCounts:
        if len(self._edges) >= self._max_edges:
            return self._overflow
        edge = self._edges[key] = _EdgeCounts()
        return edge
