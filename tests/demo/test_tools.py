"""The tools of the demo's agent, one by one."""

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from otel_perf.demo.corpus import standard_library, walk
from otel_perf.demo.librarian import Passage, ask_server, count_lines, plan, rank, summarise
from otel_perf.demo.library import Library
from otel_perf.demo.local_server import LocalServer
from otel_perf.demo.progress import ProgressLines
from otel_perf.demo.source_code import Definition, parse, read_file, words_of

SOURCE = '''\
"""Files of a day."""

class TempFolder:
    """A folder that goes away."""

    async def remove(self):
        pass

def makeTempFolder(prefix): return TempFolder()
'''


def definition(name: str, doc: str = "", *, path: str = "a.py") -> Definition:
    """A function with this name and docstring."""
    return Definition(path, 1, "function", name, doc, f"def {name}(): ...")


@pytest.fixture(params=[True, False], ids=["full text", "plain table"])
def library(request: pytest.FixtureRequest) -> Iterator[Library]:
    """An index with FTS5, and one as it is where SQLite lacks it."""
    with Library(full_text=request.param) as made:
        yield made


def test_words_of_identifiers_and_prose() -> None:
    """Camel case, snake case, abbreviations and prose come apart into lower-case words."""
    assert words_of("parseHTMLFile2 read_line How's IO?") == "parse html file 2 read line how s io".split()  # noqa: SIM905


def test_parse_finds_definitions_with_their_lines() -> None:
    """Module, classes, methods and functions, where they stand."""
    found = [(each.kind, each.name, each.line, each.doc) for each in parse(SOURCE, "temp.py")]
    assert found == [
        ("module", "temp", 1, "Files of a day."),
        ("class", "TempFolder", 3, "A folder that goes away."),
        ("function", "TempFolder.remove", 6, ""),
        ("function", "makeTempFolder", 9, ""),
    ]


def test_natural_failures_are_exceptions(tmp_path: Path) -> None:
    """Bytes that are no text and text that is no Python fail as they do in any tool."""
    (tmp_path / "logo").write_bytes(b"\xff\xfe")
    with pytest.raises(UnicodeDecodeError):
        read_file(tmp_path / "logo")
    with pytest.raises(SyntaxError):
        parse("def half(:", "half.py")


def test_walk_is_bounded_and_leaves_tests_for_last(tmp_path: Path) -> None:
    """Caches, hidden repositories and big files are left out; what is over the limit is spread evenly."""
    for name in ("b.py", "a.py", "c.py", "tests/t.py", "__pycache__/a.pyc", ".git/config", "empty.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("" if name == "empty.py" else "x")
    (tmp_path / "big.py").write_text("#" * 600_000)
    names = [path.relative_to(tmp_path).as_posix() for path in walk(tmp_path, 99)]
    assert names == ["a.py", "b.py", "c.py", "tests/t.py"]
    assert len(walk(tmp_path, 2)) == 2
    with pytest.raises(FileNotFoundError):
        walk(tmp_path / "__pycache__" / "nothing", 5)


def test_standard_library_is_there() -> None:
    """The default folder holds the standard library."""
    assert (standard_library() / "tempfile.py").is_file()


def test_the_index_finds_names_before_prose(library: Library) -> None:
    """A match in the name comes before one in the docstring; nothing matches nothing."""
    prose = definition("other", "Make something temporary.")
    named = definition("make_temporary_folder", "Do it.")
    assert library.index([prose, named, definition("unrelated")]) == 3
    assert library.query_index(["temporary"], 5) == [named, prose]
    assert library.query_index(["temporary"], 1) == [named]
    assert library.query_index(["zeppelin"], 5) == []


def test_the_index_counts_mentions_and_finds_the_documented(library: Library) -> None:
    """Mentions are counted in the text; public names with the longest documentation come first."""
    library.index([definition("short", "A."), definition("long", "A long one."), definition("_hidden", "A" * 99)])
    assert library.mentions("long") == 1
    assert library.mentions("def") == 3
    assert library.best_documented(2) == ["long", "short"]


def test_plan_keeps_the_words_that_matter() -> None:
    """Small words go, each other word comes once."""
    assert plan("How do I make a temporary, temporary folder?") == ["make", "temporary", "folder"]
    assert len(plan(" ".join(f"{chr(97 + n % 26)}word{'x' * n}" for n in range(500)))) == 24


def test_rank_prefers_public_documented_and_close() -> None:
    """The definition that is about the words comes first, whatever the index thought."""
    words = ["close", "file"]
    hidden = definition("_close_file", "Close a file.")
    distant = definition("walk", "Walk.")
    wanted = definition("close_files", "Close all files.")
    ranked = rank([Passage(each, each.body) for each in (distant, hidden, wanted)], words)
    assert [passage.definition for passage in ranked] == [wanted, hidden, distant]


@pytest.mark.parametrize(
    ("doc", "summary"),
    [
        ("", ""),
        ("One line", "One line"),
        ("First. Second is about\n    files. Third.", "First. Second is about files."),
        ("Files first. Then more.", "Files first."),
    ],
)
def test_summary_is_taken_from_the_text(doc: str, summary: str) -> None:
    """The opening sentence, and the closest one when it is another."""
    assert summarise(doc, ["file"]) == summary


def test_server_answers_or_is_too_slow() -> None:
    """A quick page answers; a slow one runs into the agent's patience as a ``TimeoutError``."""
    with LocalServer(lambda name: 1000 if name == "much" else 2) as server:
        assert asyncio.run(ask_server(server.port, "mentions", "much")) == 1000
        assert asyncio.run(ask_server(server.port, "reviews", "little")) == 2
        with pytest.raises(TimeoutError):
            asyncio.run(ask_server(server.port, "reviews", "much"))


def test_lines_of_code_are_counted_in_a_process(tmp_path: Path) -> None:
    """Comments and blank lines are not code."""
    file = tmp_path / "code.py"
    file.write_text("# comment\n\nx = 1\ny = (1,\n     2)\n")
    assert count_lines(file) == 3


def test_progress_is_plain_without_a_terminal() -> None:
    """A line for each stage and each quarter; no control sequence."""
    out = io.StringIO()
    with ProgressLines(Console(file=out, width=80)) as progress:
        progress.stage("Reading [bold]x[/bold]")
        for done in range(1, 1001):
            progress.step(done, 1000)
    assert out.getvalue() == (
        "Reading [bold]x[/bold] ...\n  250 of 1,000\n  500 of 1,000\n  750 of 1,000\n  1,000 of 1,000\n"
    )


def test_progress_is_a_bar_on_a_terminal() -> None:
    """On a terminal the stage is drawn in place, its name as text, and removed at the end."""
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system=None, legacy_windows=False)
    with ProgressLines(console) as progress:
        progress.stage("Reading")
        progress.step(1, 2)
        progress.step(2, 2)
    assert "Reading" in out.getvalue()
    assert "2/2" in out.getvalue()
