"""The current span goes along into threads: by helpers, or by itself when asked for.

The helpers run a function in a copy of the caller's ``contextvars`` context, as ``asyncio.to_thread`` does. The
automatic way carries the OpenTelemetry context only: other context variables of a thread stay what they were.
"""

import contextvars
import functools
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from concurrent.futures import Future as ThreadFuture
from typing import TYPE_CHECKING, Any, Final, Literal, ParamSpec, TypeAlias, TypeVar

from opentelemetry.context import Context, attach, detach, get_current

from otel_perf.core.guard import guard
from otel_perf.tracing.propagation import bind_process

if TYPE_CHECKING:
    # 14 ms that a program without an event loop need not pay.
    from asyncio import AbstractEventLoop, Future

__all__ = [
    "ContextThread",
    "ContextThreadPoolExecutor",
    "PropagationMode",
    "bind",
    "install",
    "run_in_executor",
    "uninstall",
]

P = ParamSpec("P")
R = TypeVar("R")

PropagationMode: TypeAlias = Literal["executors", "all"]
"""``executors``: tasks of thread pools. ``all``: threads too."""

OWN_THREADS: Final = ("otel_perf", "Otel")
"""Names of telemetry threads, ours and the SDK's: what they do is part of no call."""

MAX_CHAIN: Final = 100


def bind(function: Callable[P, R]) -> Callable[P, R]:
    """``function``, to be run anywhere in the context of now. Each run has a copy of its own, so runs may overlap."""
    context = contextvars.copy_context()

    def bound(*args: P.args, **kwargs: P.kwargs) -> R:
        return context.copy().run(function, *args, **kwargs)

    return guard.call("threads.bind", functools.update_wrapper, bound, function) or bound


class ContextThreadPoolExecutor(ThreadPoolExecutor):
    """A thread pool whose tasks run in the context of the one who submits them."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> ThreadFuture[R]:
        """Submit a task; what it traces is a child of the current span."""
        return super().submit(bind(fn), *args, **kwargs)


class ContextThread(threading.Thread):
    """A thread that runs in the context of the one who starts it; ``run`` may be overridden as usual."""

    def start(self) -> None:
        """Start the thread; what it traces is a child of the current span."""
        self.run = Once(functools.partial(contextvars.copy_context().run, self.run))  # type: ignore[method-assign]
        super().start()


def run_in_executor(
    loop: "AbstractEventLoop", executor: Executor | None, function: Callable[..., R], *args: Any
) -> "Future[R]":
    """``loop.run_in_executor`` in the context of now; also for process pools, when the function can be pickled."""
    processes = sys.modules.get("concurrent.futures.process")
    if processes is not None and isinstance(executor, processes.ProcessPoolExecutor):
        return loop.run_in_executor(executor, bind_process(function), *args)
    return loop.run_in_executor(executor, bind(function), *args)


class Carried:
    """A function with the OpenTelemetry context that it runs in; cheaper than a closure that poses as the function."""

    __slots__ = ("__wrapped__", "_context")

    def __init__(self, function: Callable[..., Any], context: Context) -> None:
        self.__wrapped__ = function
        self._context = context

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        token = attach(self._context)
        try:
            return self.__wrapped__(*args, **kwargs)
        finally:
            detach(token)


class Once:
    """A thread's ``run`` that lets go of it when called: the thread is not kept alive through itself."""

    __slots__ = ("_run",)

    def __init__(self, run: Callable[[], object]) -> None:
        self._run: Callable[[], object] | None = run

    def __call__(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run()


class Patch:
    """One method of a class, replaced so that others may replace it too.

    Switched off, the replacement only passes on. It is taken out when it is still the outermost, and stays in its
    place, passing on, when another library has wrapped it meanwhile.

    Args:
        owner: The class.
        name: The method.
        make: Makes the replacement from the method as it is found and a function that says whether to act.
    """

    def __init__(
        self, owner: type, name: str, make: Callable[[Callable[..., Any], Callable[[], bool]], Callable[..., Any]]
    ) -> None:
        self._owner = owner
        self._name = name
        self._make = make
        self._layers: dict[Callable[..., Any], Callable[..., Any]] = {}  # replacement: what it replaced
        self._is_active = False

    def install(self) -> None:
        """Act from now on."""
        self._is_active = True
        if not self._is_in_place():
            original = getattr(self._owner, self._name)
            replacement = functools.wraps(original)(self._make(original, lambda: self._is_active))
            self._layers[replacement] = original
            setattr(self._owner, self._name, replacement)

    def uninstall(self) -> None:
        """Act no longer."""
        self._is_active = False
        while (original := self._layers.pop(getattr(self._owner, self._name), None)) is not None:
            setattr(self._owner, self._name, original)

    def _is_in_place(self) -> bool:
        """Whether a replacement is the method, or under what others wrapped around it and tell of."""
        method: Any = getattr(self._owner, self._name)
        for _ in range(MAX_CHAIN):
            if method in self._layers:
                return True
            method = getattr(method, "__wrapped__", None)
        return False


_inside = threading.local()
"""Whether this thread is submitting a task: the pool may then start a thread, which belongs to no one task."""


def _make_submit(original: Callable[..., Any], is_active: Callable[[], bool]) -> Callable[..., Any]:
    def submit(self: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        if not is_active():
            return original(self, fn, *args, **kwargs)
        outer = getattr(_inside, "submit", False)
        _inside.submit = True
        try:
            # Also when nothing is current: the pool's thread may have inherited the span of its first task.
            return original(self, Carried(fn, get_current()), *args, **kwargs)
        finally:
            _inside.submit = outer

    return submit


def _make_start(original: Callable[..., Any], is_active: Callable[[], bool]) -> Callable[..., Any]:
    def start(self: threading.Thread) -> Any:
        if is_active() and not getattr(_inside, "submit", False):
            guard.call("threads.start", _carry_into, self)
        return original(self)

    return start


def _carry_into(thread: threading.Thread) -> None:
    """Wrap the thread's own ``run``, whoever defined it, unless Python itself gives the thread a context (3.14)."""
    inherits = getattr(sys.flags, "thread_inherit_context", False) or getattr(thread, "_context", None) is not None
    context = get_current()
    if inherits or not context or thread.name.startswith(OWN_THREADS) or isinstance(thread.run, Once):
        return
    thread.run = Once(Carried(thread.run, context))  # type: ignore[method-assign]


_lock = threading.Lock()
_submit: Final = Patch(ThreadPoolExecutor, "submit", _make_submit)
_start: Final = Patch(threading.Thread, "start", _make_start)


def install(mode: PropagationMode = "executors") -> None:
    """Carry the current span into tasks of thread pools by itself, and with ``all`` into threads too.

    ``run_in_executor`` and ``asyncio.to_thread`` are covered by the pools. Calling it again changes the mode.
    """
    with _lock:
        guard.call("threads.install", _submit.install)
        guard.call("threads.install", _start.install if mode == "all" else _start.uninstall)


def uninstall() -> None:
    """Undo ``install``. Tasks and threads under way keep their context."""
    with _lock:
        guard.call("threads.uninstall", _submit.uninstall)
        guard.call("threads.uninstall", _start.uninstall)
