"""A backend that costs next to nothing: answers every OTLP/HTTP request at once, and counts the spans.

Run as ``python -m otel_perf.bench.sink [core]``. It prints its port, and ends when its standard input closes. The
first part of a request's path names the sender, so that one sink serves many: ``POST /{sender}/v1/traces``.
"""

import gzip
import json
import os
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from otel_perf.bench.span_count import count_spans

__all__ = ["main"]

_spans: Final[Counter[str]] = Counter()
_lock: Final = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Take a request, count, say yes."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        _, sender, _, signal = self.path.split("/")
        if signal == "traces":
            with _lock:
                _spans[sender] += count_spans(body)
        self._answer(b"", "application/x-protobuf")

    def do_GET(self) -> None:
        """Tell the counts."""
        with _lock:
            self._answer(json.dumps(_spans).encode(), "application/json")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's signature
        """Say nothing."""


def main() -> None:
    """Serve until standard input closes."""
    if len(sys.argv) > 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(sys.argv[1])})
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)  # noqa: T201 - the parent reads it
    sys.stdin.read()


if __name__ == "__main__":
    main()
