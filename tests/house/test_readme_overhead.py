"""The cost table of the README is the one that the benchmark made."""

import runpy
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_readme_shows_the_measured_table() -> None:
    """README and docs/overhead.md come from one run."""
    with_tables = runpy.run_path(str(REPOSITORY / ".ci" / "readme_overhead.py"))["with_tables"]
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")

    assert with_tables(readme, (REPOSITORY / "docs/overhead.md").read_text(encoding="utf-8")) == readme
    assert "| otel_perf |" in readme
