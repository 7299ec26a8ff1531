"""An OTLP/HTTP receiver with a thread per connection."""

import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.sinks.received import Behaviour, Received

SIGNALS = {"/v1/traces": "traces", "/v1/metrics": "metrics", "/v1/logs": "logs"}


class HttpSink(Received):
    """The receiver. A request for any other path than those of OTLP is answered with 404."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self._server = _Server(self, port, tls)
        self.port: int = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="http-sink", daemon=True
        )
        self._thread.start()

    @property
    def connections_so_far(self) -> int:
        """Connections accepted since the start."""
        return self._server.accepted

    def close(self) -> None:
        """Stop listening and cut every connection."""
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = True
    request_queue_size = 64

    def __init__(self, sink: HttpSink, port: int, tls: ssl.SSLContext | None) -> None:
        self.sink = sink
        self.tls = tls
        self.connections: set[socket.socket] = set()
        self.accepted = 0
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        if self.tls is not None:
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self.connections.add(connection)
        self.accepted += 1
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        for connection in list(self.connections):
            cut(connection)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A cut connection is no news here."""


def cut(connection: socket.socket) -> None:
    """Break a connection off."""
    try:
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        return


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        sink = cast("_Server", self.server).sink
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        path = "/" + self.path.split("/", 3)[-1] if self.path.startswith("http://") else self.path
        signal = SIGNALS.get(path.partition("?")[0])
        how = sink.next_behaviour()
        if signal is None:
            how, status = Behaviour(), 404
        elif how.black_hole:
            sink.judge(signal, body, dict(self.headers), Behaviour(status=0), 200)
            sink.stopped.wait()
            self.close_connection = True
            return
        else:
            sink.stopped.wait(how.delay_seconds)
            status = int(sink.judge(signal, body, {k.lower(): v for k, v in self.headers.items()}, how, 200))
        if how.drop_answer:
            self.close_connection = True
            cut(self.connection)
            return
        self._answer(status, how, signal)

    def _answer(self, status: int, how: Behaviour, signal: str | None) -> None:
        body = how.body if how.body is not None else (_success(how, signal) if status == 200 else b"")
        self.send_response(status)
        for name, value in how.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", how.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


def _success(how: Behaviour, signal: str | None) -> bytes:
    if not how.rejected_items and not how.message:
        return b""
    answer: Any
    if signal == "traces":
        answer = ExportTraceServiceResponse()
        answer.partial_success.rejected_spans = how.rejected_items
    elif signal == "logs":
        answer = ExportLogsServiceResponse()
        answer.partial_success.rejected_log_records = how.rejected_items
    else:
        answer = ExportMetricsServiceResponse()
        answer.partial_success.rejected_data_points = how.rejected_items
    answer.partial_success.error_message = how.message
    return cast("bytes", answer.SerializeToString())


@contextmanager
def http_sink(port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[HttpSink]:
    """A receiver for the block."""
    sink = HttpSink(port, tls)
    try:
        yield sink
    finally:
        sink.close()


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
