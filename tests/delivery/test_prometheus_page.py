"""The metrics page, asked over real sockets."""

import contextlib
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse
from typing import Any, NamedTuple

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics.export import MetricsData
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from otel_perf.delivery.prometheus_page import PrometheusPage
from otel_perf.delivery.prometheus_request import Gate, Refusal, Scrape
from otel_perf.delivery.prometheus_text import OPENMETRICS, TEXT
from otel_perf.meters.owned import OwnedMeterProvider
from tests.delivery.metric_data import RESOURCE, counter, data_of, number

SERIES = 1_500


def one_counter() -> MetricsData:
    """A small page."""
    return data_of(counter("c", number(1)))


def many_series() -> MetricsData:
    """A page of which a part is noticed."""
    return data_of(counter("many", *(number(i, {"k": str(i)}) for i in range(SERIES))))


Opener = Callable[..., PrometheusPage]


@pytest.fixture
def open_page() -> Iterator[Opener]:
    """Opens pages on free ports and closes them with the test."""
    with contextlib.ExitStack() as stack:

        def open_one(source: Callable[[], MetricsData] = one_counter, **options: Any) -> PrometheusPage:
            page = PrometheusPage(source, port=0, **options)
            stack.callback(page.close)
            assert page.start()
            return page

        yield open_one


def port_of(page: PrometheusPage) -> int:
    """The real port."""
    assert page.url is not None
    return int(re.fullmatch(r"http://.*:(\d+)/metrics", page.url)[1])  # type: ignore[index]


class Got(NamedTuple):
    """A response."""

    status: int
    body: str
    headers: dict[str, str]
    seconds: float


def get(page: PrometheusPage, path: str = "/metrics", method: str = "GET", **headers: str) -> Got:
    """Ask as a client does."""
    begun = time.monotonic()
    connection = HTTPConnection("127.0.0.1", port_of(page), timeout=10)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response: HTTPResponse = connection.getresponse()
        body = response.read().decode()
    finally:
        connection.close()
    return Got(response.status, body, {k.lower(): v for k, v in response.getheaders()}, time.monotonic() - begun)


def raw(page: PrometheusPage, request: bytes) -> bytes:
    """Send bytes, and read until the other side closes."""
    with socket.create_connection(("127.0.0.1", port_of(page)), timeout=10) as sock:
        sock.sendall(request)
        received = b""
        while data := sock.recv(65536):
            received += data
    return received


# -- the page ----------------------------------------------------------------------------------------------------


def test_a_scrape_gets_values_that_are_newer_than_itself(open_page: Opener) -> None:
    """Each scrape sees what was counted before it."""
    total = 0
    page = open_page(lambda: data_of(counter("c", number(total))))
    for total in range(1, 20):
        assert f'c_total{{otel_scope_name="app"}} {total}\n' in get(page).body


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, TEXT),
        ("*/*", TEXT),
        ("text/plain", TEXT),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", OPENMETRICS),
        ("application/openmetrics-text;version=1.0.0;q=0.2,text/plain;q=0.9", TEXT),
        ("application/openmetrics-text;version=0.0.1", TEXT),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;q=nonsense", TEXT),
    ],
)
def test_the_format_is_the_one_that_was_asked_for(open_page: Opener, accept: str | None, content_type: str) -> None:
    """Both parse with Prometheus' own parsers."""
    got = get(open_page(), **({} if accept is None else {"Accept": accept}))
    assert (got.status, got.headers["content-type"]) == (200, content_type)
    parse = parse_openmetrics if content_type == OPENMETRICS else parse_text
    assert {"c", "target"} & {family.name.removesuffix("_info") for family in parse(got.body)} == {"c", "target"}


def test_head_gives_the_headers_alone(open_page: Opener) -> None:
    """The length is that of the page."""
    page = open_page()
    head, whole = get(page, method="HEAD"), get(page)
    assert (head.status, head.body) == (200, "")
    assert head.headers["content-length"] == whole.headers["content-length"] == str(len(whole.body))


