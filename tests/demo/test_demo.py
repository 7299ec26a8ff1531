"""``otel-perf demo`` from end to end, over a small folder."""

import json
import os
import re
from pathlib import Path

import pytest

from tests.cli.command import python
from tests.sinks.http_sink import HttpSink

DEMO = ("-m", "otel_perf", "demo")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder of code with a file that does not decode and one that does not parse."""
    folder = tmp_path / "shop"
    (folder / "tests").mkdir(parents=True)
    (folder / "orders.py").write_text(
        '"""Orders of customers."""\n\n\n'
        'class OrderBook:\n    """Keep the orders of a day.\n\n    More words.\n    """\n\n'
        '    def cancel(self, number):\n        """Cancel an order before it is shipped."""\n        return number\n'
    )
    (folder / "stock.py").write_text(
        'def count_items(shelf):\n    """Count the items on a shelf."""\n    return shelf\n'
    )
    (folder / "tests" / "test_stock.py").write_text("def test_nothing():\n    pass\n")
    (folder / "logo.bin").write_bytes(b"\x89PNG\xff\xfe")
    (folder / "broken.py").write_text("def half(:\n")
    return folder


def test_answers_are_real_and_everything_is_accounted_for(shop: Path, tmp_path: Path) -> None:
    """Answers with their places, the natural failures, a balanced ledger, a measured cost."""
    words = ["--json", "--folder", str(shop), "--question", "How do I cancel an order?", "--question", "Count a shelf?"]
    done = python([*DEMO, *words], tmp_path)
    assert done.returncode == 0, done.stderr
    form = json.loads(done.stdout)
    assert [answer["place"] for answer in form["answers"]] == ["orders.py:10", "stock.py:1"]
    assert form["answers"][0]["summary"] == "Cancel an order before it is shipped."
    assert form["answers"][0]["code_lines"] == 6
    assert form["files"] == 4
    summary = form["summary"]
    tools = {tool["name"]: tool for tool in summary["tools"]}
    assert tools["read_file"]["errors_by_type"] == {"UnicodeDecodeError": 1}
    assert tools["parse"]["errors_by_type"] == {"SyntaxError": 1}
    assert tools["librarian"]["kind"] == "agent"
    assert tools["librarian"]["count"] == 2
    assert summary["calls"]["balanced"] is True
    assert summary["calls"]["calls"] == sum(tool["count"] for tool in summary["tools"])
    assert summary["overhead"]["app_ns_per_call"] > 0
    assert {trace["name"] for trace in summary["slowest"]} == {"librarian"}
    assert (
        sum(segment["self_ns"] for segment in summary["slowest"][0]["segments"])
        == (summary["slowest"][0]["duration_ns"])
    )


def test_nesting_is_that_of_the_code(shop: Path, tmp_path: Path) -> None:
    """Threads, tasks and blocks keep their callers: every tool stands below the one that called it."""
    done = python([*DEMO, "--json", "--folder", str(shop), "--question", "order"], tmp_path)

    def paths(nodes: list[dict[str, object]], above: str = "") -> set[str]:
        found = set()
        for node in nodes:
            path = f"{above}/{node['name']}"
            children = node["children"]
            assert isinstance(children, list)
            found |= {path} | paths(children, path)
        return found

    assert paths(json.loads(done.stdout)["summary"]["tree"]) == {
        "/read the folder/indexer",
        "/read the folder/indexer/walk",
        "/read the folder/indexer/load_file",
        "/read the folder/indexer/load_file/read_file",
        "/read the folder/indexer/load_file/parse",
        "/read the folder/indexer/index",
        "/read the folder",
        "/load the tokenizer",
        "/librarian",
        "/librarian/plan",
        "/librarian/prepare_context",
        "/librarian/remember",
        "/librarian/search",
        "/librarian/search/query_index",
        "/librarian/read_passage",
        "/librarian/read_passage/read_file",
        "/librarian/rank",
        "/librarian/consult",
        "/librarian/consult/ask_server",
        "/librarian/count_lines",
        "/librarian/summarise",
    }


def test_picture_and_progress(shop: Path, tmp_path: Path) -> None:
    """Progress goes to standard error in plain lines, the picture to standard output; questions fit the folder."""
    done = python([*DEMO, "--folder", str(shop)], tmp_path)
    assert done.returncode == 0
    assert f"Reading {shop} ..." in done.stderr
    assert "Answering " in done.stderr
    for part in (
        "What does OrderBook do?",
        "orders.py:4 class OrderBook",
        "Call tree ",
        "Critical path of the slowest",
    ):
        assert part in done.stdout
    for part in (r"Errors +", r"Ledger +\d+ calls = \d+ recorded", r"Sent +nothing", r"Overhead +calling thread \d"):
        assert re.search(f"^{part}", done.stdout, re.MULTILINE), part
    assert "\x1b" not in done.stdout + done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_what_was_measured_is_shown(shop: Path, tmp_path: Path) -> None:
    """Cache, compression, tokens, conversation, rate limit, operations, machine and process, with the run's numbers."""
    questions = [word for number in range(30) for word in ("--question", f"How do I cancel order {number}?")]
    done = python([*DEMO, "--folder", str(shop), *questions], tmp_path)
    assert done.returncode == 0, done.stderr
    for line in (
        r"Cache +files: [\d,]+ look-ups, \d+\.\d % hits, \d+ entr",
        r"Compression +context: 30 texts, [\d,]+ tokens to [\d,]+",
        r"Tokens +extractive-summary: [\d,]+ input, [\d,]+ output, (counted|estimated) \(",
        r"Conversation +librarian: [1-9]\d* trims?, [1-9]\d* messages removed",
        r"Rate limit +local server: 60 checks, 0 denied",
        r"Operations +read the folder: 1 time, .* on average",
        r"System +(CPU|memory) \d",
        r"Process +.*memory \d",
    ):
        assert re.search(f"^{line}", done.stdout, re.MULTILINE), f"{line}\n{done.stdout}"


