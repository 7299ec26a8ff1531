"""What a program says of itself at its end, as one line of JSON."""

import atexit
import json
import sys
import time
from typing import Any


def say(**facts: Any) -> None:
    """One line."""
    print(json.dumps(facts), flush=True)


def leaving() -> None:
    """From here on the time to the end of the process counts."""
    say(leaving_at=time.monotonic())


def account_at_the_end(handles: "list[Any]", counted: "list[int] | None" = None) -> None:
    """Print the ledger when everything else is over. To be called before ``instrument()``: the last one runs first."""
    from opentelemetry import trace

    def tell() -> None:
        status = handles[0].status()
        say(
            state=status.state,
            balanced=status.balanced,
            calls=status.calls.calls,
            disabled=status.calls.disabled,
            counted=None if counted is None else counted[0],
            open_calls=len(status.open_calls),
            span_left=trace.get_current_span() is not trace.INVALID_SPAN,
            worker_restarts=status.worker_restarts,
            internal_errors=dict(status.internal_errors),
            notes=list(status.notes),
            destinations=[
                {
                    "signal": entry.signal,
                    "accepted": entry.accepted,
                    "exported": entry.exported,
                    "rejected": dict(entry.rejected),
                    "dropped": dict(entry.dropped),
                    "queued": entry.queued,
                    "in_flight": entry.in_flight,
                    "spooled": entry.spooled,
                    "uncertain": entry.uncertain,
                    "balanced": entry.balanced,
                }
                for entry in status.destinations
            ],
        )
        sys.stdout.flush()

    atexit.register(tell)
