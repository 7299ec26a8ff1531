import contextvars
import multiprocessing
import os
import pickle
import queue
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, propagate, trace
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from otel_perf.core.guard import guard
from otel_perf.tracing import propagation
from otel_perf.tracing.propagation import (
    MAX_LENGTHS,
    attached,
    bind_process,
    extract,
    extract_environment,
    inject,
    inject_environment,
    refused,
)

TRACE_ID, SPAN_ID = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def _current_span() -> Iterator[None]:
    """A span with known identifiers, trace state and baggage is current."""
    state = TraceState([("vendor", "value")])
    context = SpanContext(TRACE_ID, SPAN_ID, is_remote=False, trace_flags=TraceFlags(1), trace_state=state)
    token = attach(baggage.set_baggage("user", "7", trace.set_span_in_context(NonRecordingSpan(context))))
    yield
    detach(token)


@pytest.fixture(autouse=True)
def _nothing_refused() -> Iterator[None]:
    """Each test counts its own refusals."""
    refused.clear()
    yield
    refused.clear()


def current_ids() -> tuple[int, int]:
    """Trace id and span id that are current here (top level, so that another process can be asked)."""
    context = trace.get_current_span().get_span_context()
    return context.trace_id, context.span_id


def ids_of(context: Context) -> tuple[int, int]:
    """Trace id and span id of a context."""
    found = trace.get_current_span(context).get_span_context()
    return found.trace_id, found.span_id


@pytest.mark.usefixtures("_current_span")
def test_what_is_injected_is_extracted() -> None:
    """Identifiers, flags, trace state and baggage survive the way through headers."""
    carrier = inject()
    assert carrier == {"traceparent": TRACEPARENT, "tracestate": "vendor=value", "baggage": "user=7"}
    context = extract(carrier)
    found = trace.get_current_span(context).get_span_context()
    assert (found.trace_id, found.span_id, found.trace_flags) == (TRACE_ID, SPAN_ID, 1)
    assert found.is_remote
    assert found.trace_state.to_header() == "vendor=value"
    assert baggage.get_baggage("user", context) == "7"


@pytest.mark.usefixtures("_current_span")
def test_headers_that_are_there_already_stay() -> None:
    """Injecting adds to the carrier that was given."""
    carrier = {"x-other": "1"}
    assert inject(carrier) is carrier
    assert set(carrier) == {"x-other", "traceparent", "tracestate", "baggage"}


def test_nothing_current_injects_nothing() -> None:
    """Outside of any span the headers stay empty."""
    assert inject() == {}


@pytest.mark.parametrize(
    "carrier",
    [
        {"traceparent": TRACEPARENT},
        {"Traceparent": TRACEPARENT},
        {"TRACEPARENT": [TRACEPARENT]},
        {"traceparent": (TRACEPARENT,)},
        {b"traceparent": TRACEPARENT.encode()},
        [(b"traceparent", TRACEPARENT.encode())],
        [("host", "x"), ("traceparent", TRACEPARENT)],
        {"traceparent": TRACEPARENT, "args": [1, object()], 7: None},
    ],
)
def test_headers_of_every_server_and_queue_are_read(carrier: Any) -> None:
    """Any case, text or bytes, mappings or pairs, single values or lists."""
    assert ids_of(extract(carrier)) == (TRACE_ID, SPAN_ID)


@pytest.mark.parametrize(
    "carrier",
    [
        {},
        [],
        None,
        7,
        "traceparent",
        [1, 2],
        {"traceparent": "nonsense"},
        {"traceparent": "00-" + "0" * 32 + "-" + "0" * 16 + "-01"},
        {"traceparent": None},
        {"traceparent": b"\xff\xfe"},
        {"traceparent": TRACEPARENT + "x" * 200},
    ],
)
def test_an_unusable_carrier_changes_nothing(carrier: Any) -> None:
    """What cannot be read leaves the context as it was, and raises nothing."""
    base = baggage.set_baggage("a", "b", Context())
    context = extract(carrier, base)
    assert ids_of(context) == (0, 0)
    assert baggage.get_baggage("a", context) == "b"


