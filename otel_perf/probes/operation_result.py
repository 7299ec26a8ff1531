"""What was measured of one operation, as one immutable object that goes to JSON and back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Final, Self

from otel_perf.core.records import Outcome
from otel_perf.probes.operation_schema import FORMAT_VERSION, check_document
from otel_perf.probes.speed import Speed

__all__ = ["OperationResult"]

MEBIBYTE: Final = 1024 * 1024
NANOSECONDS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationResult:
    """One operation that ended. A number that could not be measured is ``None``, and ``absent`` says why.

    Attributes:
        name: Name of the operation.
        start_unix_ns: Start as Unix time in nanoseconds.
        end_unix_ns: The start plus the duration: a step of the wall clock does not change it.
        duration_seconds: From start to end, by the monotonic clock (steps of a nanosecond on Linux).
        cpu_seconds: CPU time of the operation's thread; ``None`` below 10 ms of duration, or where other work on the
            thread would be in it.
        cpu_utilization: ``cpu_seconds`` by ``duration_seconds``, in cores (0.5 is half a core).
        rss_before_bytes: Resident memory of the process before.
        rss_after_bytes: Resident memory of the process after.
        rss_peak_bytes: Highest resident memory of the process meanwhile, other threads' included.
        peak_method: How the peak was found: ``VmHWM`` (the system's high-water mark rose; ``peak_wset`` on Windows,
            ``ru_maxrss`` on macOS), ``VmHWM reset`` (it was reset at the start), ``sampler`` (the highest of looks
            every 5 ms: shorter peaks may be missing).
        python_peak_bytes: By how much Python objects exceeded the start at most (``tracemalloc``), where asked for.
        outcome: ``ok``, ``error``, ``timeout`` or ``cancelled``.
        error_type: Class of the exception that ended it.
        speed: ``fast``, ``moderate`` or ``slow``, by the operation's thresholds.
        thread: Name of the thread that ended it.
        trace_id: Trace of its span, 32 hexadecimal digits; ``None`` when nothing was recorded.
        span_id: Its span, 16 hexadecimal digits.
        absent: By field, why it was not measured.
    """

    name: str
    start_unix_ns: int
    end_unix_ns: int
    duration_seconds: float
    cpu_seconds: float | None = None
    cpu_utilization: float | None = None
    rss_before_bytes: int | None = None
    rss_after_bytes: int | None = None
    rss_peak_bytes: int | None = None
    peak_method: str | None = None
    python_peak_bytes: int | None = None
    outcome: Outcome = "ok"
    error_type: str | None = None
    speed: Speed = "fast"
    thread: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    absent: Mapping[str, str] = field(default_factory=dict)

    @property
    def success(self) -> bool:
        """Whether it ended well."""
        return self.outcome == "ok"

    @property
    def start(self) -> str:
        """Start as RFC 3339 in UTC, to the microsecond."""
        return rfc3339(self.start_unix_ns)

    @property
    def end(self) -> str:
        """End as RFC 3339 in UTC, to the microsecond."""
        return rfc3339(self.end_unix_ns)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as ``operation_schema.OPERATION_SCHEMA`` describes them."""
        plain: dict[str, Any] = {"version": FORMAT_VERSION, "start": self.start, "end": self.end}
        plain |= {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {**plain, "success": self.success, "absent": dict(self.absent)}

    def to_json(self) -> str:
        """One JSON object; it never holds ``NaN`` or an infinity."""
        return json.dumps(self.to_dict(), allow_nan=False, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The result that ``to_json`` wrote. Unknown fields are left out: a later version may have written them.

        Raises:
            ValueError: It is no JSON, or not such a result; the message names the field.
        """
        document = json.loads(text, parse_constant=_refuse)
        check_document(document)
        return cls(**{entry.name: document[entry.name] for entry in fields(cls) if entry.name in document})

    def __str__(self) -> str:
        """One line for people: sizes in MiB (2^20 bytes)."""
        parts = [f"{self.name}: {self.duration_seconds:.6f} s"]
        if self.cpu_utilization is not None:
            parts.append(f"CPU {self.cpu_utilization:.0%} of a core")
        if self.rss_before_bytes is not None and self.rss_after_bytes is not None:
            parts.append(f"RSS {mebibytes(self.rss_before_bytes)} to {mebibytes(self.rss_after_bytes)}")
        if self.rss_peak_bytes is not None:
            parts.append(f"peak {mebibytes(self.rss_peak_bytes)} ({self.peak_method})")
        parts.append(self.outcome if self.error_type is None else f"{self.outcome} ({self.error_type})")
        return ", ".join(parts)


def rfc3339(unix_ns: int) -> str:
    """Unix time in nanoseconds as RFC 3339 in UTC, cut to the microsecond."""
    seconds, rest = divmod(unix_ns, NANOSECONDS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


def mebibytes(size: int) -> str:
    """Bytes as text in MiB."""
    return f"{size / MEBIBYTE:.1f} MiB"


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")
