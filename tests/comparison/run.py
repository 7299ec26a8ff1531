"""Every fault, every subject: ``python -m tests.comparison.run --json FILE --markdown FILE``."""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

from otel_perf.bench.machine import describe_machine
from tests.comparison.arena import SUBJECTS, Row
from tests.comparison.faults import FAULTS, run
from tests.comparison.table import render

AT_ONCE = 3
"""Scripts that run at the same time: they mostly wait."""


def compare(faults: Sequence[str], subjects: Iterable[str], scale: float) -> list[Row]:
    """The rows, fault by fault."""
    cells = list(product(faults, subjects))
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        done = [
            (cell, pool.submit(run, *cell, Path(folder) / "-".join(cell), scale))
            for cell in sorted(cells, key=lambda cell: cell[0] not in ("outage_200", "exit_slow"))  # long ones first
        ]
        rows = {cell: future.result() for cell, future in done}
    return [rows[cell] for cell in cells]


def write(rows: Sequence[Row], scale: float, json_file: Path | None, markdown_file: Path | None) -> None:
    """Leave the result in files."""
    form: dict[str, Any] = {
        "format": "otel_perf.comparison",
        "version": 1,
        "machine": asdict(describe_machine()),
        "scale": scale,
        "rows": [{**asdict(row), "lost": row.lost} for row in rows],
    }
    for file, text in ((json_file, json.dumps(form, indent=2) + "\n"), (markdown_file, render(rows, scale=scale))):
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")


def main() -> None:
    """Compare, and show the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of all times; 1 for the published ones")
    parser.add_argument("--faults", nargs="*", choices=list(FAULTS), default=list(FAULTS))
    parser.add_argument("--subjects", nargs="*", choices=SUBJECTS, default=list(SUBJECTS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args()
    rows = compare(given.faults, given.subjects, given.scale)
    write(rows, given.scale, given.json, given.markdown)
    sys.stdout.write(render(rows, scale=given.scale))


if __name__ == "__main__":
    main()
