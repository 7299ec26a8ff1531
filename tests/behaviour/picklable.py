"""A tool of a module that can be imported by its name."""

import otel_perf


@otel_perf.tool
def double(number: int) -> int:
    """Twice the number."""
    return 2 * number
