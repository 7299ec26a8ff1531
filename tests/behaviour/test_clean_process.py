"""What a process is like with otel_perf in it: no warning, nothing on its outputs, little imported."""

import json

import pytest

from tests.behaviour.processes import REPOSITORY, run_python
from tests.sinks.http_sink import http_sink

WHOLE_LIFE = """
import asyncio, sys, threading
import otel_perf

@otel_perf.tool
def search(query):
    return query

@otel_perf.tool
async def fetch(url):
    await asyncio.sleep(0)

@otel_perf.tool
def lines():
    yield 1
    yield 2

@otel_perf.tool
async def chunks():
    yield 1

async def main():
    # Development mode tells of slow steps; on a busy machine that says nothing of ours.
    asyncio.get_running_loop().slow_callback_duration = 60
    await fetch("u")
    async for _ in chunks():
        pass
    async with otel_perf.tool_call("block"):
        await asyncio.to_thread(search, "q")

def work():
    for _ in range(100):
        search("q")
        list(lines())
    asyncio.run(main())

handle = otel_perf.instrument(**ARGUMENTS)
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
work()
for thread in threads:
    thread.join()
done = handle.flush(10)
status = handle.status()
handle.summary()
done = done and status.balanced and status.calls.calls == 3 * (200 + 4)
if ENDS:
    done = handle.shutdown(10) and done
if not done:
    sys.exit(str(status))
"""


def whole_life(arguments: dict[str, object], *, ends: bool = True) -> str:
    """The program, with arguments for ``instrument()``; without ``ends`` the exit of the process is the end."""
    return WHOLE_LIFE.replace("**ARGUMENTS", f"**{arguments!r}").replace("ENDS", str(ends))


@pytest.mark.parametrize("ways", ["no endpoint", "http", "prometheus", "left to atexit", "capture"])
def test_warnings_as_errors_in_development_mode(ways: str) -> None:
    """``python -W error -X dev``: import, instrument, call, flush and shut down leave both outputs empty."""
    with http_sink() as sink:
        arguments: dict[str, object] = {
            "no endpoint": {},
            "http": {"endpoint": sink.url},
            "prometheus": {"prometheus": "127.0.0.1:0"},
            "left to atexit": {"endpoint": sink.url},
            "capture": {"endpoint": sink.url, "capture": "full"},
        }[ways]
        program = whole_life(arguments, ends=ways != "left to atexit")
        finished = run_python("-W", "error", "-X", "dev", "-c", program)

        assert (finished.returncode, finished.stderr, finished.stdout) == (0, "", "")
        assert sink.spans == (612 if "endpoint" in arguments else 0)


@pytest.mark.parametrize("flags", [("-O",), ("-OO",), ("-I",)], ids=" ".join)
def test_other_flags(flags: tuple[str, ...]) -> None:
    """Optimised and isolated interpreters too (without docstrings, assertions and environment)."""
    program = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})\n{whole_life({})}"
    finished = run_python(*flags, "-c", program)

    assert (finished.returncode, finished.stderr, finished.stdout) == (0, "", "")


HEAVY = ("opentelemetry.sdk", "opentelemetry.exporter", "psutil", "sqlite3", "requests", "urllib3", "grpc", "google")


def test_the_import_is_light() -> None:
    """``import otel_perf``, its decorator and its blocks load no SDK, psutil, sqlite3, requests or grpc."""
    program = f"""
import json, sys
import otel_perf
otel_perf.tool, otel_perf.tool_call, otel_perf.agent, otel_perf.suppress
print(json.dumps([name for name in sys.modules if name.startswith({HEAVY!r})]))
"""
    finished = run_python("-c", program)

    assert json.loads(finished.stdout) == []


def test_instrumenting_over_http_loads_no_grpc() -> None:
    """What is not used is not loaded: no grpc, sqlite3, requests or rich for OTLP over HTTP."""
    program = """
import json, sys
import otel_perf
with otel_perf.instrument(endpoint=sys.argv[1]), otel_perf.tool_call("search"):
    pass
unused = ("grpc", "sqlite3", "requests", "rich", "click", "textual")
print(json.dumps([name for name in sys.modules if name.partition(".")[0] in unused]))
"""
    with http_sink() as sink:
        finished = run_python("-c", program, sink.url)
        assert sink.spans == 1

    assert json.loads(finished.stdout) == []
