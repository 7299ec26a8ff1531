"""Rows: who is whose parent, in plain code, asyncio and threads."""

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from opentelemetry import trace

from otel_perf.tracing import threads
from tests.behaviour.subjects import Subject
from tests.behaviour.table import Area

AREA = Area("Parents")


@AREA.same("outer(inner)")
def nesting(subject: Subject) -> str:
    """A call inside a call is its child."""
    with subject.call("outer"), subject.call("inner"):
        pass
    return subject.tree()


@AREA.same("outer(first, second), third")
def siblings(subject: Subject) -> str:
    """Calls one after the other are siblings, and what comes after a root is a root."""
    with subject.call("outer"):
        with subject.call("first"):
            pass
        with subject.call("second"):
            pass
    with subject.call("third"):
        pass
    return subject.tree()


@AREA.same("f(f(f(f)))")
def recursion(subject: Subject) -> str:
    """A function that calls itself is its own child."""

    @subject.tool("f")
    def f(depth: int) -> None:
        if depth:
            f(depth - 1)

    f(3)
    return subject.tree()


@AREA.same("outer(query(inner))")
def another_librarys_span_between(subject: Subject) -> str:
    """Another library's span inside a call is its child, and a call inside that span is the span's child."""
    with subject.call("outer"), subject.library.start_as_current_span("query"), subject.call("inner"):
        pass
    return subject.tree()


@AREA.same("request(tool)")
def another_librarys_span_around(subject: Subject) -> str:
    """A call inside another library's root span is its child."""
    with subject.library.start_as_current_span("request"), subject.call("tool"):
        pass
    return subject.tree()


@AREA.same(("one trace id", "outer(query)"))
def parent_given_by_hand(subject: Subject) -> tuple[str, str]:
    """A library that takes the current span now and starts a child of it elsewhere, with ``context=``, finds it."""
    with subject.call("outer"):
        kept = trace.set_span_in_context(trace.get_current_span(), contextvars.Context().run(_empty))
    subject.library.start_span("query", context=kept).end()
    traces = {span.context.trace_id for span in subject.spans()}
    return f"{'one trace id' if len(traces) == 1 else 'several'}", subject.tree()


def _empty() -> Any:
    from opentelemetry.context import get_current

    return get_current()


@AREA.same("no span")
def nothing_is_left_current(subject: Subject) -> str:
    """After a call, also after a failed one, no span is current."""
    with subject.call("outer"):
        pass
    try:
        with subject.call("failing"):
            raise ValueError
    except ValueError:
        pass
    return "no span" if trace.get_current_span() is trace.INVALID_SPAN else "a span"


@AREA.same("outer(a, b)")
async def asyncio_tasks(subject: Subject) -> str:
    """Tasks made in a call are its children, and none is another's."""
    with subject.call("outer"):
        await asyncio.wait([asyncio.create_task(step(subject, "a")), asyncio.create_task(step(subject, "b"))])
    return subject.tree()


async def step(subject: Subject, name: str) -> None:
    """A call that lets others run in its middle."""
    with subject.call(name):
        await asyncio.sleep(0)
        await asyncio.sleep(0)


@AREA.same("outer(late)")
async def task_outlives_its_parent(subject: Subject) -> str:
    """A task that begins its call after its parent has ended is the parent's child all the same."""
    may_go_on = asyncio.Event()

    async def later() -> None:
        await may_go_on.wait()
        await step(subject, "late")

    with subject.call("outer"):
        task = asyncio.create_task(later())
    may_go_on.set()
    await task
    return subject.tree()


@AREA.same("outer(a, b, c)")
async def gather(subject: Subject) -> str:
    """``asyncio.gather`` of coroutine functions: all are children."""
    run = {name: subject.tool(name)(coroutine) for name in "abc"}
    with subject.call("outer"):
        await asyncio.gather(*(function() for function in run.values()))
    return subject.tree()


async def coroutine() -> None:
    """A body that lets others run."""
    await asyncio.sleep(0)


@AREA.same("outer(a(inside), b(inside))")
async def task_group(subject: Subject) -> str:
    """``asyncio.TaskGroup``: children, each with its own child."""

    async def body(name: str) -> None:
        with subject.call(name):
            await step(subject, "inside")

    with subject.call("outer"):
        async with asyncio.TaskGroup() as group:
            group.create_task(body("a"))
            group.create_task(body("b"))
    return subject.tree()


