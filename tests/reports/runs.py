"""Made-up runs, from the same statistics that a real one fills."""

from collections.abc import Sequence
from dataclasses import replace

from otel_perf.core.ledger import CallBalance, DestinationBalance
from otel_perf.reports.run_summary import OpenCall, Overhead, RunSummary
from otel_perf.statistics.call_graph import CallTree
from otel_perf.statistics.critical_path import TraceNode
from otel_perf.statistics.tool_stats import ToolTable
from otel_perf.statistics.trace_sample import SampledTrace

MS = 1_000_000

NOTHING = RunSummary.build(tree=(), tools=(), slowest=(), calls=CallBalance(0, 0, 0, 0, 0))


class Run:
    """Collects calls by their path of names, as the worker does."""

    def __init__(self) -> None:
        self.tree = CallTree()
        self.tools = ToolTable()

    def call(self, path: str, milliseconds: float, error: str | None = None, *, kind: str = "tool") -> "Run":
        """Record one call of the last name of ``path`` (``a/b/c``), all of whose time is its own."""
        node = None
        names = path.split("/")
        for name in names:
            node = self.tree.child(node, name)
        assert node is not None
        outcome = "ok" if error is None else "error"
        node.record(int(milliseconds * MS), int(milliseconds * MS), outcome)
        tool = self.tools.get(names[-1], kind)
        tool.record(int(milliseconds * MS), int(milliseconds * MS), outcome, error, 0)
        return self

    def summary(self, *traces: SampledTrace) -> RunSummary:
        """The run so far; every call was recorded and nothing was sent."""
        calls = sum(tool.count for tool in self.tools)
        return RunSummary.build(
            tree=self.tree.tree(),
            tools=self.tools.summaries(),
            slowest=traces,
            calls=CallBalance(calls, calls, 0, 0, 0),
            elapsed_seconds=8.2,
        )


def trace(nodes: Sequence[tuple[int, int | None, str, int, int]], left_out: int = 0) -> SampledTrace:
    """A trace of (key, parent's key, name, start, end) in milliseconds; the root, an agent's turn, first."""
    made = tuple(
        TraceNode(key, parent, name, start * MS, end * MS, part="own" if parent is None else "tools")
        for key, parent, name, start, end in nodes
    )
    return SampledTrace(made[0], made, left_out)


def full_run() -> RunSummary:
    """A run with something in every place."""
    run = Run().call("indexer", 3900, kind="agent").call("librarian", 400, kind="agent")
    for number in range(12):
        run.call("indexer/load_file", 4 + number)
        run.call("indexer/load_file/read_file", 1, "UnicodeDecodeError" if number < 3 else None)
        run.call("librarian/ask_server", 200 + number, "TimeoutError" if number < 2 else None)
    slow = trace([(1, None, "librarian", 0, 1200), (2, 1, "search", 10, 200), (3, 1, "ask_server", 200, 1180)])
    return replace(
        run.summary(slow),
        destinations=(
            DestinationBalance("localhost:4318", "traces", 38, 30, 0, 0, 0, 4, 0, {"http_4xx": 1}, {"queue_full": 3}),
            DestinationBalance("localhost:4318", "metrics", 9, 9, 0, 0, 0, 0, 0),
        ),
        open_calls=(OpenCall("fetch", 12.3, "librarian"), OpenCall("sleep", 1.0)),
        overhead=Overhead(
            app_ns_per_call=1240.0, app_method="measured", worker_cpu_seconds=0.2, process_cpu_seconds=8.0
        ),
    )
