"""Writes ``docs/behaviour.md`` from the rows: ``python -m tests.behaviour.document``."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.behaviour.rows import AREAS
from tests.behaviour.table import Area, Row

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "behaviour.md"

HEAD: Final = """\
# Behaviour

<!-- Made by `python -m tests.behaviour.document`; a test compares. -->

What a tool call of otel_perf does, next to what a plain span of the OpenTelemetry SDK does around the same code. Each
row is a test that runs three times: with `tracer.start_as_current_span(...)`, with otel_perf on a provider of its own,
and with otel_perf on a provider that the application has set. "Same" means that one expectation holds for all three.

A tree such as `outer(first, second!(inner))` shows exported spans: children in brackets, siblings by name, `!` behind
a span whose status is `ERROR`.
"""


def document() -> str:
    """The whole file."""
    rows = [row for area in AREAS for row in area.rows]
    different = sum(row.why is not None for row in rows)
    counts = f"{len(rows)} rows: {len(rows) - different} the same, {different} different on purpose."
    return "\n".join([HEAD, counts, *(line for area in AREAS for line in section(area))]) + "\n"


def section(area: Area) -> Iterator[str]:
    """One table."""
    yield f"\n## {area.title}\n"
    yield "| behaviour | OpenTelemetry SDK | otel_perf | |"
    yield "| --- | --- | --- | --- |"
    for row in area.rows:
        yield f"| {cell(row.behaviour)} | {shown(row.sdk)} | {shown(row.ours)} | {verdict(row)} |"


def verdict(row: Row) -> str:
    """Same, or on purpose and why."""
    if row.why is None:
        return "same"
    own = "" if row.adopted == row.ours else " (on the application's own provider: as the SDK)"
    return f"on purpose: {cell(row.why)}{own}"


def shown(seen: object) -> str:
    """A thing seen, for a reader."""
    if isinstance(seen, tuple):
        return ", ".join(map(shown, seen))
    if isinstance(seen, list):
        return ", ".join(map(shown, seen)) or "none"
    if isinstance(seen, Mapping):
        return ", ".join(f"`{key}`: {shown(value)}" for key, value in seen.items()) or "none"
    return f"`{cell(str(seen))}`"


def cell(text: str) -> str:
    """Text that stays within its cell."""
    return text.replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
