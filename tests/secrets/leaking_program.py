# ruff: noqa: D103 - the functions are the program under test
"""A program whose tools handle secrets in every way that is usual. It is configured by its environment alone.

Arguments: the folder for what it is shown, then words as a careless user would give them (``--password …``).
"""

import asyncio
import contextlib
import io
import json
import logging
import os
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from opentelemetry import baggage, context, trace
from rich.console import Console

import otel_perf
from otel_perf.reports.run_json import to_json
from otel_perf.reports.terminal import render_terminal

SECRET = os.environ["APPLICATION_SECRET"]
HARMLESS = "what is the weather"


@dataclass
class Account:
    user: str
    password: str


@otel_perf.tool
def log_in(user: str, password: str, *, account: Account) -> dict[str, str]:
    return {"user": user, "session_token": password}


@otel_perf.tool
def fetch(url: str, headers: dict[str, str]) -> str:
    return f"HTTP/1.1 200 OK\nSet-Cookie: id={SECRET}\nAuthorization: Bearer {SECRET}"


@otel_perf.tool
def connect(url: str) -> None:
    try:
        raise ConnectionError(f"no answer from {url}")
    except ConnectionError as error:
        raise RuntimeError(f"postgres://admin:{SECRET}@db/app is down; api_key={SECRET}") from error


@otel_perf.tool
async def complete(prompt: str, **options: object) -> list[str]:
    return [f"your key is sk-{SECRET}abcdefgh", "-----BEGIN PRIVATE KEY-----\n" + SECRET]


@otel_perf.tool
def read_lines(path: str) -> Iterator[str]:
    yield f"AWS_SECRET_ACCESS_KEY={SECRET}"


@otel_perf.tool
def ask(question: str) -> str:
    with trace.get_tracer("library").start_as_current_span("query"):
        return question.upper()


def work() -> None:
    for _ in range(3):
        ask(HARMLESS)
        log_in("ann", SECRET, account=Account("ann", SECRET))
        fetch(f"https://ann:{SECRET}@host/?token={SECRET}", {"Authorization": f"Basic {SECRET}", "X-Api-Key": SECRET})
        with contextlib.suppress(RuntimeError):
            connect(f"postgres://admin:{SECRET}@db/app")
        asyncio.run(complete(f"password: {SECRET}", access_token=SECRET, **{f"token={SECRET}": 1}))
        list(read_lines(f"/run/secrets?password={SECRET}"))
        with contextlib.suppress(ValueError), otel_perf.tool_call("parse"):
            raise ValueError(f"--password {SECRET}")
    token = context.attach(baggage.set_baggage("session", SECRET))
    try:
        ask(HARMLESS)
    finally:
        context.detach(token)


def page(url: str) -> str:
    token = os.environ["OTEL_PERF_PROMETHEUS_TOKEN"]
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - our own http URL
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=5) as answer:
        return str(answer.read().decode())


def look(handle: otel_perf.Handle) -> dict[str, str]:
    """Everything that a user can be shown."""
    status = handle.status()
    drawn = io.StringIO()
    render_terminal(handle.summary(), Console(file=drawn, width=120))
    return {
        "page": page(str(status.prometheus)),
        "status.txt": f"{status}\n{handle!r}",
        "status.json": json.dumps(asdict(status), default=repr),
        "summary.txt": drawn.getvalue(),
        "summary.json": to_json(handle.summary()),
        "facts.json": json.dumps(facts(status), default=repr),
    }


def facts(status: Any) -> dict[str, Any]:
    """What the test wants to know besides."""
    return {"balanced": status.balanced, "errors": status.internal_errors, "calls": status.calls.calls}


def main() -> None:
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    folder = Path(sys.argv[1])
    handle = otel_perf.instrument()
    work()
    handle.flush(float(os.environ.get("FLUSH_SECONDS", "10")))
    for name, text in look(handle).items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
