"""The fixture ``otel_perf_capture`` as a user meets it: a test file of their own, run by pytest."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

APPLICATION = """
import otel_perf

@otel_perf.tool
def search(query):
    return [query]

@otel_perf.tool
def answer(question):
    return search(question)[0]
"""


def run_user_tests(folder: Path, tests: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a user's test file in a folder of its own, the plugin loaded by its entry point."""
    (folder / "application.py").write_text(APPLICATION)
    (folder / "test_application.py").write_text(textwrap.dedent(tests))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PYTEST_"))}
    return subprocess.run(
        [
            *(sys.executable, "-X", "dev", "-m", "pytest", "-q"),
            *("-p", "no:randomly", "-p", "no:xdist", "-p", "no:cacheprovider", "-W", "error", *words),
        ],
        cwd=folder,
        env={**inherited, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(folder)])},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def passes(folder: Path, tests: str, count: int, *words: str) -> str:
    """All of the user's tests pass; what pytest said."""
    finished = run_user_tests(folder, tests, *words)
    said = finished.stdout + finished.stderr
    assert finished.returncode == 0, said
    assert f"{count} passed" in said, said
    return said


def test_a_whole_trace_can_be_compared_literally(tmp_path: Path) -> None:
    """Identifiers count from 1, the clock ticks a millisecond per reading, from the first of January 2026."""
    tests = """
        from application import answer

        def test_trace(otel_perf_capture):
            answer("why")
            outer, inner = otel_perf_capture.span("execute_tool answer"), otel_perf_capture.span("execute_tool search")
            assert (inner.context.trace_id, inner.context.span_id) == (1, 2)
            assert (outer.context.trace_id, outer.context.span_id) == (1, 1)
            assert inner.parent.span_id == 1 and outer.parent is None
            start = 1_767_225_600_000_000_000
            assert [outer.start_time, inner.start_time, inner.end_time, outer.end_time] == [
                start + 1_000_000 * tick for tick in (1, 2, 3, 4)
            ]
            assert otel_perf_capture.tree() == "execute_tool answer\\n  execute_tool search"

        def test_same_again(otel_perf_capture):
            answer("why")
            assert otel_perf_capture.span("execute_tool answer").context.trace_id == 1
            assert otel_perf_capture.span("execute_tool answer").start_time == 1_767_225_600_001_000_000
    """
    passes(tmp_path, tests, 2)


def test_calls_metrics_and_ledger(tmp_path: Path) -> None:
    """Calls, summaries, metric points, running calls and the account of one test, and of that test only."""
    tests = """
        import pytest
        import otel_perf
        from application import answer, search

        @pytest.mark.parametrize("times", [1, 3])
        def test_numbers(otel_perf_capture, times):
            for _ in range(times):
                answer("why")
            with pytest.raises(TypeError):
                search()
            captured = otel_perf_capture
            assert [call.tool for call in captured.calls] == ["search", "answer"] * times + ["search"]
            last = captured.calls[-1]
            assert (last.outcome, last.error_type, last.caller) == ("error", "TypeError", None)
            assert last.duration_seconds == 0.001
            assert captured.tools["search"].count == times + 1 and captured.tools["search"].errors == 1
            points = captured.metrics()["gen_ai.execute_tool.duration"]
            assert sum(point.count for point in points) == 2 * times + 1
            assert captured.balance.calls == captured.balance.span_recorded == 2 * times + 1
            with otel_perf.tool_call("hung"):
                assert [call.tool for call in captured.open_calls] == ["hung"]
            assert captured.open_calls == ()

        def test_missing(otel_perf_capture):
            with pytest.raises(LookupError, match="0 spans are called 'no'"):
                otel_perf_capture.span("no")
    """
    passes(tmp_path, tests, 3)


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """After the test recording is off: no thread, no file, no socket, calls only counted; loading imports nothing."""
    tests = """
        import sys, threading
        from application import answer

        def test_light():
            assert "opentelemetry.sdk" not in sys.modules

        def test_records(otel_perf_capture):
            before = threading.active_count()
            answer("why")
            assert len(otel_perf_capture.spans) == 2
            assert threading.active_count() == before

        def test_afterwards():
            from otel_perf.core.intake import intake
            before = intake.disabled
            answer("why")
            assert intake.disabled - before == 2
            assert not intake.finished and not intake.started
            assert [t.name for t in threading.enumerate() if t.name.startswith("otel_perf")] == []
    """
    passes(tmp_path, tests, 3)
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"application.py", "test_application.py"}


