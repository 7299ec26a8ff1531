"""The agent: answers a question about the code in the index, one turn per question."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import otel_perf
from otel_perf.demo.source_code import Definition, read_file, words_of
from otel_perf.optimize.cached import cached
from otel_perf.optimize.rate_limiter import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from otel_perf.demo.dialogue import Dialogue
    from otel_perf.demo.library import Library

__all__ = ["Answer", "Librarian"]

SERVER_PATIENCE_SECONDS: Final = 0.25
"""The server's slow pages take up to 0.6 s: the agent gives up on some of them."""

SERVER_LIMIT: Final = TokenBucket("local server", rate_per_second=40, capacity=2)
"""The server asks to be asked no more often; who is too early waits."""

HITS: Final = 12
CONTEXT_LINES: Final = 40
MAX_WORDS: Final = 24
"""Words searched for; a longer question is cut, as a query of thousands of words is refused by SQLite."""

COMMON_WORDS: Final = frozenset(
    words_of(
        "a about all an and any are as at be by can do does for from get has have how i in into is it its many me of"
        " on one or several that the there this to use used using what when where which who why with"
    )
)

COUNT_LINES: Final = """\
import sys, tokenize as t
with t.open(sys.argv[1]) as file:
    print(len({token.start[0] for token in t.generate_tokens(file.readline)
               if token.type not in (t.COMMENT, t.NL, t.NEWLINE, t.INDENT, t.DEDENT, t.ENDMARKER)}))
"""
"""Counts lines of code, in a process of its own, without running the file."""


