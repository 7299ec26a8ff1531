"""Tests of the call graph and the aggregated call tree."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from otel_perf.statistics.bounds import OTHER
from otel_perf.statistics.call_graph import CallEdge, CallGraph, CallNode, CallTree, TreeNode
from otel_perf.statistics.components import strongly_connected

NAMES = st.sampled_from("abcdef")
ARROWS = st.lists(st.tuples(NAMES, NAMES), max_size=20)


def graph_of(*arrows: tuple[str | None, str]) -> CallGraph:
    """A graph with one call of 10 ns, 4 of them its own, per arrow."""
    graph = CallGraph()
    for caller, callee in arrows:
        graph.record(caller, callee, 10, 4, "ok")
    return graph


def at(tree: CallTree, path: str) -> CallNode:
    """The node at the end of a path of one-letter names."""
    node = tree.root
    for name in path:
        node = tree.child(node, name)
    return node


def flat(nodes: list[TreeNode] | tuple[TreeNode, ...]) -> list[TreeNode]:
    """All nodes of a tree, parents first."""
    return [found for node in nodes for found in (node, *flat(node.children))]


def test_edges_add_up_calls_errors_and_time() -> None:
    """Each edge counts its calls, its errors and timeouts, and adds up the times."""
    graph = graph_of((None, "agent"), ("agent", "search"), ("agent", "search"))
    graph.record("agent", "search", 100, 90, "error")
    graph.record("agent", "search", 100, 90, "timeout")
    graph.record("agent", "search", 100, 90, "cancelled")
    assert graph.edges() == [
        CallEdge("agent", "search", calls=5, errors=2, total_ns=320, self_ns=278),
        CallEdge(None, "agent", calls=1, errors=0, total_ns=10, self_ns=4),
    ]
    assert graph.roots() == ["agent"]


def test_edges_beyond_the_bound_are_counted_exactly() -> None:
    """New edges beyond the bound go to the overflow, known ones go on counting, nothing is lost."""
    graph = CallGraph(max_edges=2)
    for callee in ("a", "b", "c", "d", "c", "a"):
        graph.record(None, callee, 10, 4, "error")
    assert {edge.callee: edge.calls for edge in graph.edges()} == {"a": 2, "b": 1}
    assert graph.overflow == CallEdge(OTHER, OTHER, calls=3, errors=3, total_ns=30, self_ns=12)


def test_cycles_are_groups_that_call_each_other() -> None:
    """Circles of any length and direct recursion are found; a plain chain is none."""
    graph = graph_of((None, "a"), ("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "d"), ("d", "e"))
    assert graph.cycles() == [["a", "b", "c"], ["d"]]
    assert graph_of((None, "a"), ("a", "b")).cycles() == []


@given(ARROWS)
def test_components_are_what_can_reach_each_other(arrows: list[tuple[str, str]]) -> None:
    """Two nodes are in one component exactly when each reaches the other."""
    successors: dict[str, list[str]] = {name: [] for name in "abcdef"}
    for caller, callee in arrows:
        successors[caller].append(callee)
    reach = {name: {name} for name in successors}
    for _ in successors:
        for name, following in successors.items():
            reach[name].update(*(reach[other] for other in following))
    expected = {frozenset(o for o in reach if o in reach[name] and name in reach[o]) for name in reach}
    found = strongly_connected(successors)
    assert sorted(map(sorted, found)) == sorted(map(sorted, expected))


def test_long_circle_needs_no_recursion() -> None:
    """A circle of 4,000 tools is one group."""
    names = [f"t{i}" for i in range(4000)]
    graph = graph_of(*zip(names, [*names[1:], names[0]], strict=True))
    assert graph.cycles() == [sorted(names)]


def test_tree_keeps_paths_apart() -> None:
    """The same tool under different callers has different nodes, with numbers of their own."""
    tree = CallTree()
    at(tree, "ab").record(30, 20, "error")
    at(tree, "ab").record(50, 40, "ok")
    at(tree, "cb").record(7, 7, "timeout")
    at(tree, "c").record(9, 2, "ok")
    at(tree, "a").record(100, 20, "ok")
    a, c = tree.tree()
    assert (a.name, a.depth, a.calls, a.total_ns, a.self_ns) == ("a", 0, 1, 100, 20)
    (below_a,) = a.children
    (below_c,) = c.children
    assert (below_a.name, below_a.depth, below_a.calls, below_a.errors) == ("b", 1, 2, 1)
    assert (below_a.total_ns, below_a.self_ns, below_a.p50_ns, below_a.p95_ns) == (80, 60, 30.0, 50.0)
    assert (below_c.calls, below_c.errors, below_c.p50_ns, below_c.quantiles_exact) == (1, 1, 7.0, True)
    assert at(tree, "ab").path == ("a", "b")
    assert tree.child(None, "a") is at(tree, "a")
    assert tree.root.path == ()


def test_open_parent_is_shown_without_numbers() -> None:
    """A node whose own calls still run is in the tree, with no calls and no quantiles."""
    tree = CallTree()
    at(tree, "ab").record(5, 5, "ok")
    (a,) = tree.tree()
    assert (a.calls, a.p50_ns, a.p95_ns) == (0, None, None)
    assert [child.name for child in a.children] == ["b"]


def test_direct_recursion_folds_into_one_node() -> None:
    """A calling itself is one node: every call counts, the time inside of another call counts once."""
    tree = CallTree()
    outer = at(tree, "xa")
    middle = tree.child(outer, "a")
    inner = tree.child(middle, "a")
    leaf = tree.child(inner, "b")
    leaf.record(1, 1, "ok")
    inner.record(4, 3, "error")
    middle.record(6, 2, "ok")
    outer.record(10, 4, "ok")
    (x,) = tree.tree()
    (a,) = x.children
    assert (a.name, a.calls, a.errors, a.total_ns, a.self_ns, a.recursive) == ("a", 3, 1, 10, 9, True)
    assert [(b.name, b.calls, b.depth, b.recursive) for b in a.children] == [("b", 1, 2, False)]
    assert inner.path == ("x", "a")


def test_mutual_recursion_ends_at_the_depth_cap() -> None:
    """A and B calling each other make a path of 32 levels; deeper calls count at the deepest node of their name."""
    tree = CallTree()
    chain = [tree.child(None, "a")]
    for i in range(1, 1000):
        chain.append(tree.child(chain[-1], "ab"[i % 2]))
    for i, node in enumerate(reversed(chain)):
        node.record(i + 1, 1, "ok")
    nodes = flat(tree.tree())
    assert [node.depth for node in nodes] == list(range(32))
    assert sum(node.calls for node in nodes) == 1000
    assert [node.calls for node in nodes[:30]] == [1] * 30
    assert [node.recursive for node in nodes] == [False] * 30 + [True] * 2
    assert [node.total_ns for node in nodes] == list(range(1000, 968, -1))
    assert sum(node.self_ns for node in nodes) == 1000


def test_new_tool_below_the_depth_cap_has_its_time() -> None:
    """A tool first called from a folded level has a node with its whole time, and its own recursion is folded."""
    tree = CallTree(max_depth=3)
    deep = at(tree, "abab")
    other = tree.child(deep, "c")
    tree.child(other, "c").record(3, 3, "ok")
    other.record(8, 5, "ok")
    tree.child(other, "b").record(1, 1, "ok")
    found = {(node.name, node.depth): (node.calls, node.total_ns, node.recursive) for node in flat(tree.tree())}
    assert found == {
        ("a", 0): (0, 0, False),
        ("b", 1): (1, 0, True),
        ("a", 2): (0, 0, False),
        ("c", 2): (2, 8, True),
    }


def test_deep_chain_of_different_tools_ends_in_other() -> None:
    """A path that is too deep without repeating a name goes to the overflow node, and stays there."""
    tree = CallTree(max_depth=3)
    for depth in range(1, 7):
        at(tree, "abcdef"[:depth]).record(10, 10, "ok")
    nodes = flat(tree.tree())
    assert [(node.name, node.calls, node.total_ns) for node in nodes] == [
        ("a", 1, 10), ("b", 1, 10), ("c", 1, 10), (OTHER, 3, 10),
    ]  # fmt: skip


@given(st.lists(st.tuples(st.text("abcd", min_size=1, max_size=6), st.integers(0, 100)), max_size=40))
def test_tree_is_bounded_and_loses_nothing(calls: list[tuple[str, int]]) -> None:
    """With any paths, the nodes stay within the bound and calls and self time add up to what was recorded."""
    tree = CallTree(max_nodes=5, max_depth=3)
    for path, self_ns in calls:
        at(tree, path).record(self_ns, self_ns, "ok")
    nodes = flat(tree.tree())
    assert len(nodes) <= 5 + 1
    assert sum(node.calls for node in nodes) == len(calls)
    assert sum(node.self_ns for node in nodes) == sum(self_ns for _, self_ns in calls)
    assert all(node.depth < 3 for node in nodes)
    assert tree.node_count <= 5


@given(st.lists(st.text("abc", min_size=1, max_size=8), max_size=20), st.text("abc", min_size=1, max_size=8))
def test_copies_are_independent(paths: list[str], later: str) -> None:
    """Copies of graph and tree show the moment of copying, and go on as the originals do."""
    tree, graph = CallTree(max_nodes=6, max_depth=4), CallGraph(max_edges=3)
    for path in paths:
        at(tree, path).record(10, 4, "error")
        graph.record(path[0], path[-1], 10, 4, "error")
    moment = (tree.tree(), graph.edges(), graph.overflow)
    copied_tree, copied_graph = tree.copy(), graph.copy()
    at(tree, later).record(99, 99, "ok")
    graph.record(later[0], later[-1], 99, 99, "ok")
    assert (copied_tree.tree(), copied_graph.edges(), copied_graph.overflow) == moment
    at(copied_tree, later).record(99, 99, "ok")
    copied_graph.record(later[0], later[-1], 99, 99, "ok")
    assert copied_tree.tree() == tree.tree()
    assert (copied_graph.edges(), copied_graph.overflow) == (graph.edges(), graph.overflow)
