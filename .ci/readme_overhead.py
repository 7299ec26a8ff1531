"""Copy the overhead tables of docs/overhead.md into the README: ``python .ci/readme_overhead.py``.

Both are made by one run of ``otel-perf overhead --markdown docs/overhead.md``; a test compares them.
"""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
BEGIN = "<!-- overhead: made by `otel-perf overhead --markdown`, see docs/overhead.md -->\n"
END = "<!-- /overhead -->\n"
SECTIONS = ("## On the calling thread", "## In the whole process")


def tables(overhead: str) -> str:
    """The machine, and the two tables that say what a call costs."""
    machine = overhead.split("\n\n")[1].removeprefix("Made by `otel-perf overhead --markdown`. ")
    parts = [f"Measured with `make bench` on: {machine} [All figures and budgets](docs/overhead.md)."]
    parts += [overhead.partition(section + "\n\n")[2].partition("\n## ")[0].strip() for section in SECTIONS]
    return "\n\n".join(parts) + "\n"


def with_tables(readme: str, overhead: str) -> str:
    """The README with the tables between the marks."""
    before, rest = readme.split(BEGIN)
    return before + BEGIN + "\n" + tables(overhead) + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    path = REPOSITORY / "README.md"
    made = with_tables(path.read_text(encoding="utf-8"), (REPOSITORY / "docs/overhead.md").read_text(encoding="utf-8"))
    path.write_text(made, encoding="utf-8")
