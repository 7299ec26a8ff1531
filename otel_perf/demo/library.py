"""The index: everything that was read, in an SQLite full-text table."""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING, Final, Self

import otel_perf
from otel_perf.demo.source_code import Definition, words_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

__all__ = ["Library"]

COLUMNS: Final = "path, line, kind, name, doc, body"
CREATE_FULL_TEXT: Final = (
    "CREATE VIRTUAL TABLE definitions USING fts5"
    "(path, line UNINDEXED, kind UNINDEXED, name UNINDEXED, doc, body UNINDEXED, words, tokenize = 'porter unicode61')"
)
CREATE_PLAIN: Final = "CREATE TABLE definitions (path, line, kind, name, doc, body, words)"
WEIGHTS: Final = "2.0, 0, 0, 0, 4.0, 0, 6.0"
"""A match in the name counts most, then one in the docstring, then one in the path."""


class Library:
    """An index in memory. Closed at the end of its ``with`` block; usable from several threads, one at a time."""

    def __init__(self, *, full_text: bool | None = None) -> None:
        """Make an empty index.

        Args:
            full_text: Use SQLite's FTS5; by default when this SQLite has it. Without it a search reads every row.
        """
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        self.full_text = _has_fts5(self._connection) if full_text is None else full_text
        self._connection.execute(CREATE_FULL_TEXT if self.full_text else CREATE_PLAIN)

    def __enter__(self) -> Self:
        """Return the index."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._connection.close()

    @otel_perf.tool
    def index(self, definitions: Sequence[Definition]) -> int:
        """Take in definitions; returns how many."""
        rows = [
            (found.path, found.line, found.kind, found.name, found.doc, found.body, " ".join(words_of(found.name)))
            for found in definitions
        ]
        with self._lock:
            self._connection.executemany("INSERT INTO definitions VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        return len(rows)

    @otel_perf.tool
    def query_index(self, words: Sequence[str], limit: int) -> list[Definition]:
        """Find the definitions that match any of the words, best first."""
        if self.full_text:
            condition = " OR ".join(f'"{word}"' for word in words)
            sql = f"SELECT {COLUMNS} FROM definitions WHERE definitions MATCH ? ORDER BY bm25(definitions, {WEIGHTS})"  # noqa: S608 - constants
            arguments = [condition]
        else:
            score = " + ".join(["(words LIKE ?) * 6 + (doc LIKE ?) * 4 + (path LIKE ?) * 2"] * len(words))
            sql = f"SELECT {COLUMNS} FROM definitions WHERE {score} > 0 ORDER BY {score} DESC"  # noqa: S608 - constants
            arguments = [f"%{word}%" for word in words for _ in range(3)] * 2
        with self._lock:
            rows = self._connection.execute(f"{sql} LIMIT ?", [*arguments, limit]).fetchall()
        return [Definition(*row) for row in rows]

    def mentions(self, name: str) -> int:
        """Count the definitions whose text mentions a name."""
        with self._lock:
            found = self._connection.execute("SELECT count(*) FROM definitions WHERE instr(body, ?)", [name])
            return int(found.fetchone()[0])

    def best_documented(self, count: int) -> list[str]:
        """Names of public classes and functions with the longest docstrings, for questions about any folder."""
        sql = (
            "SELECT name FROM definitions WHERE kind != 'module' AND name NOT LIKE '\\_%' ESCAPE '\\'"
            " AND instr(name, '.') = 0 GROUP BY name ORDER BY max(length(doc)) DESC, name LIMIT ?"
        )
        with self._lock:
            return [name for (name,) in self._connection.execute(sql, [count])]


def _has_fts5(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("CREATE VIRTUAL TABLE probe USING fts5(text)")
    except sqlite3.OperationalError:
        return False
    connection.execute("DROP TABLE probe")
    return True
