"""Named sets of values: stronger than the defaults, weaker than anything that is said explicitly."""

from collections.abc import Mapping

__all__ = ["PRESETS"]

MIB = 1024 * 1024

PRESETS: Mapping[str, Mapping[str, object]] = {
    # See everything, and see it at once.
    "development": {
        "capture": "summary",
        "export_interval_seconds": 0.2,
        "metric_interval_seconds": 5.0,
        "open_call_warning_seconds": 10.0,
    },
    # The defaults are made for production; what is added is the end of a container, which comes as SIGTERM.
    "production": {
        "handle_sigterm": True,
    },
    # Thousands of calls a second: more room, bigger requests, and of the uneventful traces a twentieth.
    "high_throughput": {
        "queue_max_calls": 262_144,
        "queue_max_bytes": 128 * MIB,
        "export_batch_size": 2048,
        "export_queue_max_bytes": 64 * MIB,
        "tail_sampling": True,
        "tail_ratio": 0.05,
        "tail_max_bytes": 64 * MIB,
    },
}
"""Preset to setting to value. Every value obeys the same rules as one that a user gives."""
