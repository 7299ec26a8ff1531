"""Ended calls folded into cells: some 0.4 us per call, where SDK instruments with a context cost 8 us each.

Labels are bounded here, and only here: 500 tools, 500 agents, 500 operations, 64 error types for each of them, 2,000
caller-callee pairs.
"""

import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias

from otel_perf.core.clock import Clock, system_clock
from otel_perf.core.records import Failure, Kind, Tool, ToolCall
from otel_perf.meters.cell import CallExemplar, Cell, CellKey, CellSnapshot
from otel_perf.meters.measured import MeasuredMeters
from otel_perf.meters.roster import OTHER, Roster

__all__ = ["ToolMeters"]

TOOL_LIMIT: Final = 500
AGENT_LIMIT: Final = 500
ERROR_LIMIT: Final = 64
EDGE_LIMIT: Final = 2_000
CELL_LIMIT: Final = 4_096
"""Cells with all their labels, about 0.7 kB each. Beyond, a new cell keeps tool and outcome only."""

SHORTCUT_LIMIT: Final = 8_192
"""Entries of the look-up from objects to cells; it is emptied when full, and nothing is lost by that."""

EXEMPLAR_PERIOD_NS: Final = 1_000_000_000
"""A bucket takes at most one exemplar a second."""

CHUNK: Final = 64
"""Cells copied under the lock at a time: some 50 us, so that nobody waits long for a page."""

Shortcut: TypeAlias = tuple[Tool, Failure | None, str | None, Tool | None]