def test_t58_a_port_in_use_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    """T-58: the application goes on; the status says why there is no page, and where it was wanted."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        page = PrometheusPage(one_counter, port=other.getsockname()[1])
        with caplog.at_level(logging.WARNING, "otel_perf"):
            assert not page.start()
        assert len(caplog.records) == 1
        assert f"127.0.0.1:{other.getsockname()[1]}" in caplog.text
        assert page.url is None
        assert "in use" in str(page.status().problem)
        page.close()


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("127.0.0.1", 99_999, "0 to 65535"),
        ("127.0.0.1", -1, "0 to 65535"),
        ("192.0.2.1", 0, "token"),
        ("0.0.0.0", 0, "token"),
        ("::", 0, "token"),
        ("some.host.example", 0, "IP address"),
    ],
)
def test_t58_an_address_that_cannot_be_had_is_one_warning(
    caplog: pytest.LogCaptureFixture, host: str, port: int, reason: str
) -> None:
    """T-58: invalid port, address that others can reach without a token, name that would have to be looked up."""
    page = PrometheusPage(one_counter, host, port)
    with caplog.at_level(logging.WARNING, "otel_perf"):
        assert not page.start()
    assert len(caplog.records) == 1
    assert reason in str(page.status().problem)


def test_t58_an_address_of_another_machine_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    """T-58: with a token, but not an address of this machine (TEST-NET, RFC 5737)."""
    page = PrometheusPage(one_counter, "192.0.2.1", 0, token="t")
    with caplog.at_level(logging.WARNING, "otel_perf"):
        assert not page.start()
    assert page.status().problem == "this machine has no such address"
    assert len(caplog.records) == 1


@pytest.mark.skipif(os.name != "posix" or not hasattr(os, "setresuid"), reason="needs to give up privileges")
def test_t58_a_privileged_port_is_one_warning() -> None:
    """T-58: a process without privileges asks for port 80; it says so and goes on."""
    script = (
        "import logging, os, sys\n"
        "from otel_perf.delivery.prometheus_page import PrometheusPage\n"
        "logging.basicConfig(level=logging.WARNING, stream=sys.stdout)\n"
        "if os.getuid() == 0: os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)\n"
        "page = PrometheusPage(lambda: None, port=80)\n"
        "print(page.start(), page.status().problem)\n"
    )
    with contextlib.suppress(OSError, ValueError), open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as first:  # noqa: PTH123 - one number
        if int(first.read()) <= 80:
            pytest.skip("every port may be opened by everybody here")
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert "False this user may not open it (ports below 1024 are privileged)" in answer.stdout
    assert answer.stdout.count("WARNING") == 1


def test_t59_only_the_loopback_is_bound(open_page: Opener) -> None:
    """T-59: as the operating system tells it."""
    page = open_page()
    bound = [
        connection.laddr
        for connection in psutil.Process().net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port_of(page)
    ]
    assert [(address.ip, address.port) for address in bound] == [("127.0.0.1", port_of(page))]


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_the_page_can_be_on_ipv6() -> None:
    """``[::1]`` is loopback too."""
    page = PrometheusPage(one_counter, "[::1]", 0)
    if not page.start():
        pytest.skip("this machine has no IPv6 loopback")
    try:
        with socket.create_connection(("::1", port_of(page)), timeout=10) as sock:
            sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: [::1]:9464\r\n\r\n")
            assert sock.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
    finally:
        page.close()


@pytest.mark.parametrize(
    ("request_line", "headers", "status"),
    [
        ("GET /metrics HTTP/1.1", "Host: evil.example", 403),
        ("GET /metrics HTTP/1.1", "Host: localhost.evil.example", 403),
        ("GET /metrics HTTP/1.1", "Host: 127.0.0.1@evil.example", 403),
        ("GET /metrics HTTP/1.1", "Host: localhost\r\nOrigin: https://evil.example", 403),
        ("GET /metrics HTTP/1.1", "Host: localhost\r\nOrigin: null", 403),
        ("GET /metrics HTTP/1.1", "Host: localhost\r\nHost: localhost", 400),
        ("GET /metrics HTTP/1.1", "X: y", 400),
        ("GET /metrics HTTP/1.0", "X: y", 400),
        ("GET /metrics HTTP/1.1", "Host : localhost", 400),
        ("GET /../../etc/passwd HTTP/1.1", "Host: localhost", 404),
        ("GET / HTTP/1.1", "Host: localhost", 404),
        ("GET /metrics/ HTTP/1.1", "Host: localhost", 404),
        ("GET /metrics/../etc HTTP/1.1", "Host: localhost", 404),
        ("GET http://evil.example/metrics HTTP/1.1", "Host: localhost", 404),
        ("POST /metrics HTTP/1.1", "Host: localhost\r\nContent-Length: 5", 405),
        ("TRACE /metrics HTTP/1.1", "Host: localhost", 405),
        ("PUT /metrics HTTP/1.1", "Host: localhost", 405),
        ("GET /metrics", "Host: localhost", 400),
        ("\x16\x03\x01", "Host: localhost", 400),
        ("GET /metrics HTTP/2.0", "Host: localhost", 400),
        ("GET /metrics?name=x HTTP/1.1", "Host: LocalHost.:1234", 200),
        ("GET /metrics HTTP/1.1", "Host: 127.0.0.1\r\nOrigin: http://localhost:3000", 200),
        ("GET /metrics HTTP/1.0", "Host: [::1]:80", 200),
    ],
)
def test_t60_only_metrics_and_only_for_hosts_that_are_ours(
    open_page: Opener, request_line: str, headers: str, status: int
) -> None:
    """T-60: foreign hosts and origins, other paths and methods, malformed requests, over raw sockets."""
    answer = raw(open_page(), f"{request_line}\r\n{headers}\r\n\r\nbody?".encode("latin-1"))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert (b"c_total" in answer) is (status == 200)


def test_t60_a_head_without_end_is_refused(open_page: Opener) -> None:
    """T-60: 8 kB are enough for any honest request."""
    page = open_page()
    assert raw(page, b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 5_000).startswith(b"HTTP/1.1 431 ")
    assert get(page).status == 200


def test_configured_hosts_and_the_own_address_are_allowed(open_page: Opener) -> None:
    """A name that was configured, with any port."""
    page = open_page(allowed_hosts=["prometheus.internal:9464"])
    assert get(page, Host="prometheus.internal").status == 200
    assert get(page, Host="other.internal").status == 403


def test_a_token_has_to_be_brought_when_there_is_one() -> None:
    """On an address that others can reach: no page without the token, the page with it."""
    page = PrometheusPage(one_counter, "0.0.0.0", 0, token="sec ret")
    assert page.start()
    try:
        assert get(page).status == 401
        assert get(page).headers["www-authenticate"] == "Bearer"
        assert get(page, Authorization="Bearer wrong").status == 401
        assert get(page, Authorization="Basic sec ret").status == 401
        assert get(page, Authorization="Bearer sec ret").status == 200
        assert get(page, Authorization="Bearer sec ret", Host="evil.example").status == 403
    finally:
        page.close()


@given(st.binary(max_size=300))
def test_no_request_head_breaks_the_gate(head: bytes) -> None:
    """Whatever arrives is refused or is a scrape; nothing raises."""
    decision = Gate(token="t").judge(head, "127.0.0.1")
    assert isinstance(decision, Refusal | Scrape)


def test_t61_concurrent_scrapes_are_complete(open_page: Opener) -> None:
    """T-61: 8 clients, 60 scrapes each, 1,500 series, collections stretched by 2 ms: each page whole, none doubled."""
    collecting = threading.Lock()

    def slow() -> MetricsData:
        assert collecting.acquire(blocking=False), "two collections at a time"
        try:
            data = many_series()
            threading.Event().wait(0.002)
            return data
        finally:
            collecting.release()

    page = open_page(slow)

    def scrape(client: int) -> list[int]:
        accept = {"Accept": "application/openmetrics-text"} if client % 2 else {}
        return [get(page, **accept).body.count("\nmany_total{") for _ in range(60)]

    with ThreadPoolExecutor(8) as clients:
        counts = [count for found in clients.map(scrape, range(8)) for count in found]
    assert counts == [SERIES] * 480


@pytest.mark.parametrize("behaviour", ["raises", "hangs"])
def test_t62_a_callback_that_fails_never_keeps_a_scrape_waiting(open_page: Opener, behaviour: str) -> None:
    """T-62: the page within a second, last value and its age, no thread per scrape, instruments can be created."""
    released, broken = threading.Event(), threading.Event()
    provider = OwnedMeterProvider(RESOURCE)
    meter = provider.get_meter("app")

    def callback(options: CallbackOptions) -> list[Observation]:
        if broken.is_set() and behaviour == "raises":
            raise ValueError("broken sensor")
        if broken.is_set():
            released.wait(60)
        return [Observation(42)]

    meter.create_observable_gauge("sensor", [callback])
    reader = provider.reader()
    page = open_page(lambda: reader.collect() or data_of(), stale=provider.callbacks.stale_seconds)
    try:
        assert 'sensor{otel_scope_name="app"} 42\n' in get(page).body
        broken.set()
        threads = []
        for scrape in range(6):
            meter.create_counter(f"c{scrape}").add(scrape)
            begun = time.monotonic()
            meter.create_observable_gauge(f"new{scrape}", [lambda options: [Observation(1)]])
            assert time.monotonic() - begun < 0.5
            got = get(page)
            assert (got.status, got.seconds < 1) == (200, True)
            assert 'sensor{otel_scope_name="app"} 42\n' in got.body
            assert f'c{scrape}_total{{otel_scope_name="app"}} {scrape}\n' in got.body
            assert ("sensor=" in got.headers.get("x-otel-perf-stale", "")) is (behaviour == "hangs")
            threads.append(threading.active_count())
        assert max(threads[1:]) <= threads[1]
        assert ("sensor" in page.status().stale) is (behaviour == "hangs")
    finally:
        released.set()
        page.close()
        provider.shutdown()


def test_t62_a_collection_that_hangs_gives_the_last_page_and_its_age(open_page: Opener) -> None:
    """T-62: on a provider that is not ours the whole collection may hang; after it the page is fresh again."""
    hang, released = threading.Event(), threading.Event()

    def source() -> MetricsData:
        if hang.is_set():
            released.wait(60)
        return one_counter()

    page = open_page(source)
    fresh = get(page)
    assert "age" not in fresh.headers
    hang.set()
    try:
        stale = [get(page) for _ in range(3)]
        assert {(got.status, got.body) for got in stale} == {(200, fresh.body)}
        assert min(got.seconds for got in stale) < 1
        ages = [float(got.headers["x-otel-perf-age-seconds"]) for got in stale]
        assert 0 < ages[0] < ages[1] < ages[2]
        assert sum(thread.name == "otel_perf-prometheus-collect" for thread in threading.enumerate()) == 1
    finally:
        hang.clear()
        released.set()
    while "age" in get(page).headers:
        pass


def test_t62_without_any_value_yet_the_answer_says_so(open_page: Opener) -> None:
    """T-62: a first collection that hangs or fails: 503 within a second, and never a traceback."""
    released = threading.Event()
    hanging = open_page(lambda: released.wait(60) and one_counter())

    def failing() -> MetricsData:
        raise RuntimeError("secret detail")

    try:
        for page in (hanging, open_page(failing)):
            got = get(page)
            assert (got.status, got.headers["retry-after"]) == (503, "1")
            assert "secret" not in got.body
            assert got.seconds < 1.5
    finally:
        released.set()


def test_t65_half_open_connections_keep_nobody_waiting(open_page: Opener) -> None:
    """T-65: of 200 that send nothing at most 32 are kept, the others are closed; a scrape takes no second."""
    page = open_page()
    with contextlib.ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port_of(page)), timeout=10)) for _ in range(200)
        ]
        for _ in range(5):
            got = get(page)
            assert (got.status, got.seconds < 1) == (200, True)
        kept = sum(
            connection.status == psutil.CONN_ESTABLISHED and connection.laddr.port == port_of(page)
            for connection in psutil.Process().net_connections("tcp")
        )
        assert kept <= 32
        assert page.status().refused >= 200 - 32
        assert idle[0].recv(1) == b""


def test_t65_a_client_that_sends_slowly_is_cut_off(open_page: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """T-65: the time for a whole request is limited, not the time between two bytes."""
    monkeypatch.setattr("otel_perf.delivery.prometheus_listener.READ_NS", 200_000_000)
    page = open_page()
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port_of(page)), timeout=0.02) as sock:
        while time.monotonic() - begun < 5 and sends_on(sock):
            pass
    assert time.monotonic() - begun < 3
    assert page.status().refused == 1
    assert get(page).status == 200


def sends_on(sock: socket.socket) -> bool:
    """Send one byte, wait a moment; False once the other side has closed."""
    try:
        sock.sendall(b"G")
        return sock.recv(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def test_a_client_that_does_not_read_is_cut_off(open_page: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page larger than the socket's buffers does not tie up the server."""
    large = data_of(counter("large", *(number(i, {"k": "x" * 1000, "i": str(i)}) for i in range(10_000))))
    page = open_page(lambda: large)
    while get(page).status != 200:
        pass
    monkeypatch.setattr("otel_perf.delivery.prometheus_listener.WRITE_NS", 200_000_000)
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", port_of(page)))
        sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        deadline = time.monotonic() + 10
        while not page.status().refused and time.monotonic() < deadline:
            threading.Event().wait(0.02)
        assert page.status().refused == 1