def test_questions_without_an_answer(shop: Path, tmp_path: Path) -> None:
    """Nothing found is said; a question of nothing but small words is no error."""
    words = ["--folder", str(shop), "--question", "zeppelin?", "--question", "how is it?", "--question", "'\"*; --"]
    done = python([*DEMO, *words], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("nothing found") == 3


def test_limit_bounds_the_files(shop: Path, tmp_path: Path) -> None:
    """``--limit`` bounds what is read, tests last."""
    done = python([*DEMO, "--json", "--folder", str(shop), "--limit", "2", "--question", "order"], tmp_path)
    tools = {tool["name"]: tool["count"] for tool in json.loads(done.stdout)["summary"]["tools"]}
    assert tools["load_file"] == 2


def test_sends_every_span_to_an_endpoint(shop: Path, tmp_path: Path) -> None:
    """What arrives at the endpoint is what the ledger says, and the calls that measure the cost are not in it."""
    sink = HttpSink()
    try:
        words = ["--json", "--folder", str(shop), "--question", "order", "--endpoint", sink.url]
        done = python([*DEMO, *words], tmp_path)
        arrived = sum(sink.span_names.values())
        names = set(sink.span_names)
    finally:
        sink.close()
    summary = json.loads(done.stdout)["summary"]
    spans = [balance for balance in summary["destinations"] if balance["signal"] == "traces"]
    assert arrived == spans[0]["exported"] == summary["calls"]["span_recorded"] == summary["calls"]["calls"]
    assert "invoke_agent librarian" in names
    assert not any("own_cost" in name for name in names)


@pytest.mark.parametrize("what", ["missing", "empty", "file"])
def test_a_folder_that_will_not_do_is_one_line(tmp_path: Path, what: str) -> None:
    """What is wrong with the folder, and what to do; no traceback."""
    folder = tmp_path / what
    if what == "empty":
        folder.mkdir()
    if what == "file":
        folder.write_text("x")
    done = python([*DEMO, "--folder", str(folder)], tmp_path)
    lines = [line for line in done.stderr.splitlines() if line.startswith("otel-perf")]
    assert (done.returncode, done.stdout) == (1, "")
    assert len(lines) == 1
    assert str(folder) in lines[0]
    assert "--folder" in lines[0]
    assert "Traceback" not in done.stderr


def test_nothing_is_left_behind(shop: Path, tmp_path: Path) -> None:
    """The demo leaves the folder that it read as it was."""
    before = sorted(os.walk(shop))
    done = python([*DEMO, "--folder", str(shop), "--question", "order"], tmp_path)
    assert done.returncode == 0
    assert sorted(os.walk(shop)) == before