@pytest.mark.parametrize("name", ["traceparent", "tracestate", "baggage"])
def test_headers_that_are_too_long_are_left_out_and_counted(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A hostile header of a megabyte is not read; it is counted, told once, and the other headers still work."""
    carrier = {"traceparent": TRACEPARENT, "tracestate": "a=b", "baggage": "user=7"}
    carrier[name] = (carrier[name] + ",k=v" * 300_000)[:1_000_000]
    for _ in range(3):
        context = extract(carrier)
    assert refused == {name: 3}
    assert len([record for record in caplog.records if name in record.message]) == 1
    assert ids_of(context) == ((0, 0) if name == "traceparent" else (TRACE_ID, SPAN_ID))
    assert baggage.get_all(context) == ({} if name == "baggage" else {"user": "7"})


def test_headers_at_their_bound_are_read() -> None:
    """What W3C allows passes: 8,192 characters of baggage."""
    text = f"a={'v' * 4000},b={'w' * 4000},c=".ljust(MAX_LENGTHS["baggage"], "x")
    assert set(baggage.get_all(extract({"baggage": text}))) == {"a", "b", "c"}
    assert not refused


def test_a_hundred_thousand_headers_are_not_all_read() -> None:
    """An endless carrier is read up to its bound only."""

    def endless() -> Iterator[tuple[str, str]]:
        while True:
            yield "x", "y"

    assert ids_of(extract(endless())) == (0, 0)


@given(st.dictionaries(st.text() | st.binary(), st.text() | st.binary() | st.none() | st.lists(st.text())))
def test_no_headers_raise(carrier: dict[Any, Any]) -> None:
    """Whatever stands in the headers, a context comes out and no error is ours."""
    before = guard.total()
    assert isinstance(extract(carrier), Context)
    assert guard.total() == before


def test_a_block_runs_in_the_context_of_its_carrier() -> None:
    """Inside the block the remote span is current; after it, also after an error, what was current before."""
    before = get_current()
    with pytest.raises(KeyError), attached({"traceparent": TRACEPARENT}) as context:
        assert get_current() is context
        assert current_ids() == (TRACE_ID, SPAN_ID)
        raise KeyError
    assert get_current() == before


@pytest.mark.usefixtures("_current_span")
def test_a_block_without_a_usable_carrier_keeps_the_context_around_it() -> None:
    """An empty carrier does not cut the calls in the block off from their parent."""
    with attached({}):
        assert current_ids() == (TRACE_ID, SPAN_ID)
        assert baggage.get_baggage("user") == "7"


def test_a_block_left_elsewhere_does_not_disturb(caplog: pytest.LogCaptureFixture) -> None:
    """A block that is left in another execution context detaches nothing and logs nothing."""

    def leave_elsewhere() -> None:
        block = attached({"traceparent": TRACEPARENT})
        block.__enter__()
        contextvars.Context().run(block.__exit__, None, None, None)
        block.__exit__(None, None, None)

    contextvars.copy_context().run(leave_elsewhere)
    assert not caplog.records


@pytest.mark.usefixtures("_current_span")
def test_a_subprocess_finds_its_parent_in_its_environment() -> None:
    """``TRACEPARENT``, ``TRACESTATE`` and ``BAGGAGE`` reach a real subprocess, which reads them back."""
    environment = inject_environment({**os.environ, "PYTHONPATH": os.getcwd(), "TRACEPARENT": "stale"})  # noqa: PTH109
    assert environment["TRACEPARENT"] == TRACEPARENT
    script = (
        "import os\n"
        "from opentelemetry import baggage, trace\n"
        "from otel_perf.tracing.propagation import extract_environment\n"
        "context = extract_environment(os.environ)\n"
        "span = trace.get_current_span(context).get_span_context()\n"
        "print(span.trace_id, span.span_id, span.trace_state.to_header(), baggage.get_baggage('user', context))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(TRACE_ID), str(SPAN_ID), "vendor=value", "7"]


def test_the_environment_of_an_older_context_is_taken_out() -> None:
    """With nothing current, a subprocess does not inherit the trace that this process was started in."""
    old = {"TRACEPARENT": TRACEPARENT, "BAGGAGE": "a=b", "PATH": "/bin"}
    assert inject_environment(old) == {"PATH": "/bin"}
    assert old["TRACEPARENT"] == TRACEPARENT
    assert ids_of(extract_environment(old)) == (TRACE_ID, SPAN_ID)
    assert ids_of(extract_environment({})) == (0, 0)


@pytest.mark.usefixtures("_current_span")
def test_a_bound_function_can_be_pickled_and_runs_in_its_context() -> None:
    """A function for another process carries its trace context with it, and knows what it wraps."""
    bound = pickle.loads(pickle.dumps(bind_process(current_ids)))  # noqa: S301 - our own bytes
    assert bound.__wrapped__ is current_ids
    token = attach(Context())
    try:
        assert bound() == (TRACE_ID, SPAN_ID)
        assert current_ids() == (0, 0)
    finally:
        detach(token)


@pytest.mark.usefixtures("_current_span")
def test_a_process_pool_and_a_process_run_in_the_context_they_were_given() -> None:
    """Real children, by pool and by ``Process``, see the parent's span as their remote parent."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        assert pool.submit(bind_process(current_ids)).result(60) == (TRACE_ID, SPAN_ID)
    answers = spawn.Queue()
    child = spawn.Process(target=bind_process(put_ids), args=(answers,))
    child.start()
    try:
        assert answers.get(timeout=60) == (TRACE_ID, SPAN_ID)
    finally:
        child.join(60)
        answers.close()
        answers.join_thread()


def put_ids(answers: Any) -> None:
    """Put the identifiers that are current here."""
    answers.put(current_ids())


@pytest.mark.usefixtures("_current_span")
def test_a_queue_carries_the_context_to_its_consumer() -> None:
    """Headers travel with a message, and its consumer works under the producer's span."""
    messages: queue.Queue[tuple[dict[str, str], str]] = queue.Queue()
    messages.put((inject(), "work"))
    token = attach(Context())
    try:
        headers, _ = messages.get()
        with attached(headers):
            assert current_ids() == (TRACE_ID, SPAN_ID)
    finally:
        detach(token)


class Broken(TextMapPropagator):
    """A propagator of the application that always raises."""

    def extract(self, *args: Any, **kwargs: Any) -> Context:
        raise RuntimeError

    def inject(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError

    @property
    def fields(self) -> set[str]:
        raise RuntimeError


@pytest.mark.usefixtures("_current_span")
def test_a_propagator_that_raises_never_reaches_the_application() -> None:
    """With a broken global propagator, headers stay empty and contexts unchanged."""
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(Broken())
    try:
        assert inject({"a": "b"}) == {"a": "b"}
        assert extract({"traceparent": TRACEPARENT}) == Context()
        assert inject_environment({"A": "b"}) == {"A": "b"}
        assert ids_of(extract_environment({"TRACEPARENT": TRACEPARENT})) == (0, 0)
        with attached({"traceparent": TRACEPARENT}):
            assert current_ids() == (TRACE_ID, SPAN_ID)
    finally:
        propagate.set_global_textmap(before)


def test_unknown_propagators_fall_back_to_w3c() -> None:
    """``OTEL_PROPAGATORS=zz`` makes the API's own module unimportable; ours still carries W3C Trace Context."""
    script = (
        "from opentelemetry import trace\n"
        "from otel_perf.tracing.propagation import attached, inject\n"
        f"with attached({{'traceparent': {TRACEPARENT!r}}}):\n"
        "    print(inject(), inject())\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "OTEL_PROPAGATORS": "zz"}  # noqa: PTH109
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.count(TRACEPARENT) == 2
    assert done.stderr.count("zz") == 1
    assert "Traceback" not in done.stderr


def test_the_propagator_module_is_not_imported_before_it_is_needed() -> None:
    """Importing our module reads no propagator setting."""
    script = "import sys, otel_perf.tracing.propagation\nprint('opentelemetry.propagate' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}  # noqa: PTH109
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert propagation.__all__
