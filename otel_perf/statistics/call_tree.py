"""The aggregated call tree: one node per path of names from the outermost call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from otel_perf.statistics.bounds import MAX_DEPTH, MAX_NODES, NODE_EXACT_LIMIT, OTHER
from otel_perf.statistics.quantiles import DurationSketch

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class TreeNode:
    """One node of the aggregated call tree: all calls whose callers, up to the root, had the same names.

    Attributes:
        name: Name of the tool.
        depth: 0 for calls from outside of all tools.
        calls: Ended calls, all outcomes together.
        errors: Calls that ended as error or timeout.
        total_ns: Sum of the durations; of calls nested in another call of this node only the outermost counts.
        self_ns: Sum of the self times of all calls.
        p50_ns: Median duration of all calls; None without calls (a child may end before its parent does).
        p95_ns: Duration that 95 % of the calls do not exceed; None without calls.
        quantiles_exact: Whether the two are exact, else within 0.78 %.
        recursive: Whether nested calls of the same tool were folded into this node.
        children: The nodes called from here, most total time first.
    """

    name: str
    depth: int
    calls: int
    errors: int
    total_ns: int
    self_ns: int
    p50_ns: float | None
    p95_ns: float | None
    quantiles_exact: bool
    recursive: bool
    children: tuple[TreeNode, ...]


class _NodeCounts:
    """The running numbers of one node, shared with the node that stands for its nested calls."""

    __slots__ = ("calls", "durations", "errors", "recursive", "self_ns", "total_ns")

    def __init__(self) -> None:
        self.calls = 0
        self.errors = 0
        self.total_ns = 0
        self.self_ns = 0
        self.recursive = False
        self.durations = DurationSketch(NODE_EXACT_LIMIT)

    def copy(self) -> _NodeCounts:
        twin = _NodeCounts()
        twin.calls = self.calls
        twin.errors = self.errors
        twin.total_ns = self.total_ns
        twin.self_ns = self.self_ns
        twin.recursive = self.recursive
        twin.durations = self.durations.copy()
        return twin


class CallNode:
    """A place in a ``CallTree``: keep it with the open call, ``record`` on it when the call ends.

    Attributes:
        name: Name of the tool.
        depth: 0 for calls from outside of all tools, -1 for the root above them.
        parent: The node of the caller; None for the root.
        children: The nodes called from here, by name.
        place: The node itself; for a stand-in of nested calls, the node it stands in for.
        innermost: The deepest node of this branch with a call around the calls recorded here, or the node itself.
    """

    __slots__ = ("_counts", "_stand_ins", "children", "depth", "innermost", "name", "parent", "place")

    def __init__(self, name: str, parent: CallNode | None, depth: int) -> None:
        """Make a node without calls; done by ``CallTree``."""
        self.name = name
        self.parent = parent
        self.depth = depth
        self.place = self
        self.innermost = self
        self.children: dict[str, CallNode] = {}
        self._counts = _NodeCounts()
        self._stand_ins: dict[CallNode, CallNode] = {}

    def record(self, duration_ns: int, self_ns: int, outcome: str) -> None:
        """Take in one ended call."""
        counts = self._counts
        counts.calls += 1
        counts.self_ns += self_ns
        counts.durations.add(duration_ns)
        if self.place is self:
            counts.total_ns += duration_ns
        if outcome == "error" or outcome == "timeout":  # noqa: PLR1714 - a set or tuple is slower here
            counts.errors += 1

    @property
    def calls(self) -> int:
        """Ended calls at this place."""
        return self._counts.calls

    @property
    def path(self) -> tuple[str, ...]:
        """The names from the outermost caller down to this node."""
        names = [] if self.parent is None else [self.name]
        node = self.parent
        while node is not None and node.parent is not None:
            names.append(node.name)
            node = node.parent
        return tuple(reversed(names))

    def nested_within(self, innermost: CallNode) -> CallNode:
        """Return the stand-in for calls inside a call of this node: same place, same numbers, no total time.

        Args:
            innermost: The deepest node below this one that the outer call has reached; the node itself at least.
        """
        stand_in = self._stand_ins.get(innermost)
        if stand_in is None:
            stand_in = self._stand_ins[innermost] = CallNode(self.name, self.parent, self.depth)
            stand_in.place = self
            stand_in.innermost = innermost
            stand_in.children = self.children
            stand_in._counts = self._counts
            self._counts.recursive = True
        return stand_in

    def is_around(self, node: CallNode) -> bool:
        """Return whether ``node`` is this node or below it."""
        while node.parent is not None and node.depth > self.depth:
            node = node.parent.place
        return node is self

    def copy_below(self, parent: CallNode) -> CallNode:
        """Return an independent copy under another parent, without children."""
        twin = CallNode(self.name, parent, self.depth)
        twin._counts = self._counts.copy()
        return twin

    def view(self, children: tuple[TreeNode, ...]) -> TreeNode:
        """Return the present numbers, with the given children below."""
        counts = self._counts
        p50, p95 = counts.durations.quantiles((0.5, 0.95))
        return TreeNode(
            name=self.name,
            depth=self.depth,
            calls=counts.calls,
            errors=counts.errors,
            total_ns=counts.total_ns,
            self_ns=counts.self_ns,
            p50_ns=p50,
            p95_ns=p95,
            quantiles_exact=counts.durations.exact,
            recursive=counts.recursive,
            children=children,
        )


class CallTree:
    """The call tree added up over all traces: one node per path of names from the outermost call.

    Direct recursion (A calls A) folds into one node. Mutual recursion (A, B, A, B, …) makes a path until
    ``max_depth`` levels, then folds into the nearest node of the same name above. A path that is too deep
    without such a node, and every new path beyond ``max_nodes``, ends in one node ``_OTHER`` (``overflow``).

    Not locked: one thread records; others read a ``copy()`` made under the owner's lock.

    Attributes:
        root: The node above all outermost calls; nothing is recorded on it.
        overflow: The node for calls beyond the bounds.
    """

    __slots__ = ("_max_depth", "_max_nodes", "node_count", "overflow", "root")

    def __init__(self, max_nodes: int = MAX_NODES, max_depth: int = MAX_DEPTH) -> None:
        """Start without nodes.

        Args:
            max_nodes: Number of nodes, root and ``_OTHER`` not counted.
            max_depth: Number of levels below the root.
        """
        self._max_nodes = max_nodes
        self._max_depth = max_depth
        self.node_count = 0
        self.root = CallNode("", None, -1)
        self.overflow = CallNode(OTHER, self.root, 0)

    def child(self, parent: CallNode | None, name: str) -> CallNode:
        """Return the node of a call of ``name`` from ``parent`` (None: the root), made on first use."""
        if parent is None:
            parent = self.root
        node = parent.children.get(name)
        if node is not None:
            if parent.place is parent or not node.is_around(parent.innermost):
                return node
            return node.nested_within(parent.innermost)
        if name == parent.name and parent.depth >= 0:
            return parent.place.nested_within(parent.innermost)
        return self._grow(parent.place, name)

    def tree(self) -> list[TreeNode]:
        """Return the outermost nodes with all below them, most total time first, ``_OTHER`` last."""
        views: dict[CallNode, TreeNode] = {}
        # Deepest first, so that every node finds the views of its children made.
        for node in reversed(list(self._nodes())):
            children = [views.pop(child) for child in node.children.values()]
            views[node] = node.view(_by_total(children))
        others = (self.overflow.view(()),) if self.overflow.calls else ()
        return [*views[self.root].children, *others]

    def copy(self) -> CallTree:
        """Return an independent copy, to make the ``tree()`` of it outside of the owner's lock."""
        twin = CallTree(self._max_nodes, self._max_depth)
        twin.node_count = self.node_count
        twin.overflow = self.overflow.copy_below(twin.root)
        waiting = [(self.root, twin.root)]
        while waiting:
            node, copied = waiting.pop()
            for name, child in node.children.items():
                copied.children[name] = child.copy_below(copied)
                waiting.append((child, copied.children[name]))
        return twin

    def _nodes(self) -> Iterator[CallNode]:
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(node.children.values())

    def _grow(self, parent: CallNode, name: str) -> CallNode:
        if parent is self.overflow:
            return parent.nested_within(parent)
        if parent.depth + 1 >= self._max_depth:
            return self._fold(parent, name)
        if self.node_count >= self._max_nodes:
            return self.overflow
        self.node_count += 1
        node = parent.children[name] = CallNode(name, parent, parent.depth + 1)
        return node

    def _fold(self, parent: CallNode, name: str) -> CallNode:
        node: CallNode | None = parent
        while node is not None and node.depth >= 0:
            if node.name == name:
                return node.nested_within(parent)
            node = node.parent
        return self.overflow


def _by_total(nodes: list[TreeNode]) -> tuple[TreeNode, ...]:
    return tuple(sorted(nodes, key=lambda node: (-node.total_ns, node.name)))