# -- life --------------------------------------------------------------------------------------------------------


def test_shutting_down_answers_503_and_closing_ends_everything(open_page: Opener) -> None:
    """Never an empty page with 200; after the end there is no listener and no thread."""
    page = open_page()
    assert get(page).status == 200
    page.retire()
    got = get(page)
    assert (got.status, got.body) == (503, "shutting down\n")
    port = port_of(page)
    page.close()
    page.close()
    assert page.url is None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    assert not [t.name for t in threading.enumerate() if t.name.startswith("otel_perf-prometheus")]
    assert page.status().answered == 2


def test_a_closed_page_can_be_opened_again() -> None:
    """Instrument → shutdown → instrument."""
    page = PrometheusPage(one_counter, port=0)
    for _ in range(3):
        assert page.start()
        assert page.start()
        assert get(page).status == 200
        page.close()


def test_a_page_closed_while_a_collection_hangs_leaves_nothing_to_disturb_the_next() -> None:
    """Closing takes no longer than it may, and the old collection's late result is not shown."""
    hang, released = threading.Event(), threading.Event()
    hang.set()

    def source() -> MetricsData:
        if hang.is_set():
            released.wait(60)
            return data_of(counter("old", number(1)))
        return one_counter()

    page = PrometheusPage(source, port=0)
    assert page.start()
    assert get(page).status == 503
    begun = time.monotonic()
    page.close(0.3)
    assert time.monotonic() - begun < 2
    hang.clear()
    assert page.start()
    released.set()
    try:
        for _ in range(5):
            assert "old_total" not in get(page).body
    finally:
        page.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_a_page_of_its_own_when_asked(open_page: Opener) -> None:
    """The parent's page goes on; the child's is on the next free port, with the child's values."""
    parent = os.getpid()
    probe = open_page(lambda: data_of(counter("c", number(parent if os.getpid() == parent else 1))))
    base = port_of(probe)
    probe.close()
    page = PrometheusPage(lambda: data_of(counter("c", number(1 if os.getpid() == parent else 2))), port=base)
    if not page.start():
        pytest.skip("the port was taken meanwhile")
    try:
        assert " 1\n" in get(page).body
        child = os.fork()
        if child == 0:
            status = 1
            try:
                page.after_fork_in_child(restart=True)
                status = 0 if port_of(page) > base and 'c_total{otel_scope_name="app"} 2\n' in get(page).body else 2
                page.close()
            finally:
                os._exit(status)
        _, waited = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(waited) == 0
        assert 'c_total{otel_scope_name="app"} 1\n' in get(page).body
    finally:
        page.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_that_was_not_asked_does_not_hold_the_port(open_page: Opener) -> None:
    """The parent can close its page, and the port is free, while the child lives."""
    page = open_page()
    port = port_of(page)
    to_child, from_parent = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(from_parent)
        status = 1
        try:
            page.after_fork_in_child(restart=False)
            os.read(to_child, 1)
            status = 0 if page.url is None else 2
        finally:
            os._exit(status)
    os.close(to_child)
    try:
        assert get(page).status == 200
        page.close()
        # The child may not have let go yet: it has a moment.
        deadline = time.monotonic() + 10
        refused = False
        while not refused and time.monotonic() < deadline:
            with socket.socket() as sock:
                refused = sock.connect_ex(("127.0.0.1", port)) != 0
        assert refused
    finally:
        os.close(from_parent)
        _, waited = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(waited) == 0


def test_scraping_takes_a_bounded_share_of_the_processor(open_page: Opener) -> None:
    """Scrapers in a tight loop get pages, but collections pause four times as long as they take."""
    busy = []

    def source() -> MetricsData:
        begun = time.monotonic()
        data = many_series()
        threading.Event().wait(0.02)
        busy.append(time.monotonic() - begun)
        return data

    page = open_page(source)
    begun = time.monotonic()
    while time.monotonic() - begun < 1:
        assert get(page).status == 200
    assert sum(busy) < 0.4
