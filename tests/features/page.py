"""``docs/features.md``: every promised feature and the tests that show it. ``python -m tests.features.page``."""

from pathlib import Path
from typing import Final

from tests.features.promised import PROMISED
from tests.features.scan import feature_tests

REPOSITORY: Final = Path(__file__).resolve().parents[2]
PAGE: Final = REPOSITORY / "docs" / "features.md"

HEAD: Final = """\
# Features and their tests

Made by `python -m tests.features.page` from the tests themselves; a test of its own holds it up to date. The numbers
are those of the promises that otel_perf took over from five older systems: system, then row. A feature is listed with
every test that shows it, and with what the test says.
"""


def page() -> str:
    """The whole page."""
    found = feature_tests(REPOSITORY / "tests")
    numbers = sorted({*PROMISED, *found})
    lines = [HEAD, "| Feature | Shown by | What the test says |", "| --- | --- | --- |"]
    for number in numbers:
        tests = found.get(number, [])
        if not tests:
            lines.append(f"| {number} | open | |")
        lines.extend(f"| {number} | `{test.test}` | {_cell(test.says)} |" for test in tests)
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("``", "`")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
