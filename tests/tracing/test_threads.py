import asyncio
import contextvars
import functools
import gc
import inspect
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import attach, detach
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from otel_perf.tracing.threads import (
    ContextThread,
    ContextThreadPoolExecutor,
    bind,
    install,
    run_in_executor,
    uninstall,
)

ORIGINAL_SUBMIT, ORIGINAL_START = ThreadPoolExecutor.submit, threading.Thread.start
VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")


class Current:
    """A block in which a span with this id is current."""

    def __init__(self, span_id: int) -> None:
        self.span = NonRecordingSpan(SpanContext(9, span_id, is_remote=False, trace_flags=TraceFlags(1)))

    def __enter__(self) -> None:
        self.token = attach(trace.set_span_in_context(self.span))

    def __exit__(self, *error: object) -> None:
        detach(self.token)


def current_id(*_: object) -> int:
    """Id of the span that is current here; 0 when none is."""
    return trace.get_current_span().get_span_context().span_id


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Every test leaves the standard library as it found it."""
    yield
    uninstall()
    assert ThreadPoolExecutor.submit is ORIGINAL_SUBMIT
    assert threading.Thread.start is ORIGINAL_START


def in_thread(thread: threading.Thread) -> None:
    """Start a thread and wait for its end."""
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


class Recording(threading.Thread):
    """A thread whose class defines ``run``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.seen: list[int] = []

    def run(self) -> None:
        self.seen.append(current_id())


class RecordingContextThread(ContextThread):
    """A subclass of ours that defines ``run``."""

    seen = -1

    def run(self) -> None:
        self.seen = current_id()


def test_without_help_the_context_is_lost() -> None:
    """What the helpers are for: plain threads and pools see no span."""
    seen: list[int] = []
    with Current(5), ThreadPoolExecutor(1) as pool:
        assert pool.submit(current_id).result() == 0
        in_thread(threading.Thread(target=lambda: seen.append(current_id())))
    assert seen == [0]


def test_a_bound_function_runs_in_the_context_it_was_bound_in() -> None:
    """The span and every other context variable of the binding moment are there, and nothing leaks back."""
    VARIABLE.set("outer")
    with Current(5):
        bound = bind(lambda: (current_id(), VARIABLE.get(), VARIABLE.set("inner")))
    VARIABLE.set("later")
    assert bound()[:2] == (5, "outer")
    assert bound()[:2] == (5, "outer")
    assert VARIABLE.get() == "later"
    assert current_id() == 0


def test_runs_of_a_bound_function_may_overlap() -> None:
    """Sixteen threads are inside the same bound function at the same time."""
    barrier = threading.Barrier(16, timeout=30)

    def work() -> int:
        barrier.wait()
        return current_id()

    with Current(5):
        bound = bind(work)
    with ThreadPoolExecutor(16) as pool:
        assert {future.result() for future in [pool.submit(bound) for _ in range(16)]} == {5}


def test_a_bound_function_keeps_its_name_and_signature() -> None:
    """Wrapping is invisible to those who look."""

    def work(a: int, *, b: str = "x") -> str:
        """Doc."""
        return f"{a}{b}"

    bound = bind(work)
    assert (bound.__name__, bound.__doc__, bound.__wrapped__) == ("work", "Doc.", work)  # type: ignore[attr-defined]
    assert inspect.signature(bound) == inspect.signature(work)
    assert bind(functools.partial(work, 1))(b="y") == "1y"


def test_an_exception_passes_a_bound_function_unchanged() -> None:
    """The exception object is the application's own."""
    error = KeyError("x")

    def fail() -> None:
        raise error

    with pytest.raises(KeyError) as caught:
        bind(fail)()
    assert caught.value is error


def test_the_pool_of_ours_runs_tasks_in_their_submitters_context() -> None:
    """Each task sees the span that was current when it was submitted, by ``submit`` and by ``map``."""
    with ContextThreadPoolExecutor(1) as pool:
        futures = []
        for span_id in (1, 2, 3):
            with Current(span_id):
                futures.append(pool.submit(current_id))
        futures.append(pool.submit(current_id))
        assert [future.result() for future in futures] == [1, 2, 3, 0]
        with Current(7):
            assert list(pool.map(current_id, range(3))) == [7, 7, 7]


