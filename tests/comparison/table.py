"""The rows of the comparison as Markdown, and what each fault is in words."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from tests.comparison.arena import SUBJECTS, Row

__all__ = ["FAULT_TEXTS", "render"]

HEADINGS: Final[Mapping[str, str]] = {
    "sdk": "SDK, batch processor, OTLP/HTTP exporter",
    "otel_perf": "otel_perf",
    "collector": "SDK → local collector with `file_storage`",
}

FAULT_TEXTS: Final[Mapping[str, str]] = {
    "exit_healthy": "exit with 2,000 calls queued, backend healthy",
    "exit_refused": "exit with 2,000 calls queued, connection refused",
    "exit_black_hole": "exit with 2,000 calls queued, backend accepts and never answers",
    "exit_slow": "exit with 2,000 calls queued, backend takes 5 s for each answer",
    "sigterm": "SIGTERM with 100 calls queued (otel_perf: `handle_sigterm=True`)",
    "outage_10": "outage of {outage:g} s at 10 calls/s",
    "outage_200": "outage of {outage:g} s at 200 calls/s",
    "redirect": "307 to another address",
    "too_large": "413 for requests above 20,000 bytes",
    "poison_encode": "one of 100 spans cannot be encoded",
    "poison_backend": "one of 100 spans is refused by the backend with 400",
    "fork": "100 calls, then 10 in a forked child: the counter at the backend",
    "restart_process": "process restarted",
    "restart_container": "container restarted without a volume (the collector in a container of its own)",
    "restart_node": "node restarted, disk kept",
    "lost_node": "node lost with its disk",
}
RESTARTS: Final = ("restart_process", "restart_container", "restart_node", "lost_node")
CHILD_CALLS: Final = 10


def render(rows: Iterable[Row], *, scale: float) -> str:
    """Two tables: faults, and restarts in the middle of an outage."""
    by_cell = {(row.fault, row.subject): row for row in rows}
    faults = [fault for fault in FAULT_TEXTS if any(found == fault for found, _ in by_cell)]
    plain = _table("fault", [fault for fault in faults if fault not in RESTARTS], by_cell, _cell, scale)
    restarts = _table(
        "kill -9 during an outage, at 100 calls/s, then",
        [fault for fault in faults if fault in RESTARTS],
        by_cell,
        _restart_cell,
        scale,
    )
    return f"{plain}\n{restarts}" if restarts else plain


def _table(
    corner: str,
    faults: list[str],
    by_cell: Mapping[tuple[str, str], Row],
    cell: Callable[[Row], str],
    scale: float,
) -> str:
    if not faults:
        return ""
    lines = [
        f"| {corner} | " + " | ".join(HEADINGS[subject] for subject in SUBJECTS) + " |",
        "|" + " --- |" * (len(SUBJECTS) + 1),
    ]
    for fault in faults:
        found = [by_cell.get((fault, subject)) for subject in SUBJECTS]
        cells = [cell(row) if row is not None else "not run" for row in found]
        lines.append(f"| {FAULT_TEXTS[fault].format(outage=60 * scale)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(row: Row) -> str:
    parts = [_losses(row)]
    if row.counted is not None:
        parts = [f"{row.counted:,}" if row.counted == row.calls + CHILD_CALLS else f"**{row.counted:,}**"]
    elif row.exit_seconds is not None and row.fault.startswith("exit"):
        parts.append(f"exit {row.exit_seconds:.1f} s")
    if row.doubled:
        parts.append(f"{row.doubled:,} doubled" + (", told as uncertain" if row.doubled == row.uncertain else ""))
    return "; ".join(parts)


def _losses(row: Row) -> str:
    """What never arrived, and whether anybody was told how much that is."""
    if not row.lost:
        return f"0 of {row.calls:,} lost"
    unsure = f" ({row.uncertain:,} told as uncertain)" if row.uncertain else ""
    how = "told with the number" if row.told else "told without a number" if row.said else "in silence"
    return f"**{row.lost:,}** of {row.calls:,} lost{unsure}, {how}"


def _restart_cell(row: Row) -> str:
    return f"{row.arrived:,} of {row.calls:,} arrive" + (f"; {row.doubled:,} doubled" if row.doubled else "")
