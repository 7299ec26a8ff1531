"""A WSGI application and an ASGI application; ``LIFE_HOW`` says how the second one is ended."""

import asyncio
import os
import time

import otel_perf

handle = otel_perf.instrument(
    endpoint=os.environ["LIFE_URL"], handle_sigterm="handle_sigterm" in os.environ["LIFE_HOW"]
)


@otel_perf.tool
def leaf(number):
    """The least that a tool can do."""
    return number


def app(environ, start_response):
    """Ten calls for each request."""
    for number in range(10):
        leaf(number)
    time.sleep(0.005)  # so that all workers get their share
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()}\n".encode()]


async def lifespan(receive, send):
    """The beginning and the end of the application."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    if os.environ["LIFE_HOW"] == "lifespan":
        handle.shutdown()
    await asyncio.sleep(0.5)  # it has other things to tidy up
    await send({"type": "lifespan.shutdown.complete"})


async def asgi_app(scope, receive, send):
    """The same as an ASGI application."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    for number in range(10):
        leaf(number)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": f"{os.getpid()}\n".encode()})
