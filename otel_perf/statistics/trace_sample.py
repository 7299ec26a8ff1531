"""The slowest traces, kept whole."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappush, heapreplace, nlargest
from typing import TYPE_CHECKING

from otel_perf.statistics.turn_breakdown import TurnBreakdown, turn_breakdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otel_perf.statistics.critical_path import TraceNode

MAX_NODES = 10_000
"""Nodes kept of one trace: about 2 MB."""


@dataclass(frozen=True, slots=True)
class SampledTrace:
    """One kept trace.

    Attributes:
        root: The trace's root.
        nodes: Its nodes, the root first, the others in the order they were offered.
        left_out: Number of nodes that the trace had and that are not in ``nodes``.
    """

    root: TraceNode
    nodes: tuple[TraceNode, ...]
    left_out: int

    @property
    def truncated(self) -> bool:
        """Whether nodes are missing."""
        return self.left_out > 0

    def breakdown(self) -> TurnBreakdown:
        """Where the root's time went: model, tools, waiting, own. Of what was left out nothing is known."""
        found = turn_breakdown(self.nodes)
        assert found is not None, "the root is the first of the nodes"  # noqa: S101 - a promise of this class
        return found


class SlowestTraces:
    """The traces with the longest roots; of equally long ones the earlier.

    Memory: ``keep`` times ``max_nodes`` nodes of about 0.2 kB.

    Not locked: one thread offers; others read ``traces()`` taken under the owner's lock.
    """

    __slots__ = ("_heap", "_keep", "_max_nodes", "_offered")

    def __init__(self, keep: int = 5, max_nodes: int = MAX_NODES) -> None:
        """Start empty.

        Args:
            keep: Number of traces to keep; 0 keeps none.
            max_nodes: Nodes to keep of one trace, at least 1; of a larger trace the longest are kept.
        """
        self._keep = keep
        self._max_nodes = max_nodes
        self._offered = 0
        self._heap: list[tuple[int, int, SampledTrace]] = []

    def would_keep(self, duration_ns: int) -> bool:
        """Return whether a trace whose root took this long would be kept: ask before collecting its nodes."""
        if len(self._heap) < self._keep:
            return True
        return self._keep > 0 and duration_ns > self._heap[0][0]

    def offer(self, root_node: TraceNode, nodes: Sequence[TraceNode], left_out: int = 0) -> bool:
        """Keep a finished trace if it is among the slowest.

        Args:
            root_node: The root; need not be in ``nodes``.
            nodes: All nodes of the trace.
            left_out: Nodes that the caller itself could not keep.

        Returns:
            Whether it was kept.
        """
        duration_ns = root_node.duration_ns
        if not self.would_keep(duration_ns):
            return False
        kept, dropped = self._within_bound(root_node, nodes)
        trace = SampledTrace(root_node, kept, left_out + dropped)
        self._offered += 1
        # The running number decides between equal durations: the later trace is the smaller entry.
        entry = (duration_ns, -self._offered, trace)
        if len(self._heap) < self._keep:
            heappush(self._heap, entry)
        else:
            heapreplace(self._heap, entry)
        return True

    def traces(self) -> list[SampledTrace]:
        """Return the kept traces, slowest first."""
        return [trace for _, _, trace in sorted(self._heap, key=lambda entry: (-entry[0], -entry[1]))]

    def clear(self) -> None:
        """Forget all traces."""
        self._heap.clear()

    def _within_bound(self, root: TraceNode, nodes: Sequence[TraceNode]) -> tuple[tuple[TraceNode, ...], int]:
        """Return the nodes to keep, and the number of others: the longest matter for where the time went."""
        others = [node for node in nodes if node.key != root.key]
        room = self._max_nodes - 1
        if len(others) <= room:
            return (root, *others), 0
        longest = nlargest(room, range(len(others)), key=lambda i: others[i].duration_ns)
        return (root, *(others[i] for i in sorted(longest))), len(others) - room
