"""The critical path of a trace: the calls that decided how long it took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping


@dataclass(frozen=True, slots=True)
class TraceNode:
    """One ended call or span of a trace.

    Attributes:
        key: What identifies it within the trace (a span id, an object's id).
        parent_key: The key of its parent; None for a root.
        name: Name of the tool or span.
        start_ns: Start, nanoseconds of one clock for the whole trace.
        end_ns: End, on the same clock.
        outcome: ok, error, timeout or cancelled.
        part: What its own time counts as in the breakdown of a turn: model, tools, waiting or own.
    """

    key: Hashable
    parent_key: Hashable | None
    name: str
    start_ns: int
    end_ns: int
    outcome: str = "ok"
    part: Literal["model", "tools", "waiting", "own"] = "tools"

    @property
    def duration_ns(self) -> int:
        """From start to end; 0 when the clock says that it ended before it started."""
        return max(0, self.end_ns - self.start_ns)


@dataclass(frozen=True, slots=True)
class PathSegment:
    """One call on the critical path.

    Attributes:
        name: Name of the tool or span.
        key: Its ``TraceNode.key``.
        start_ns: Start, not before its parent's.
        end_ns: End, not after its parent's.
        self_ns: The part of this time that no child on the path accounts for.
        depth: 0 for the root, one more than the parent otherwise.
    """

    name: str
    key: Hashable
    start_ns: int
    end_ns: int
    self_ns: int
    depth: int = 0


Children: TypeAlias = "Mapping[Hashable, list[TraceNode]]"


def critical_path(nodes: Iterable[TraceNode]) -> list[PathSegment]:
    """Return the calls that determined the duration of a trace, in the order of their starts, root first.

    From the end of a call, its last child that had ended by then is on the path; from that child's start
    the search goes on in the same way. The time between is the call's own. Parallel children that ended
    later than the point reached held nothing up and are not on the path. So the ``self_ns`` of all
    segments add up exactly to the root's duration, and making any other call faster gains nothing.

    Children are cut to their parent's time. A node whose parent is missing counts as a child of the root
    if the trace has exactly one root; otherwise it is a root itself, and the longest root is taken.
    Of several nodes with one key the first counts. Circles of parents are ignored; without any root the
    path is empty.
    """
    root, children = _arrange(nodes)
    if root is None:
        return []
    segments: list[PathSegment] = []
    waiting = [(root, root.start_ns, root.start_ns + root.duration_ns, 0)]
    while waiting:
        node, start_ns, end_ns, depth = waiting.pop()
        self_ns = end_ns - start_ns
        # Found from the last to the first: the first is then taken from the stack next.
        for child, child_start_ns, child_end_ns in _deciding(children.get(node.key, ()), start_ns, end_ns):
            self_ns -= child_end_ns - child_start_ns
            waiting.append((child, child_start_ns, child_end_ns, depth + 1))
        segments.append(PathSegment(node.name, node.key, start_ns, end_ns, self_ns, depth))
    return segments


def _arrange(nodes: Iterable[TraceNode]) -> tuple[TraceNode | None, Children]:
    """Find the root of the path and the children of every node."""
    by_key: dict[Hashable, TraceNode] = {}
    for node in nodes:
        by_key.setdefault(node.key, node)
    roots: list[TraceNode] = []
    orphans: list[TraceNode] = []
    children: dict[Hashable, list[TraceNode]] = {}
    for node in by_key.values():
        if node.parent_key is None:
            roots.append(node)
        elif node.parent_key in by_key:
            children.setdefault(node.parent_key, []).append(node)
        else:
            orphans.append(node)
    if len(roots) == 1:
        children.setdefault(roots[0].key, []).extend(orphans)
        return roots[0], children
    return max(roots or orphans, key=lambda node: node.duration_ns, default=None), children


def _deciding(children: Iterable[TraceNode], start_ns: int, end_ns: int) -> list[tuple[TraceNode, int, int]]:
    """Return the children that decided the time from start to end, the last one first, each with its cut times."""
    cut = ((child, max(child.start_ns, start_ns), min(child.end_ns, end_ns)) for child in children)
    real = [entry for entry in cut if entry[1] < entry[2]]
    # Of children that ended together, the one that ran longest decided.
    real.sort(key=lambda entry: (-entry[2], entry[1]))
    found = []
    reached_ns = end_ns
    for entry in real:
        if entry[2] <= reached_ns:
            found.append(entry)
            reached_ns = entry[1]
    return found