class ToolMeters:
    """What the metrics know of calls.

    ``on_calls`` is for one thread at a time (the worker, or whoever holds its lock); ``snapshot`` may be called
    from any thread at any time.

    Attributes:
        start_unix_ns: Unix time in nanoseconds from which everything is counted.
        measured: What the metrics know of measurements.
    """

    def __init__(self, clock: Clock = system_clock) -> None:
        """Start at zero, now."""
        self._clock = clock
        self.measured = MeasuredMeters()
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._shortcuts: dict[Shortcut, Cell] = {}
        self._cells: dict[CellKey, Cell] = {}
        self._tools = Roster("tool names", TOOL_LIMIT)
        self._agents = Roster("agent names", AGENT_LIMIT)
        self._models = Roster("model names", TOOL_LIMIT)
        self._operations = Roster("operation names", TOOL_LIMIT)
        self._errors: dict[str, Roster] = {}
        self._edges: set[tuple[str, str]] = set()
        self.start_unix_ns = self._clock.unix_ns(self._clock.now_ns())

    def forget(self) -> None:
        """Start again at zero: what a forked child does, whose parent goes on counting its own calls."""
        self.measured.forget()
        self._begin()

    # -- folding -----------------------------------------------------------------------------------------------

    def on_calls(self, calls: Sequence[ToolCall]) -> None:
        """Fold calls that have ended, sampled or not."""
        shortcuts = self._shortcuts
        with self._lock:
            for call in calls:
                scope = call.scope
                identity = scope.identity
                caller = call.caller
                shortcut = (
                    call.tool,
                    call.failure,
                    None if identity is None else identity.agent_name,
                    None if caller is None else caller.tool,
                )
                cell = shortcuts.get(shortcut)
                if cell is None:
                    cell = self._find_cell(shortcut)
                end_ns = call.end_ns
                duration = end_ns - call.start_ns  # type: ignore[operator] # the call has ended
                if duration < 0:  # noqa: PLR1730 - a call of max() costs more than the rest of the line
                    duration = 0
                bucket = bisect_left(cell.bounds_ns, duration)
                cell.counts[bucket] += 1
                cell.total_ns += duration
                if duration < cell.min_ns:  # noqa: PLR1730 - as above
                    cell.min_ns = duration
                if duration > cell.max_ns:  # noqa: PLR1730 - as above
                    cell.max_ns = duration
                if end_ns >= cell.due_ns[bucket] and scope.sampled:  # type: ignore[operator]
                    self._keep_exemplar(cell, bucket, call)

    def key_of(self, call: ToolCall) -> CellKey:
        """The bounded labels of a call that was folded."""
        identity, caller = call.scope.identity, call.caller
        agent = None if identity is None else identity.agent_name
        shortcut = (call.tool, call.failure, agent, None if caller is None else caller.tool)
        with self._lock:
            cell = self._shortcuts.get(shortcut) or self._find_cell(shortcut)
            return cell.key

    def _keep_exemplar(self, cell: Cell, bucket: int, call: ToolCall) -> None:
        """Let this call stand for its bucket; its identifiers are made now if nobody needed them before."""
        maker: Any = getattr(call, "get_span_context", None)
        context = call.context if call.context is not None or maker is None else maker()
        if context is None or not context.is_valid or call.end_ns is None:
            return
        cell.due_ns[bucket] = call.end_ns + EXEMPLAR_PERIOD_NS
        cell.exemplars[bucket] = CallExemplar(
            max(0, call.duration_ns), context.trace_id, context.span_id, self._clock.unix_ns(call.end_ns)
        )

    # -- bounding ----------------------------------------------------------------------------------------------

    def _find_cell(self, shortcut: Shortcut) -> Cell:
        """The cell for calls that look like this; made, with bounded labels, at their first appearance."""
        key = self._bounded_key(shortcut)
        if key not in self._cells and len(self._cells) >= CELL_LIMIT:
            key = key._replace(
                agent=None if key.agent is None else OTHER,
                error_type=None if key.error_type is None else OTHER,
                caller=key.caller and OTHER,
            )
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = Cell(key)
        if len(self._shortcuts) >= SHORTCUT_LIMIT:
            self._shortcuts.clear()
        self._shortcuts[shortcut] = cell
        return cell

    def _bounded_key(self, shortcut: Shortcut) -> CellKey:
        tool, failure, identity_agent, caller_tool = shortcut
        name = self._name_of(tool)
        agent = tool.attributes.get("gen_ai.agent.name", identity_agent) if tool.kind == "tool" else None
        caller = "" if caller_tool is None else self._name_of(caller_tool)
        return CellKey(
            kind=tool.kind,
            name=name,
            agent=self._agents.admit(agent) if isinstance(agent, str) else None,
            error_type=None if failure is None or failure.error_type is None else self._error(name, failure.error_type),
            outcome="ok" if failure is None else failure.outcome,
            caller=self._bounded_caller(caller, name),
        )

    def _name_of(self, tool: Tool) -> str:
        rosters: dict[Kind, Roster] = {
            "tool": self._tools,
            "agent": self._agents,
            "model": self._models,
            "operation": self._operations,
        }
        return rosters[tool.kind].admit(tool.name)

    def _error(self, tool: str, error_type: str) -> str:
        roster = self._errors.get(tool)
        if roster is None:
            roster = self._errors[tool] = Roster(f"error types of {tool}", ERROR_LIMIT)
        return roster.admit(error_type)

    def _bounded_caller(self, caller: str, callee: str) -> str:
        if not caller or (caller, callee) in self._edges:
            return caller
        if len(self._edges) >= EDGE_LIMIT:
            return OTHER
        self._edges.add((caller, callee))
        return caller

    # -- reading -----------------------------------------------------------------------------------------------

    def snapshot(self) -> list[CellSnapshot]:
        """All cells; each is consistent in itself."""
        taken: list[CellSnapshot] = []
        for cells in self._chunks():
            with self._lock:
                taken.extend(cell.snapshot() for cell in cells)
        return taken

    def _chunks(self) -> Iterator[list[Cell]]:
        with self._lock:
            cells = iter(list(self._cells.values()))
        while chunk := list(islice(cells, CHUNK)):
            yield chunk

    def bounded_tool(self, name: str) -> str:
        """The label value of a tool that is known by its name alone, such as one whose first call still runs."""
        with self._lock:
            return self._tools.admit(name)

    def tools(self) -> tuple[str, ...]:
        """Label values of all tools so far, without ``_OTHER``."""
        with self._lock:
            return self._tools.known()

    @property
    def overflowed_calls(self) -> int:
        """Calls so far whose tool, agent or model shares the name ``_OTHER``; exact."""
        return sum(sum(cell.counts) for cell in self.snapshot() if cell.key.name == OTHER)
