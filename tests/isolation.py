"""What keeps a test to itself: the look for threads that were left, and the refusal of any network but the loopback."""

import socket
import threading
import time
from typing import Any


def threads_left(before: set[threading.Thread], seconds: float) -> list[str]:
    """Names of our threads that were not there ``before`` and do not end within ``seconds``, all together."""
    deadline = time.monotonic() + seconds
    ours = [each for each in threading.enumerate() if each.name.startswith("otel_perf") and each not in before]
    for thread in ours:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [thread.name for thread in ours if thread.is_alive()]


class LoopbackOnly:
    """Refuses every address that is not of this machine, and remembers it, for a refusal may be swallowed.

    Attributes:
        refused: The hosts that were asked for, oldest first.
    """

    def __init__(self) -> None:
        self.refused: list[str] = []

    def check(self, host: object) -> None:
        """Pass for a loopback address, a Unix socket or a name that never resolves (RFC 6761)."""
        name = host.decode() if isinstance(host, bytes) else host
        if name is None or not isinstance(name, str) or name in {"", "localhost", "::1", "0.0.0.0", "::"}:
            return
        if name.startswith("127."):
            return
        if name.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "a name that never resolves")
        self.refused.append(name)
        raise OSError(f"the tests use the loopback only, not {name}")


LOOPBACK_ONLY = LoopbackOnly()


def guarded_connection(original: Any) -> Any:
    """``connect`` or ``connect_ex``, with the address looked at first (a Unix socket's is a path)."""

    def connection(self: socket.socket, address: Any) -> Any:
        if isinstance(address, tuple):
            LOOPBACK_ONLY.check(address[0])
        return original(self, address)

    return connection


def guarded_look_up(original: Any) -> Any:
    """``getaddrinfo``, with the name looked at first."""

    def look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        LOOPBACK_ONLY.check(host)
        return original(host, *arguments, **options)

    return look_up