@AREA.same("outer(callback)")
async def event_loop_callback(subject: Subject) -> str:
    """``loop.call_soon`` from a call: what the callback calls is a child."""
    done = asyncio.Event()

    def callback() -> None:
        with subject.call("callback"):
            done.set()

    with subject.call("outer"):
        asyncio.get_running_loop().call_soon(callback)
        await done.wait()
    return subject.tree()


@AREA.same("outer(copied)")
def copied_context(subject: Subject) -> str:
    """``contextvars.copy_context().run`` carries the parent."""
    with subject.call("outer"):
        contextvars.copy_context().run(_call, subject, "copied")
    return subject.tree()


def _call(subject: Subject, name: str) -> None:
    with subject.call(name):
        pass


@AREA.same("outer(worker)")
async def to_thread(subject: Subject) -> str:
    """``asyncio.to_thread`` carries the parent."""
    with subject.call("outer"):
        await asyncio.to_thread(_call, subject, "worker")
    return subject.tree()


@AREA.on_purpose(
    sdk="job, outer",
    ours="outer(job)",
    why="the SDK loses the parent; `instrument()` carries it (`propagate_threads`)",
)
def thread_pool(subject: Subject) -> str:
    """A task of a ``ThreadPoolExecutor`` and the call that submitted it."""
    with ThreadPoolExecutor(1) as pool, subject.call("outer"):
        pool.submit(_call, subject, "job").result()
    return subject.tree()


@AREA.on_purpose(
    sdk="job, job, job, outer", ours="job, outer(job, job)", why="carried likewise, task by task and not by thread"
)
def thread_pool_map(subject: Subject) -> str:
    """Tasks of ``map``, and a task that is submitted when nothing is current."""
    with ThreadPoolExecutor(1) as pool:
        with subject.call("outer"):
            list(pool.map(lambda name: _call(subject, name), ["job", "job"]))
        pool.submit(_call, subject, "job").result()
    return subject.tree()


@AREA.on_purpose(sdk="job, outer", ours="outer(job)", why="the SDK loses the parent; `instrument()` carries it")
async def run_in_executor(subject: Subject) -> str:
    """``loop.run_in_executor`` and the call around it."""
    with subject.call("outer"):
        await asyncio.get_running_loop().run_in_executor(None, _call, subject, "job")
    return subject.tree()


@AREA.same("outer, thread")
def thread(subject: Subject) -> str:
    """Calls of a bare ``threading.Thread``, which often outlives who starts it (``propagate_threads="executors"``)."""
    with subject.call("outer"):
        run_thread(threading.Thread(target=_call, args=(subject, "thread")))
    return subject.tree()


def run_thread(thread: threading.Thread) -> None:
    """Start it and wait for its end."""
    thread.start()
    thread.join(10)


@AREA.same("outer(thread)")
def thread_with_the_helper(subject: Subject) -> str:
    """``otel_perf.tracing.threads.ContextThread`` carries the parent, for spans of either kind."""
    with subject.call("outer"):
        run_thread(threads.ContextThread(target=_call, args=(subject, "thread")))
    return subject.tree()


@AREA.same("outer(thread)")
def thread_with_a_bound_target(subject: Subject) -> str:
    """``otel_perf.tracing.threads.bind`` carries the parent into whatever runs the function."""
    with subject.call("outer"):
        run_thread(threading.Thread(target=threads.bind(_call), args=(subject, "thread")))
    return subject.tree()


@AREA.same("outer(job)")
def thread_pool_with_the_helper(subject: Subject) -> str:
    """``otel_perf.tracing.threads.ContextThreadPoolExecutor`` carries the parent, without any patch."""
    with threads.ContextThreadPoolExecutor(1) as pool, subject.call("outer"):
        pool.submit(_call, subject, "job").result()
    return subject.tree()


@AREA.same("a(inside), b(inside)")
def threads_do_not_mix(subject: Subject) -> str:
    """Calls that overlap in two threads never become each other's parents."""
    barrier = threading.Barrier(2, timeout=10)

    def body(name: str) -> None:
        with subject.call(name):
            barrier.wait()
            with subject.call("inside"):
                barrier.wait()

    workers = [threading.Thread(target=body, args=(name,)) for name in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(10)
    return subject.tree()
