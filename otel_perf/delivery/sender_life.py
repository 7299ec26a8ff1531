"""The life of a destination: what all of them do in the same way, whatever they carry."""

from typing import Any

from otel_perf.delivery.sender import Sender

__all__ = ["SenderLife"]


class SenderLife:
    """Start, flush, end and fork of a destination, which are its sender's."""

    _sender: Sender[Any]

    def start(self) -> None:
        """Start the sender's thread, so that no ``offer`` has to."""
        self._sender.start()

    def flush(self, deadline_ns: int) -> bool:
        """Send what waits; by the deadline (monotonic ns).

        ``True`` when everything offered since the last flush, or a newer snapshot of it, is acknowledged; ``False``
        when something was refused or dropped, or waits.
        """
        return self._sender.flush(deadline_ns)

    def hurry(self) -> None:
        """Begin to send what waits, without waiting for it, so that several destinations can flush together."""
        self._sender.hurry()

    def close_by(self, deadline_ns: int) -> None:
        """Begin the end without waiting, so that several destinations can end at the same time; see ``shutdown``."""
        self._sender.close_by(deadline_ns)

    def shutdown(self, deadline_ns: int) -> bool:
        """Send what waits until the deadline (monotonic ns), account for the rest, end the thread.

        ``True`` when nothing was lost by ending. Returns at most 0.2 s after the deadline. What is left becomes
        ``dropped{shutdown_timeout}``; a request that was under way and may have arrived becomes ``uncertain``.
        """
        return self._sender.shutdown(deadline_ns)

    def after_fork_in_child(self) -> None:
        """Start empty, with an account at zero: the parent delivers what was waiting.

        What an exporter of the application itself needs after a fork is its own business.
        """
        self._sender.after_fork_in_child()
