"""Other people's code works with our span current: contrib's instrumentations, and the processors of two other SDKs.

It runs in an environment of its own, since the contrib packages pin the SDK that they were made for.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent
REPOSITORY = FOLDER.parents[1]


def run(python: Path, program: str, *arguments: str) -> dict[str, Any]:
    """Run a program in the other environment; what it printed."""
    done = subprocess.run(
        [str(python), str(FOLDER / program), *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="module")
def instrumented(foreign_python: Path) -> dict[str, Any]:
    """One run under the instrumentations."""
    return run(foreign_python, "instrumented_program.py")


def span(result: dict[str, Any], name: str) -> dict[str, Any]:
    """The first span called ``name``."""
    found: dict[str, Any] = next(each for each in result["spans"] if each["name"] == name)
    return found


@pytest.mark.parametrize("client", ["requests", "httpx"])
def test_http_clients_are_children_of_the_tool(instrumented: dict[str, Any], client: str) -> None:
    """The client's span is below the tool's, and the request carries the client span's ids, sampled."""
    tool = span(instrumented, f"execute_tool with_{client}")
    request = next(
        each
        for each in instrumented["spans"]
        if each["scope"] == f"opentelemetry.instrumentation.{client}" and each["parent"] == tool["id"]
    )

    version, trace, parent, flags = instrumented["seen"][client].split("-")

    assert (version, trace, parent) == ("00", tool["trace"], request["id"])
    assert int(flags, 16) & 1 == 1


def test_an_async_client_is_a_child_of_the_coroutine(instrumented: dict[str, Any]) -> None:
    """Httpx inside an async tool has the tool as its parent."""
    assert any(
        each["name"] == "GET" and each["parent"] == instrumented["seen"]["asyncio"] for each in instrumented["spans"]
    )


def test_a_log_line_carries_the_ids_of_the_tool(instrumented: dict[str, Any]) -> None:
    """The logging instrumentation finds our span."""
    tool = span(instrumented, "execute_tool with_logging")

    assert instrumented["log"]["inside"] == [tool["trace"], tool["id"]]
    assert instrumented["seen"]["logging"] == tool["id"]


def test_threads_and_pools_keep_the_parent(instrumented: dict[str, Any]) -> None:
    """With the threading instrumentation too, each call is there once, below the tool that started it."""
    found = [each for each in instrumented["spans"] if each["name"] == "execute_tool in_thread"]

    assert [each["parent"] for each in found] == [instrumented["seen"]["threads"]] * 2


def test_tasks_keep_the_parent(instrumented: dict[str, Any]) -> None:
    """With the asyncio instrumentation, gathered calls are siblings below the coroutine that gathered them."""
    found = [each for each in instrumented["spans"] if each["name"] == "execute_tool in_task"]

    assert [each["parent"] for each in found] == [instrumented["seen"]["asyncio"]] * 2


def test_everything_is_accounted_for(instrumented: dict[str, Any]) -> None:
    """The ledger balances, nothing of ours failed, and all spans are one trace."""
    assert instrumented["balanced"] is True
    assert instrumented["internal_errors"] == {}
    assert len({each["trace"] for each in instrumented["spans"]}) == 1


@pytest.mark.parametrize("langfuse_is_set_up", ["before", "after"])
def test_langfuse_and_sentry_see_every_tool_span_once(foreign_python: Path, langfuse_is_set_up: str) -> None:
    """Whoever comes first, both get whole traces with our spans in them, and so does our own exporter."""
    result = run(foreign_python, "processors_program.py", langfuse_is_set_up)
    names = ["execute_tool inner", "execute_tool inner", "execute_tool outer", "generation", "invoke_agent turn"]

    assert result["provider"] == ("adopted" if langfuse_is_set_up == "before" else "owned")
    assert result["spans"] == "sdk"
    assert sorted(result["ours"]) == names
    assert sorted(result["langfuse"]) == names
    (transaction,) = result["sentry"]
    assert transaction["transaction"] == "invoke_agent turn"
    assert sorted(transaction["spans"]) == names[:4]
    assert result["calls"] == 4
    assert result["balanced"] is True
    assert result["internal_errors"] == {}
