"""The recorded object behind the picture."""

import json

from otel_perf.core.ledger import CallBalance
from otel_perf.reports.run_json import to_json
from otel_perf.reports.run_summary import OpenCall, Overhead, PathStep, RunSummary, TracePath
from tests.reports.runs import MS, NOTHING, Run, full_run, trace


def test_steps_fold_segments_of_one_name() -> None:
    """Four reads one after the other are one step of four; the own times add up to the trace's duration."""
    reads = [(10 + number, 1, "read", 100 + number * 100, 200 + number * 100) for number in range(4)]
    root = TracePath.of(trace([(1, None, "turn", 0, 600), (2, 1, "search", 50, 100), *reads])).steps()
    assert root == PathStep(
        "turn", 0, 1, 150 * MS, (PathStep("search", 1, 1, 50 * MS, ()), PathStep("read", 1, 4, 400 * MS, ()))
    )


def test_direct_recursion_is_one_step() -> None:
    """A tool that calls itself is one step that counts its calls."""
    root = TracePath.of(trace([(1, None, "f", 0, 90), (2, 1, "f", 10, 80), (3, 2, "f", 20, 70)])).steps()
    assert root == PathStep("f", 0, 3, 90 * MS, ())


def test_deep_mutual_recursion_ends_in_the_last_level() -> None:
    """A path of 3,000 levels folds into 32, and loses no time."""
    deep = [(level, level - 1 if level else None, "ab"[level % 2], level, 9000 - level) for level in range(3000)]
    step = root = TracePath.of(trace(deep)).steps()
    assert root is not None
    levels, time_ns = 0, 0
    while step is not None:
        levels, time_ns = levels + 1, time_ns + step.self_ns
        step = step.children[0] if step.children else None
    assert (levels, time_ns) == (32, 9000 * MS)


def test_a_truncated_trace_counts_what_is_missing() -> None:
    """Spans that were not kept are part of the number of spans, and said to be left out."""
    path = TracePath.of(trace([(1, None, "turn", 0, 5)], left_out=7))
    assert (path.spans, path.left_out) == (8, 7)


def test_a_trace_without_calls_has_no_steps() -> None:
    """An empty path is no path, not a step of nothing."""
    assert TracePath("turn", 0, "ok", 0, 0, ()).steps() is None


def test_open_calls_come_oldest_first() -> None:
    """The call that hangs longest is named first."""
    calls = [OpenCall("young", 1.0), OpenCall("old", 60.0)]
    summary = RunSummary.build(
        tree=(), tools=(), slowest=(), calls=CallBalance(0, 0, 0, 0, 0), open_calls=calls, elapsed_seconds=None
    )
    assert [call.name for call in summary.open_calls] == ["old", "young"]


def test_share_of_the_worker_is_absent_when_one_part_is() -> None:
    """A share is computed from two measured numbers, or not at all."""
    assert Overhead(worker_cpu_seconds=1.0).worker_cpu_share is None
    assert Overhead(process_cpu_seconds=1.0).worker_cpu_share is None
    assert Overhead(worker_cpu_seconds=0.0, process_cpu_seconds=4.0).worker_cpu_share == 0.0
    assert Overhead(worker_cpu_seconds=1.0, process_cpu_seconds=4.0).worker_cpu_share == 0.25


def test_json_says_everything_with_units() -> None:
    """The JSON form has the fields of the summary, the derived judgements, and a version."""
    form = json.loads(to_json(full_run()))
    assert (form["format"], form["version"]) == ("otel_perf.run_summary", 1)
    assert form["calls"]["balanced"] is True
    assert [(item["signal"], item["lost"], item["balanced"]) for item in form["destinations"]] == [
        ("traces", 4, True),
        ("metrics", 0, True),
    ]
    assert form["open_calls"][0] == {"name": "fetch", "age_seconds": 12.3, "agent_name": "librarian"}
    assert form["overhead"]["worker_cpu_share"] == 0.025
    tree = {node["name"]: node for node in form["tree"]}
    assert tree["indexer"]["children"][0]["children"][0]["errors"] == 3
    assert sum(segment["self_ns"] for segment in form["slowest"][0]["segments"]) == form["slowest"][0]["duration_ns"]


def test_json_keeps_absent_apart_from_zero() -> None:
    """What was not measured is null."""
    form = json.loads(to_json(NOTHING))
    assert (form["overhead"], form["elapsed_seconds"], form["tree"]) == (None, None, [])


def test_json_is_ascii_whatever_the_names() -> None:
    """A name that no encoding takes does not break the file, and comes back as it was."""
    name = "lone\udcff\x1b[31m\n検索"
    text = to_json(Run().call(name, 1).summary())
    assert text.isascii()
    assert json.loads(text)["tools"][0]["name"] == name
