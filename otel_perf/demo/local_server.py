"""A web server on this machine, for the agent to ask: quick about some things, slow about others."""

from __future__ import annotations

import contextlib
import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = ["LocalServer"]

SECONDS_PER_MENTION: Final = 0.004
MAX_SECONDS: Final = 0.6
"""``/reviews`` takes longer the more a name is mentioned, as a service does that looks up each mention."""


class LocalServer:
    """Serves ``/mentions?name=`` and ``/reviews?name=`` on a free port of the loopback address, in a ``with`` block."""

    def __init__(self, mentions: Callable[[str], int]) -> None:
        """Take the function that counts how often a name is mentioned."""
        self._stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(mentions, self._stopping))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="local-server", daemon=True
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        """Start to serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; slow answers under way are cut short."""
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(mentions: Callable[[str], int], stopping: threading.Event) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            name = parse_qs(url.query).get("name", [""])[0]
            if url.path not in ("/mentions", "/reviews"):
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            found = mentions(name)
            if url.path == "/reviews":
                stopping.wait(min(MAX_SECONDS, found * SECONDS_PER_MENTION))
            # The client may have given up by now.
            with contextlib.suppress(ConnectionError):
                self._answer({"name": name, "mentions": found})

        def _answer(self, answer: dict[str, object]) -> None:
            body = json.dumps(answer).encode()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: standard error belongs to the demo."""

    return Handler
