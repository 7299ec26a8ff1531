"""A subject's process: takes one task per line of its standard input, and answers each with a line.

Run as ``python -m otel_perf.bench.child SUBJECT ENDPOINT CORE``. Tasks and answers are JSON objects.
"""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from otel_perf.bench import cost_tasks, load_tasks, memory_tasks
from otel_perf.bench.subjects import Subject, build

__all__ = ["TASKS", "main"]


def account(subject: Subject, core: int) -> dict[str, int]:  # noqa: ARG001 - every task has this form
    """What became of the spans, as far as the subject itself knows; empty when it keeps no account."""
    subject.flush()
    return subject.account()


TASKS: Final[Mapping[str, Callable[..., Mapping[str, Any]]]] = {
    "account": account,
    "burst": cost_tasks.burst,
    "cold": cost_tasks.cold,
    "idle": load_tasks.idle,
    "latency": load_tasks.latency,
    "loop_lag": load_tasks.loop_lag,
    "queued_bytes": memory_tasks.queued_bytes,
    "resident": memory_tasks.resident,
    "slow_tools": load_tasks.slow_tools,
    "steady": load_tasks.steady,
}


def main() -> None:
    """Serve tasks until standard input closes."""
    name, endpoint, core = sys.argv[1:]
    subject = build(name, endpoint)
    print(json.dumps({"ready": name}), flush=True)  # noqa: T201 - the parent reads it
    for line in sys.stdin:
        order = json.loads(line)
        answer = TASKS[order.pop("task")](subject, int(core), **order)
        print(json.dumps(answer), flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    main()
