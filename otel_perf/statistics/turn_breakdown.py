"""Where a turn went: model, tools, waiting, or the agent's own work; every moment counted once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from otel_perf.statistics.critical_path import TraceNode

Part: TypeAlias = Literal["model", "tools", "waiting", "own"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True, slots=True)
class TurnBreakdown:
    """How long each part of a turn took. The four add up to ``total_ns`` exactly.

    Attributes:
        total_ns: Duration of the turn.
        model_ns: A model call was the innermost that ran.
        tools_ns: A tool call was: its own work, without the calls below it.
        waiting_ns: A call marked ``otel_perf.turn.part="waiting"`` was: a rate limit, a retry's pause, a human.
        own_ns: None of these: the agent's own code between its calls.
        overlap_ns: Time within ``total_ns`` in which more than one part went on; it is shared among them equally.
    """

    total_ns: int
    model_ns: int
    tools_ns: int
    waiting_ns: int
    own_ns: int
    overlap_ns: int

    def shares(self) -> dict[Part, float] | None:
        """Each part over the whole, adding up to 1; ``None`` of a turn that took no time."""
        if not self.total_ns:
            return None
        return {part: getattr(self, f"{part}_ns") / self.total_ns for part in PARTS}


class _Running:
    """Strictly private: one call during the sweep."""

    __slots__ = ("active", "below", "parent", "part")

    def __init__(self, part: Part) -> None:
        self.part = part
        self.parent: _Running | None = None
        self.active = False
        self.below = 0

    @property
    def innermost(self) -> bool:
        return self.active and not self.below


def turn_breakdown(nodes: Iterable[TraceNode], root_key: Hashable | None = None) -> TurnBreakdown | None:
    """Say where the time of a turn went.

    At each moment of the turn the innermost running calls tell what went on; a call is innermost while none below it
    runs. Of parallel calls of one part the moment counts once, of several parts in equal shares. Calls are cut to
    the turn's time. n log n in the number of calls.

    Args:
        nodes: The calls of the trace.
        root_key: Key of the turn's call, an agent's as a rule; the first node without a known parent otherwise.

    Returns:
        The breakdown; ``None`` when there is no such call.
    """
    by_key: dict[Hashable, TraceNode] = {}
    for node in nodes:
        by_key.setdefault(node.key, node)
    root = by_key.get(root_key) if root_key is not None else _first_root(by_key)
    if root is None:
        return None
    inside = by_key if root_key is None else _below(root, by_key)
    start_ns, end_ns = root.start_ns, root.start_ns + root.duration_ns
    return _sweep(_events(inside, start_ns, end_ns), start_ns, end_ns)


def _first_root(by_key: Mapping[Hashable, TraceNode]) -> TraceNode | None:
    return next((node for node in by_key.values() if node.parent_key not in by_key), None)


def _below(root: TraceNode, by_key: Mapping[Hashable, TraceNode]) -> dict[Hashable, TraceNode]:
    """The root and all below it."""
    children: dict[Hashable, list[TraceNode]] = {}
    for node in by_key.values():
        if node.parent_key is not None and node.key != root.key:
            children.setdefault(node.parent_key, []).append(node)
    found = {root.key: root}
    waiting = [root.key]
    while waiting:
        for child in children.pop(waiting.pop(), ()):
            found[child.key] = child
            waiting.append(child.key)
    return found


def _events(nodes: Mapping[Hashable, TraceNode], start_ns: int, end_ns: int) -> list[tuple[int, int, _Running]]:
    """Starts (1) and ends (0) within the turn, in time; a call that takes no time has none."""
    running = {key: _Running(node.part) for key, node in nodes.items()}
    events = []
    for position, (key, node) in enumerate(nodes.items()):
        entry = running[key]
        entry.parent = None if node.parent_key == key else running.get(node.parent_key)
        first, last = max(node.start_ns, start_ns), min(node.end_ns, end_ns)
        if first < last:
            events.append((first, 1, position, entry))
            events.append((last, 0, position, entry))
    events.sort(key=lambda event: event[:3])
    return [(time_ns, begins, entry) for time_ns, begins, _, entry in events]


def _sweep(events: list[tuple[int, int, _Running]], start_ns: int, end_ns: int) -> TurnBreakdown:
    times: dict[Part, int] = dict.fromkeys(PARTS, 0)
    innermost: dict[Part, int] = dict.fromkeys(PARTS, 0)
    overlap_ns = 0
    reached_ns = start_ns
    for time_ns, begins, entry in [*events, (end_ns, 0, None)]:
        length = time_ns - reached_ns
        if length:
            parts = [part for part in PARTS if innermost[part]] or ["own"]
            if len(parts) > 1:
                overlap_ns += length
            for number, part in enumerate(parts):
                # Whole nanoseconds: the first parts take what does not divide.
                times[part] += length // len(parts) + (number < length % len(parts))
        reached_ns = time_ns
        if entry is not None:
            _switch(entry, innermost, begins=bool(begins))
    return TurnBreakdown(end_ns - start_ns, times["model"], times["tools"], times["waiting"], times["own"], overlap_ns)


def _switch(entry: _Running, innermost: dict[Part, int], *, begins: bool) -> None:
    """A call begins or ends: it, and those above it as far as that concerns them, change places."""
    was_innermost, had_life = entry.innermost, entry.active or entry.below > 0
    entry.active = begins
    innermost[entry.part] += entry.innermost - was_innermost
    seen = {id(entry)}
    while (above := entry.parent) is not None and id(above) not in seen:
        has_life = entry.active or entry.below > 0
        if has_life == had_life:
            return
        seen.add(id(above))
        was_innermost, had_life = above.innermost, above.active or above.below > 0
        above.below += 1 if has_life else -1
        innermost[above.part] += above.innermost - was_innermost
        entry = above