def test_the_thread_of_ours_runs_in_its_starters_context() -> None:
    """Target or overridden ``run``: both see the span that was current at ``start()``."""
    seen: list[int] = []
    by_target = ContextThread(target=lambda: seen.append(current_id()))
    by_class = RecordingContextThread()
    with Current(5):
        in_thread(by_target)
        in_thread(by_class)
    assert seen == [5]
    assert by_class.seen == 5


def test_a_thread_is_freed_without_the_garbage_collector() -> None:
    """Carrying a context makes no reference cycle that keeps a finished thread and its span alive."""
    install("all")
    gc.collect()
    gc.disable()
    try:
        for kind in (ContextThread, Recording):
            with Current(5):
                thread: threading.Thread | None = kind()
                assert thread is not None
                in_thread(thread)
            reference = weakref.ref(thread)
            thread = None
            assert reference() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("installed", [False, True])
def test_run_in_executor_has_a_helper(installed: bool) -> None:
    """The helper carries the span into the default pool, a given pool and a process pool."""
    if installed:
        install("all")

    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as pool, ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
            with Current(5):
                futures = [run_in_executor(loop, executor, current_id, 1, 2) for executor in (None, pool, processes)]
            return [await future for future in futures]

    assert asyncio.run(main()) == [5, 5, 5]


@pytest.mark.parametrize("mode", ["executors", "all"])
def test_installed_pools_carry_the_context_by_themselves(mode: Any) -> None:
    """Each task sees its submitter's span and a task submitted outside of any sees none, on one and the same thread."""
    install(mode)
    with ThreadPoolExecutor(1) as pool:
        futures = []
        for span_id in (1, 2):
            with Current(span_id):
                futures.append(pool.submit(current_id))
        futures.append(pool.submit(current_id))
        assert [future.result() for future in futures] == [1, 2, 0]


def test_asyncio_still_works_when_installed() -> None:
    """``run_in_executor`` gains the span, ``to_thread`` keeps it, results and errors come back."""
    install("all")

    async def main() -> tuple[Any, ...]:
        with Current(5):
            loop = asyncio.get_running_loop()
            plain = await loop.run_in_executor(None, current_id)
            with pytest.raises(ZeroDivisionError):
                await loop.run_in_executor(None, lambda: 1 / 0)
            return plain, await asyncio.to_thread(current_id), await asyncio.to_thread(VARIABLE.get)

    VARIABLE.set("mine")
    assert asyncio.run(main()) == (5, 5, "mine")


def test_only_the_opentelemetry_context_is_carried_by_itself() -> None:
    """Context variables that a pool's initializer sets are still there in its tasks."""
    install("all")
    with Current(5), ThreadPoolExecutor(1, initializer=VARIABLE.set, initargs=("of the pool",)) as pool:
        assert pool.submit(lambda: (current_id(), VARIABLE.get())).result() == (5, "of the pool")


def test_executors_mode_leaves_threads_alone() -> None:
    """Threads start in the starter's context in ``all`` mode only; calling again changes the mode."""
    for mode, expected in (("executors", 0), ("all", 5), ("executors", 0)):
        install(mode)  # type: ignore[arg-type]
        thread = Recording()
        with Current(5):
            in_thread(thread)
        assert thread.seen == [expected]


def test_installed_threads_carry_the_context_by_themselves() -> None:
    """Targets, subclasses and timers run under the span that was current at ``start()``."""
    install("all")
    seen: list[int] = []
    threads: list[Callable[[], threading.Thread]] = [
        lambda: threading.Thread(target=lambda: seen.append(current_id())),
        lambda: threading.Timer(0, lambda: seen.append(current_id())),
        lambda: ContextThread(target=lambda: seen.append(current_id())),
    ]
    with Current(5):
        for make in threads:
            in_thread(make())
        subclass = Recording()
        in_thread(subclass)
    assert seen == [5, 5, 5]
    assert subclass.seen == [5]