CACHE_BYTES: Final = 2 * 1024 * 1024
read_again = cached(name="files", max_entries=None, max_bytes=CACHE_BYTES)(read_file)
"""Reads a file that earlier questions have read as well, as long as there is room."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the agent found out.

    Attributes:
        question: The question.
        place: ``file:line``; None when nothing was found.
        name: What is defined there.
        summary: One or two sentences of its documentation.
        mentions: How many definitions mention it; None when the server did not say.
        code_lines: Lines of code in its file; None when they could not be counted.
    """

    question: str
    place: str | None = None
    name: str = ""
    summary: str = ""
    mentions: int | None = None
    code_lines: int | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A definition with its surroundings, as they stand in the file now."""

    definition: Definition
    text: str


class Librarian:
    """Answers questions with the help of its tools."""

    def __init__(self, folder: Path, library: Library, server_port: int, readers: Executor, dialogue: Dialogue) -> None:
        """Take what the tools work on: the folder and its index, the local server, threads to read with, the memory."""
        self._dialogue = dialogue
        self._folder = folder
        self._library = library
        self._port = server_port
        self._readers = readers

    async def answer(self, question: str, conversation_id: str) -> Answer:
        """Answer one question, as one turn of the agent ``librarian``."""
        async with otel_perf.agent("librarian", conversation_id=conversation_id):
            words = plan(question)
            hits = self.search(words)
            if not hits:
                return Answer(question)
            passages = await self._read_passages(hits)
            if not passages:
                return Answer(question)
            ranked = rank(passages, words)
            context = self._dialogue.prepare_context([passage.text for passage in ranked])
            best = ranked[0].definition
            async with asyncio.TaskGroup() as group:
                asking = group.create_task(self.consult(best.name.rpartition(".")[2]))
                counting = group.create_task(asyncio.to_thread(self._count_lines, best))
            summary = summarise(best.doc, words)
            self._dialogue.remember(question, context, f"{best.kind} {best.name}: {summary}")
            return Answer(
                question,
                place=f"{best.path}:{best.line}",
                name=f"{best.kind} {best.name}",
                summary=summary,
                mentions=asking.result(),
                code_lines=counting.result(),
            )

    @otel_perf.tool
    def search(self, words: Sequence[str]) -> list[Definition]:
        """Search for all words, then for each pair: what is found twice comes first."""
        found: Counter[Definition] = Counter()
        pairs = [words[number : number + 2] for number in range(len(words) - 1)]
        for attempt in [words, *pairs] if words else []:
            hits = self._library.query_index(attempt, HITS)
            found.update({hit: HITS - position for position, hit in enumerate(hits)})
        return [hit for hit, _ in found.most_common(HITS)]

    @otel_perf.tool
    async def consult(self, name: str) -> int | None:
        """Ask the server two things at once; what does not answer in time is left out."""
        replies = await asyncio.gather(
            ask_server(self._port, "mentions", name), ask_server(self._port, "reviews", name), return_exceptions=True
        )
        return next((reply for reply in replies if isinstance(reply, int)), None)

    async def _read_passages(self, hits: Sequence[Definition]) -> list[Passage]:
        loop = asyncio.get_running_loop()
        reading = [loop.run_in_executor(self._readers, read_passage, self._folder, hit) for hit in hits]
        read = await asyncio.gather(*reading, return_exceptions=True)
        # A file that has gone or changed since it was indexed is left out.
        return [passage for passage in read if isinstance(passage, Passage)]

    def _count_lines(self, found: Definition) -> int | None:
        try:
            return count_lines(self._folder / found.path)
        except (subprocess.SubprocessError, OSError, ValueError):
            return None


@otel_perf.tool
def plan(question: str) -> list[str]:
    """Choose the words to search for: those that carry the meaning, each once."""
    return list(dict.fromkeys(word for word in words_of(question) if word not in COMMON_WORDS))[:MAX_WORDS]


@otel_perf.tool
def read_passage(folder: Path, found: Definition) -> Passage:
    """Read a definition where it stands."""
    lines = read_again(folder / found.path).splitlines()
    return Passage(found, "\n".join(lines[found.line - 1 : found.line - 1 + CONTEXT_LINES]))


@otel_perf.tool
def rank(passages: Sequence[Passage], words: Sequence[str]) -> list[Passage]:
    """Order passages by how many of the words they are about; documented and public ones first, then as found."""

    def merit(position: int) -> float:
        passage = passages[position]
        found = passage.definition
        name, doc, text = set(words_of(found.name)), set(words_of(found.doc[:400])), set(words_of(passage.text))
        score = sum(3.0 * _near(word, name) + 2.0 * _near(word, doc) + _near(word, text) for word in words)
        private = any(part.startswith("_") for part in found.name.split("."))
        score += 3.0 * all(_near(word, set(words)) for word in name)
        score += 2.0 * bool(found.doc) - 3.0 * private - 0.5 * found.path.count("/") - 0.3 * len(name)
        return score - 0.3 * position

    return [passages[position] for position in sorted(range(len(passages)), key=merit, reverse=True)]


@otel_perf.tool
def summarise(doc: str, words: Sequence[str]) -> str:
    """Take the sentence that opens a docstring, and the one that has most of the words."""
    sentences = [" ".join(sentence.split()) for sentence in re.split(r"(?<=[.!?])\s+|\n\s*\n", doc) if sentence.strip()]
    if not sentences:
        return ""
    closest = max(sentences, key=lambda sentence: sum(_near(word, set(words_of(sentence))) for word in words))
    return sentences[0] if closest == sentences[0] else f"{sentences[0]} {closest}"


@otel_perf.tool
async def ask_server(port: int, page: str, name: str) -> int:
    """Ask the local server over HTTP.

    Raises:
        TimeoutError: It did not answer within ``SERVER_PATIENCE_SECONDS``.
    """
    await SERVER_LIMIT.aacquire()
    async with asyncio.timeout(SERVER_PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            request = f"GET /{page}?name={quote(name)} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
            writer.write(request.encode("ascii"))
            reply = await reader.read()
        finally:
            writer.close()
    return int(json.loads(reply.partition(b"\r\n\r\n")[2])["mentions"])


@otel_perf.tool
def count_lines(file: Path) -> int:
    """Count the lines of code of a file in a subprocess."""
    words = [sys.executable, "-I", "-S", "-c", COUNT_LINES, str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=10)
    return int(done.stdout)


def _near(word: str, words: set[str]) -> bool:
    """Whether a word is among the words, grammatical endings aside."""
    return word in words or any(_stem(word) == _stem(other) for other in words)


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s", "er", "e"):
        if word.endswith(ending) and len(word) - len(ending) > 2:  # noqa: PLR2004 - what is left must still be a word
            return word.removesuffix(ending)
    return word
