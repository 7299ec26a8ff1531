"""What each technique saves on real text, and its time: ``python -m tests.optimize.compression_table`` writes the docs.

Sizes come from one run per text with a tokenizer (or the estimator, which the table then says); times are processor
time, the median of the rounds, without the counting of tokens.
"""

import json
import platform
import statistics
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from time import thread_time
from typing import Final, NamedTuple

from otel_perf.optimize.compression import Compressor
from otel_perf.optimize.techniques.catalogue import PIPELINES, TECHNIQUES
from otel_perf.optimize.techniques.technique import byte_size
from otel_perf.optimize.token_counter import TokenCounter
from otel_perf.optimize.tokens import counter_for

ROUNDS: Final = 10
MEGABYTE: Final = 1_000_000
REPOSITORY: Final = Path(__file__).resolve().parents[2]
DOCUMENT: Final = REPOSITORY / "docs" / "compression.md"
PARTS: Final = ("techniques", "table")
NAMES: Final = (*TECHNIQUES, "lossless", "comprehensive")
MODULES: Final = ("argparse", "ast", "bdb", "calendar", "configparser", "copy", "gzip", "heapq", "queue", "selectors")


class Bytes:
    """Counts bytes: what costs nothing beside a technique."""

    name = "bytes"
    estimated = False

    def count(self, text: str) -> int:
        """UTF-8 bytes."""
        return byte_size(text)


class Row(NamedTuple):
    """One technique on the texts of one kind."""

    technique: str
    lossless: bool
    applied: int
    bytes_ratio: float
    tokens_ratio: float
    seconds_per_megabyte: float


def texts() -> dict[str, list[str]]:
    """Real texts by kind: what this machine has anyway."""
    library = Path(sysconfig.get_path("stdlib"))
    source = [(library / f"{name}.py").read_text(encoding="utf-8") for name in MODULES]
    documents = [
        path.read_text(encoding="utf-8") for path in sorted((*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")))
    ]
    return {"Python": source, "JSON": list(answers(library)), "log": list(logs()), "Markdown": documents}


def answers(library: Path) -> Iterator[str]:
    """Facts as an API would answer with them: files of the library, installed packages; indented and dense."""
    files = [
        {"name": path.name, "type": path.suffix or None, "size": path.stat().st_size, "error": None}
        for path in sorted(library.iterdir())
    ]
    yield json.dumps({"total": len(files), "next_page": None, "items": files}, indent=2)
    known = [dict(entry.metadata.json) for entry in sorted(distributions(), key=lambda one: one.name)]
    packages = [{name: facts.get(name) for name in ("name", "version", "summary", "license", "requires_dist")}
                for facts in known]  # fmt: skip
    yield json.dumps({"packages": packages}, indent=2)
    yield json.dumps(packages)


def logs() -> Iterator[str]:
    """What the interpreter says of its imports."""
    for flags in (("-v",), ("-X", "importtime")):
        command = [sys.executable, "-I", *flags, "-c", "import asyncio, email.message, json, logging.config"]
        yield subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stderr


def measured(kinds: Mapping[str, Sequence[str]], counter: TokenCounter, rounds: int = ROUNDS) -> dict[str, list[Row]]:
    """One row per technique and kind."""
    return {kind: [measure(name, known, counter, rounds) for name in NAMES] for kind, known in kinds.items()}


def measure(name: str, known: Sequence[str], counter: TokenCounter, rounds: int) -> Row:
    """One technique over all texts of one kind, each for itself."""
    results = [Compressor(name, counter=counter).compress(text) for text in known]
    compressor = Compressor(name, counter=Bytes())
    size = sum(result.bytes_before for result in results)
    return Row(
        technique=name,
        lossless=all(step.lossless for step in PIPELINES[name][0]) if name in PIPELINES else TECHNIQUES[name].lossless,
        applied=sum(bool(result.applied) for result in results),
        bytes_ratio=sum(result.bytes_after for result in results) / size,
        tokens_ratio=sum(result.tokens_after for result in results) / sum(result.tokens_before for result in results),
        seconds_per_megabyte=statistics.median(timed(compressor, known) for _ in range(rounds)) / size * MEGABYTE,
    )


def timed(compressor: Compressor, known: Iterable[str]) -> float:
    """Seconds of processor time for all texts."""
    start = thread_time()
    for text in known:
        compressor.compress(text)
    return thread_time() - start


def table(kinds: Mapping[str, Sequence[str]], counter: TokenCounter, rounds: int = ROUNDS) -> str:
    """The text between the markers."""
    rows = measured(kinds, counter, rounds)
    counted = f"{counter.name}{' (estimated)' if counter.estimated else ''}"
    python = f"CPython {platform.python_version()}, {platform.machine()}"
    lines = [f"Tokens: {counted}. Time: processor time, median of {rounds} runs, {python}."]
    for kind, found in rows.items():
        known = kinds[kind]
        size, tokens = sum(map(byte_size, known)), sum(map(counter.count, known))
        lines += [
            "",
            f"### {kind}: {len(known)} texts, {size:,} bytes, {tokens:,} tokens",
            "",
            "| technique | lossless | texts changed | bytes left | tokens left | ms per MB |",
            "| --- | --- | ---: | ---: | ---: | ---: |",
        ]
        lines += [
            f"| {row.technique} | {'yes' if row.lossless else 'no'} | {row.applied} | {row.bytes_ratio:.1%} | "
            f"{row.tokens_ratio:.1%} | {row.seconds_per_megabyte * 1000:.0f} |"
            for row in found
        ]
    return "\n".join(lines)


def techniques() -> str:
    """What each technique does, in its own words."""
    rows = [f"| `{one.name}` | {one.fidelity} | {one.methodology} |" for one in TECHNIQUES.values()]
    return "\n".join(("| technique | keeps | what it does |", "| --- | --- | --- |", *rows))


def with_part(document: str, name: str, content: str) -> str:
    """The document with new text between the markers of one part."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = document.split(begin)
    after = rest.split(end)[1]
    return f"{before}{begin}\n{content}\n{end}{after}"


def main() -> None:
    """Measure, print, write."""
    measured_table = table(texts(), counter_for("o200k_base"))
    document = DOCUMENT.read_text(encoding="utf-8")
    for name, content in zip(PARTS, (techniques(), measured_table), strict=True):
        document = with_part(document, name, content)
    DOCUMENT.write_text(document, encoding="utf-8")
    print(measured_table)


if __name__ == "__main__":
    main()