@pytest.mark.parametrize("name", ["otel_perf worker", "OtelBatchSpanRecordProcessor"])
def test_telemetry_threads_belong_to_no_call(name: str) -> None:
    """A background thread of ours or of the SDK does not inherit the span that happened to be current."""
    install("all")
    thread = Recording(name=name)
    with Current(5):
        in_thread(thread)
    assert thread.seen == [0]


def test_a_pools_thread_does_not_inherit_the_span_of_its_first_task() -> None:
    """In ``all`` mode too, what a pool's thread does between tasks is part of no call."""
    install("all")
    seen: list[int] = []
    with Current(5), ThreadPoolExecutor(1, initializer=lambda: seen.append(current_id())) as pool:
        pool.submit(current_id).result()
    assert seen == [0]


def test_a_thread_may_be_started_from_a_pools_task() -> None:
    """Starting a thread inside a task carries the task's span."""
    install("all")
    thread = Recording()
    with Current(5), ThreadPoolExecutor(1) as pool:
        pool.submit(in_thread, thread).result()
    assert thread.seen == [5]


def test_installing_many_times_is_installing_once() -> None:
    """Repeated calls, from many threads, wrap once and are undone by one ``uninstall``."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: install("all"), range(50)))
    assert ThreadPoolExecutor.submit.__wrapped__ is ORIGINAL_SUBMIT  # type: ignore[attr-defined]
    assert threading.Thread.start.__wrapped__ is ORIGINAL_START  # type: ignore[attr-defined]
    assert inspect.signature(ThreadPoolExecutor.submit) == inspect.signature(ORIGINAL_SUBMIT)
    uninstall()
    uninstall()
    assert ThreadPoolExecutor.submit is ORIGINAL_SUBMIT


def wrapped_by_another(monkeypatch: pytest.MonkeyPatch, *, tells: bool) -> list[str]:
    """Another library wraps ``submit`` after us; ``tells`` whether it sets ``__wrapped__``."""
    calls: list[str] = []
    ours = ThreadPoolExecutor.submit

    def submit(self: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        calls.append("theirs")
        return ours(self, fn, *args, **kwargs)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", functools.wraps(ours)(submit) if tells else submit)
    return calls


@pytest.mark.parametrize("tells", [True, False])
def test_another_librarys_wrapper_around_ours_is_left_in_place(tells: bool) -> None:
    """Uninstalled under another wrapper we only pass on, and installed again we act again."""
    install()
    with pytest.MonkeyPatch.context() as patch:
        calls = wrapped_by_another(patch, tells=tells)
        theirs = ThreadPoolExecutor.submit
        with Current(5), ThreadPoolExecutor(1) as pool:
            assert pool.submit(current_id).result() == 5
            uninstall()
            assert ThreadPoolExecutor.submit is theirs
            assert pool.submit(current_id).result() == 0
            install()
            assert pool.submit(current_id).result() == 5
            if tells:
                assert ThreadPoolExecutor.submit is theirs
        assert calls == ["theirs"] * 3
        uninstall()
        assert ThreadPoolExecutor.submit is theirs
    # The other library has put back what it had found: our replacement, which is the outermost again.
    install()
    uninstall()


def test_a_wrapper_around_the_original_that_removes_ours_does_not_stop_us() -> None:
    """When another library puts the original back over our head, installing again works."""
    install()
    ThreadPoolExecutor.submit = ORIGINAL_SUBMIT  # type: ignore[method-assign]
    install()
    with Current(5), ThreadPoolExecutor(1) as pool:
        assert pool.submit(current_id).result() == 5


def test_python_itself_may_carry_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where threads inherit the context by Python's own doing (3.14), or were given one, ours keeps out."""
    install("all")
    given = Recording()
    given._context = contextvars.Context()  # type: ignore[attr-defined]  # noqa: SLF001 - what 3.14 sets
    with Current(5):
        in_thread(given)
    assert given.seen == [0]


def test_submitting_after_shutdown_still_raises_the_pools_own_error() -> None:
    """Errors of the pool are the pool's."""
    install()
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="shutdown"):
        pool.submit(current_id)
    with pytest.raises(TypeError):
        pool.submit()  # type: ignore[call-arg]
    with pytest.raises(RuntimeError, match="once"):
        thread = ContextThread(target=current_id)
        in_thread(thread)
        thread.start()
