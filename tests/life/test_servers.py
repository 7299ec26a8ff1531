"""Servers that fork their workers, run for real in an environment of their own (``.ci/setup.py servers``)."""

import contextlib
import http.client
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.life.running import PROGRAMS, REPOSITORY, Running, last_counts, service_instances
from tests.sinks.http_sink import HttpSink, free_port, http_sink

DURATION = "gen_ai.execute_tool.duration"
REQUESTS, CALLS_EACH = 200, 10
IMPORTS = f"{REPOSITORY}{os.pathsep}{PROGRAMS}"


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    """A local OTLP receiver."""
    with http_sink() as started:
        yield started


@contextlib.contextmanager
def serving(module: str, *arguments: object, python: Path, folder: Path, **environment: str) -> Iterator[Running]:
    """``python -m module``, ended with SIGTERM if it has not ended before."""
    command = Running(
        str(PROGRAMS / "module.py"),
        module,
        *arguments,
        folder=folder,
        python=python,
        environment={"PYTHONPATH": IMPORTS, **environment},
    )
    try:
        yield command
    finally:
        command.close()


def ask(port: int) -> str:
    """One request; the answer is the worker's process id."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode().strip()
    finally:
        connection.close()


def wait_until_it_answers(server: Running, port: int) -> str:
    """The server has started: what its first request was answered with."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert server.process.poll() is None, server.end().err
        with contextlib.suppress(OSError, http.client.HTTPException):
            return ask(port)
        time.sleep(0.05)
    raise AssertionError("it never answered")


def load(server: Running, port: int) -> Counter[str]:
    """Requests by the worker that answered."""
    answers = Counter([wait_until_it_answers(server, port)])
    with ThreadPoolExecutor(8) as pool:
        answers.update(pool.map(lambda _: ask(port), range(REQUESTS - 1)))
    return answers


def assert_totals(sink: HttpSink, answers: Counter[str], err: str) -> None:
    """Every call of every worker has arrived once, under the worker's own name, and is counted once."""
    counts = last_counts(sink.metrics, DURATION)
    expected = sorted(requests * CALLS_EACH for requests in answers.values())
    assert (sink.spans, sink.doubled) == (REQUESTS * CALLS_EACH, 0), err
    assert sorted(service_instances(sink.traces).values()) == expected
    assert sorted(count for count in counts.values() if count) == expected


@pytest.mark.parametrize("where", ["application", "preloaded"])
@pytest.mark.parametrize("workers", ["sync", "gthread"])
def test_t27_gunicorn(
    workers: str, where: str, sink: HttpSink, servers_python: Path, tmp_path: Path, record_figure: Callable[..., None]
) -> None:
    """T-27: four real workers, instrumented in each or before the fork: nothing else to be done, all totals exact."""
    port = free_port()
    options = ["--preload"] if where == "preloaded" else []
    with serving(
        "gunicorn", "--workers", 4, "--worker-class", workers, "--threads", 2 if workers == "gthread" else 1,
        "--bind", f"127.0.0.1:{port}", "--no-control-socket", *options, "wsgi_app:app",
        python=servers_python, folder=tmp_path, LIFE_URL=sink.url, LIFE_HOW="",
    ) as server:  # fmt: skip
        answers = load(server, port)
        server.tell(signal.SIGTERM)
        ended = server.end(20)

    record_figure("T-27", server=f"gunicorn {workers} {where}", workers=len(answers), spans=sink.spans)
    assert ended.code == 0, ended.err
    assert_totals(sink, answers, ended.err)


@pytest.mark.parametrize("how", ["lifespan", "handle_sigterm"])
def test_t27_uvicorn(
    how: str, sink: HttpSink, servers_python: Path, tmp_path: Path, record_figure: Callable[..., None]
) -> None:
    """T-27: two workers that uvicorn spawns, and ends with a signal after all, so that ``atexit`` does not run.

    All totals are exact with ``shutdown()`` in the lifespan; and with ``handle_sigterm``, when the application takes
    half a second to end.
    """
    port = free_port()
    with serving(
        "uvicorn", "--workers", 2, "--port", port, "wsgi_app:asgi_app",
        python=servers_python, folder=tmp_path, LIFE_URL=sink.url, LIFE_HOW=how,
    ) as server:  # fmt: skip
        answers = load(server, port)
        server.tell(signal.SIGTERM)
        ended = server.end(20)

    record_figure("T-27", server=f"uvicorn {how}", workers=len(answers), spans=sink.spans)
    assert ended.code == 0, ended.err
    assert_totals(sink, answers, ended.err)


def test_t27_celery(sink: HttpSink, servers_python: Path, tmp_path: Path, record_figure: Callable[..., None]) -> None:
    """T-27: prefork with ``max_tasks_per_child``: each child delivers before it is replaced."""
    tasks, calls = 24, 10
    with serving(
        "celery", "--app", "tasks", "worker", "--pool", "prefork", "--concurrency", 2, "--max-tasks-per-child", 4,
        "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING",
        python=servers_python, folder=tmp_path, LIFE_URL=sink.url, LIFE_FOLDER=str(tmp_path),
    ) as server:  # fmt: skip
        sender = Running(
            "send_tasks.py", tasks, calls, folder=tmp_path, python=servers_python,
            environment={"PYTHONPATH": IMPORTS, "LIFE_URL": sink.url, "LIFE_FOLDER": str(tmp_path)},
        )  # fmt: skip
        sent = sender.end(60)
        sender.close()
        assert sent.code == 0, sent.err
        server.tell(signal.SIGTERM)
        ended = server.end(20)

    children = len(set(sent.fact("processes")))
    counts = last_counts(sink.metrics, DURATION)
    record_figure("T-27", server="celery", children=children, spans=sink.spans, counted=sum(counts.values()))
    assert children >= tasks / 4, "no child has done more than four tasks"
    assert (sink.spans, sink.doubled) == (tasks * calls, 0), ended.err
    assert sum(counts.values()) == tasks * calls
    assert len(service_instances(sink.traces)) == children
