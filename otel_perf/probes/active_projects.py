"""How many projects the application is working on: only it can know."""

from otel_perf.core.process_signals import PROJECTS_ACTIVE
from otel_perf.core.recording import record

__all__ = ["record_active_projects"]


def record_active_projects(count: int) -> None:
    """Say how many projects are worked on now, as the gauge ``otel_perf.projects.active``.

    The last number said is the present one. Never raises.

    Args:
        count: 0 or more.
    """
    record(PROJECTS_ACTIVE, count)
