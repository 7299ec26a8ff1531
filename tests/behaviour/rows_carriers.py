"""Rows: the parent carried in a carrier: queues, process pools, environments of subprocesses."""

import os
import queue
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from opentelemetry import trace

from otel_perf.tracing.propagation import attached, bind_process, inject, inject_environment
from tests.behaviour.subjects import Subject
from tests.behaviour.table import Area

AREA = Area("Carriers (`otel_perf.tracing.propagation`)")
REPOSITORY = Path(__file__).resolve().parents[2]


@AREA.same("producer(consumer)")
def queue_between_threads(subject: Subject) -> str:
    """A message on a queue carries headers; the consumer's call is a child of the producer's."""
    messages: queue.Queue[dict[str, str]] = queue.Queue()

    def consume() -> None:
        with attached(messages.get(timeout=10)), subject.call("consumer"):
            pass

    consumer = threading.Thread(target=consume)
    consumer.start()
    with subject.call("producer"):
        messages.put(inject({"content-type": "text/plain"}))
    consumer.join(10)
    return subject.tree()


@AREA.same("consumer")
def message_without_a_parent(subject: Subject) -> str:
    """A message without usable headers: the consumer's call is a root."""
    with attached({"traceparent": "00-nonsense"}), subject.call("consumer"):
        pass
    return subject.tree()


def current_ids() -> tuple[int, int, bool]:
    """Trace id and span id of the current span, and whether it is of another process. Run in a process pool."""
    context = trace.get_current_span().get_span_context()
    return context.trace_id, context.span_id, context.is_remote


@AREA.same(("the call's trace", "the call", "remote"))
def process_pool(subject: Subject) -> tuple[str, str, str]:
    """The parent that a task sees in a process of a pool."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool, subject.call("tool"):
        seen = pool.submit(bind_process(current_ids)).result(60)
    return described(subject, *seen)


def described(subject: Subject, trace_id: int, span_id: int, is_remote: bool) -> tuple[str, str, str]:
    """What another process saw, in words."""
    own = subject.span("tool").context
    return (
        "the call's trace" if trace_id == own.trace_id else "another trace",
        "the call" if span_id == own.span_id else "another span",
        "remote" if is_remote else "local",
    )


CHILD = """
import os
from opentelemetry import trace
from otel_perf.tracing.propagation import extract_environment
context = trace.get_current_span(extract_environment(os.environ)).get_span_context()
print(context.trace_id, context.span_id, int(context.is_remote))
"""


@AREA.same(("the call's trace", "the call", "remote"))
def environment_of_a_subprocess(subject: Subject) -> tuple[str, str, str]:
    """The parent that a subprocess reads from its environment."""
    with subject.call("tool"):
        environment = inject_environment(os.environ)
        command = [sys.executable, "-c", CHILD]
        printed = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, check=True, timeout=60)
    trace_id, span_id, is_remote = map(int, printed.stdout.split())
    return described(subject, trace_id, span_id, bool(is_remote))