def test_a_failing_test_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    """A test that fails in the middle of a call ends its recording; the next one starts anew."""
    tests = """
        import otel_perf
        from application import answer

        def test_fails(otel_perf_capture):
            block = otel_perf.tool_call("open")
            block.__enter__()
            answer("why")
            raise AssertionError("on purpose")

        def test_next(otel_perf_capture):
            assert otel_perf_capture.calls == [] and otel_perf_capture.open_calls == ()
            answer("why")
            assert otel_perf_capture.balance.calls == 2
    """
    finished = run_user_tests(tmp_path, tests)
    assert "1 failed, 1 passed" in finished.stdout, finished.stdout
    assert "on purpose" in finished.stdout


def test_with_the_provider_of_the_application(tmp_path: Path) -> None:
    """An application that has set its own provider keeps it; its exporter and the fixture both see every span."""
    tests = """
        import pytest
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from application import answer

        exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        trace.set_tracer_provider(provider)

        @pytest.mark.parametrize("time", [1, 2])
        def test_both(otel_perf_capture, time):
            exporter.clear()
            with trace.get_tracer("mine").start_as_current_span("request"):
                answer("why")
            expected = ["execute_tool search", "execute_tool answer", "request"]
            assert [span.name for span in exporter.get_finished_spans()] == expected
            assert sorted(span.name for span in otel_perf_capture.spans) == sorted(expected)
            assert otel_perf_capture.tree().splitlines() == [
                "request", "  execute_tool answer", "    execute_tool search"
            ]
            assert [call.tool for call in otel_perf_capture.calls] == ["search", "answer"]
            assert trace.get_tracer_provider() is provider
    """
    passes(tmp_path, tests, 2)


def test_while_instrumented_it_says_what_to_do(tmp_path: Path) -> None:
    """Under a running ``instrument()`` the fixture gives an error of one line, and the handle goes on."""
    tests = """
        import otel_perf
        handle = otel_perf.instrument()

        def test_error(otel_perf_capture):
            raise AssertionError("never reached")

        def test_handle():
            assert handle.status().state == "running"
            assert handle.shutdown()
    """
    finished = run_user_tests(tmp_path, tests)
    assert "1 passed, 1 error" in finished.stdout, finished.stdout
    assert "already instrumented; shut that handle down before capturing" in finished.stdout
    assert "never reached" not in finished.stdout.replace('raise AssertionError("never reached")', "")


def test_instrument_inside_a_captured_test_changes_nothing(tmp_path: Path) -> None:
    """An application that calls ``instrument()`` in its start-up gets the recording's handle; nothing is sent."""
    tests = """
        import otel_perf
        from application import answer

        def test_start_up(otel_perf_capture):
            handle = otel_perf.instrument(endpoint="http://127.0.0.1:9", service_name="x")
            answer("why")
            assert handle.flush() and handle.status().destinations == ()
            assert len(otel_perf_capture.spans) == 2
            handle.shutdown()
            answer("not recorded")
            assert len(otel_perf_capture.spans) == 2
    """
    passes(tmp_path, tests, 1)


def test_tasks_and_threads_of_a_test(tmp_path: Path) -> None:
    """Calls on other threads and tasks are captured, identifiers stay distinct, parents are right."""
    tests = """
        import asyncio
        import otel_perf
        from application import search

        @otel_perf.tool
        async def gather():
            await asyncio.gather(*(asyncio.to_thread(search, str(n)) for n in range(20)))

        def test_all(otel_perf_capture):
            asyncio.run(gather())
            spans = otel_perf_capture.spans
            assert len({span.context.span_id for span in spans}) == len(spans) == 21
            assert {span.context.trace_id for span in spans} == {1}
            root = otel_perf_capture.span("execute_tool gather")
            assert {span.parent.span_id for span in spans if span is not root and span.parent} == {
                root.context.span_id
            }
    """
    passes(tmp_path, tests, 1)


@pytest.mark.parametrize("words", [(), ("-p", "no:otel_perf")])
def test_the_entry_point_loads_it(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Installed, the fixture is there without a word, under a name that can be switched off."""
    from importlib.metadata import entry_points

    found = {point.name: point.value for point in entry_points(group="pytest11")}
    assert found["otel_perf"] == "otel_perf.testing.plugin"
    (tmp_path / "test_it.py").write_text("def test_it(otel_perf_capture): pass\n")
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ("1 passed" if not words else "1 error") in finished.stdout, finished.stdout


def test_real_clocks_on_request() -> None:
    """``recording(deterministic=False)`` keeps the real clock and random identifiers; settings are those of a start."""
    program = """
import json, time, otel_perf
from otel_perf.testing.recording import recording
with recording(deterministic=False, sampling_ratio=0.0) as capture:
    with otel_perf.tool_call("a"): time.sleep(0.01)
    call, = capture.calls
    print(json.dumps([capture.spans, call.sampled, call.duration_seconds >= 0.01, capture.balance.sampled_out]))
"""
    finished = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(finished.stdout) == [[], False, True, 1]
