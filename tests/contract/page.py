"""The parts of ``docs/reliability.md`` that are made: the list of tests, the comparison, the figures.

``python -m tests.contract.page`` makes the list of tests anew. With ``--reports`` it also takes over the results that
``make soak`` has left in ``reports/``.
"""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.contract.catalogue import CATALOGUE
from tests.contract.scan import numbered_tests

REPOSITORY: Final = Path(__file__).resolve().parents[2]
PAGE: Final = REPOSITORY / "docs" / "reliability.md"
REPORTS: Final = REPOSITORY / "reports"
LONGEST_CELL: Final = 60


def with_part(page: str, name: str, text: str) -> str:
    """The page with the part ``name`` replaced.

    Raises:
        ValueError: The page has no place for it.
    """
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no place for {name}")
    return f"{before}{begin}\n{text.strip()}\n\n{end}{after}"


def list_of_tests() -> str:
    """Every fault, and its tests by file."""
    found = numbered_tests(REPOSITORY / "tests")
    lines = ["| Number | Fault | Tests |", "| --- | --- | --- |"]
    for number, fault in CATALOGUE.items():
        lines.append(f"| {number} | {fault} | {_by_file(found.get(number, [])) or 'open'} |")
    return "\n".join(lines)


def _by_file(names: list[str]) -> str:
    """``file: test, test; file``."""
    files: dict[str, list[str]] = {}
    for name in names:
        file, _, test = name.partition("::")
        files.setdefault(file, []).extend([test] if test else [])
    shown = [
        f"`{file}`" + (f": {', '.join(f'`{test}`' for test in tests)}" if tests else "")
        for file, tests in files.items()
    ]
    return "; ".join(shown)


def comparison() -> str:
    """The tables of the last comparison, with the machine."""
    form = json.loads((REPORTS / "comparison.json").read_text(encoding="utf-8"))
    machine = form["machine"]
    where = f"{machine['cpu']}, {machine['cores']} cores, {machine['python']}, SDK {machine['opentelemetry']}"
    scale = "" if form["scale"] == 1 else f" Times scaled by {form['scale']:g}."
    return f"Measured on {where}.{scale}\n\n{(REPORTS / 'comparison.md').read_text(encoding='utf-8')}"


def figures() -> str:
    """What the tests measured: the last run of each test and parameter set."""
    latest: dict[tuple[str, str], dict[str, Any]] = {}
    for line in (REPORTS / "figures.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["number"] in CATALOGUE:
            latest[entry["number"], entry["test"]] = entry["figures"]
    lines = ["| Number | Test | Measured |", "| --- | --- | --- |"]
    for (number, test), found in sorted(latest.items()):
        name = test.partition("::")[2]
        lines.append(f"| {number} | `{name}` | {'; '.join(_facts(found))} |")
    return "\n".join(lines)


def _facts(found: dict[str, Any], before: str = "") -> Iterator[str]:
    """``name value``, nested ones with their names joined."""
    for name, value in found.items():
        if isinstance(value, dict):
            yield from _facts(value, f"{before}{name} ")
        elif value is not None and (value or not before):  # of an account only what there is
            words = re.sub(r"[_\s]+", " ", f"{before}{name}").strip()
            shown = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
            yield f"{words} {shown[:LONGEST_CELL]}".replace("|", "\\|")


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", action="store_true", help="take over the results in reports/, too")
    page = with_part(PAGE.read_text(encoding="utf-8"), "tests", list_of_tests())
    if parser.parse_args().reports:
        if (REPORTS / "comparison.json").exists():
            page = with_part(page, "comparison", comparison())
        if (REPORTS / "figures.jsonl").exists():
            page = with_part(page, "figures", figures())
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
