"""1,000 real texts that every machine with Python has: code, prose, JSON, and sentences in many scripts."""

import ast
import json
import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distributions
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from tests.optimize.sample_sentences import SENTENCES

__all__ = ["PER_KIND", "real_texts"]

PER_KIND: Final = 250
LENGTHS: Final = (120, 400, 1_000, 2_500, 6_000)
"""Characters: from a short message to a page of source."""


@cache
def real_texts() -> tuple[tuple[str, str], ...]:
    """1,000 pairs of kind and text, 250 of each kind, the same in every run on one machine."""
    kinds = {"code": code(), "prose": prose(), "json": documents(), "scripts": scripts()}
    found = [(kind, text) for kind, texts in kinds.items() for text in islice(texts, PER_KIND)]
    assert len(found) == PER_KIND * len(kinds)
    return tuple(found)


def code() -> Iterator[str]:
    """Pieces of the standard library's source, one per file."""
    folder = Path(sysconfig.get_path("stdlib"))
    paths = [path for part in (".", "asyncio", "email", "json", "http", "logging", "concurrent", "importlib",
             "multiprocessing", "unittest", "xml", "ctypes", "collections", "urllib", "wsgiref", "html", "xmlrpc",
             "dbm", "curses", "tomllib", "zoneinfo", "sqlite3", "re") for path in sorted((folder / part).rglob("*.py"))
             if "test" not in str(path.relative_to(folder)) and "site-packages" not in path.parts]  # fmt: skip
    return pieces(path.read_text(encoding="utf-8", errors="replace") for path in dict.fromkeys(paths))


def prose() -> Iterator[str]:
    """Pieces of the language reference and of the read-me files of what is installed."""
    from pydoc_data.topics import topics

    texts = [text for _, text in sorted(topics.items())]
    texts += [str(entry.metadata.get_payload() or "") for entry in sorted(distributions(), key=lambda one: one.name)]
    return repeated(texts)


def documents() -> Iterator[str]:
    """What is known of installed packages, as JSON, dense and indented."""
    known = [dict(entry.metadata.json) for entry in sorted(distributions(), key=lambda one: one.name)]
    texts = []
    for number, facts in enumerate(known):
        facts.pop("description", None)
        texts.append(json.dumps(facts, indent=2 if number % 2 else None, separators=None if number % 3 else (",", ":")))
    files = [
        {"path": path, "size": entry.size, "hash": entry.hash.value if entry.hash else None}
        for one in sorted(distributions(), key=lambda one: one.name) for path in [one.name]
        for entry in islice(one.files or (), 40)
    ]  # fmt: skip
    texts.extend(json.dumps(files[start : start + 40], indent=None if start % 80 else 1) for start in range(0, 800, 40))
    yield from repeated(texts)
    yield from outlines()


def outlines() -> Iterator[str]:
    """What the standard library's modules define, as JSON: for machines on which little is installed."""
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8", errors="replace"))
        found = [
            {"name": node.name, "line": node.lineno, "arguments": [one.arg for one in node.args.args]}
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef)
        ]
        if found:
            yield json.dumps({"module": path.stem, "functions": found[:30]}, indent=len(found) % 3 or None)


def scripts() -> Iterator[str]:
    """One to five sentences of each script or language, in turn."""
    spans = [(first, count) for count in (1, 2, 3, 5) for first in range(5)]
    for first, count in spans:
        for sentences in SENTENCES.values():
            if first + count <= len(sentences):
                yield " ".join(sentences[first : first + count])


def pieces(texts: Iterator[str]) -> Iterator[str]:
    """One piece of each text, from its middle, of changing length."""
    for text, length in zip((text for text in texts if len(text) > min(LENGTHS)), cycle(LENGTHS), strict=False):
        start = max(0, (len(text) - length) // 2)
        yield text[start : start + length]


def repeated(texts: list[str]) -> Iterator[str]:
    """One piece of each text, then another one of each, until nothing new is left."""
    for shift in range(10):
        for position, text in enumerate(texts):
            length = LENGTHS[(position + shift) % len(LENGTHS)]
            piece = text[shift * length : (shift + 1) * length]
            if len(piece) >= min(LENGTHS) // 2:
                yield piece
