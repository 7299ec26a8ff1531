"""What a sink has received, and how it is told to behave."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

REQUESTS: dict[str, Any] = {
    "traces": ExportTraceServiceRequest,
    "metrics": ExportMetricsServiceRequest,
    "logs": ExportLogsServiceRequest,
}


@dataclass(frozen=True)
class Behaviour:
    """How a sink treats one request.

    ``status`` is an HTTP status or a gRPC code name; ``store`` overrides whether the items count as received.
    """

    status: int | str = 200
    delay_seconds: float = 0.0
    black_hole: bool = False
    drop_answer: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    retry_info_seconds: float | None = None
    rejected_items: int = 0
    message: str = ""
    largest_bytes: int | None = None
    poison_name: str | None = None
    body: bytes | None = None
    content_type: str = "application/x-protobuf"


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    signal: str
    at: float
    headers: dict[str, str]
    size_bytes: int
    items: int
    status: int | str


class Received:
    """All requests of a sink. ``behave`` sets what it does; ``script`` queues what it does next, one request each."""

    url: str

    def __init__(self) -> None:
        self.behaviour = Behaviour()
        self.script: deque[Behaviour] = deque()
        self.requests: list[Request] = []
        self.arrived = 0
        self.span_ids: Counter[bytes] = Counter()
        self.span_names: Counter[str] = Counter()
        self.traces: list[ExportTraceServiceRequest] = []
        self.metrics: list[ExportMetricsServiceRequest] = []
        self.logs: list[ExportLogsServiceRequest] = []
        self.stopped = threading.Event()
        self._changed = threading.Condition()

    def behave(self, **how: Any) -> None:
        self.behaviour = Behaviour(**how)

    def then(self, *behaviours: Behaviour) -> None:
        self.script.extend(behaviours)

    def next_behaviour(self) -> Behaviour:
        """A request has arrived: how it is to be treated."""
        with self._changed:
            self.arrived += 1
            self._changed.notify_all()
        try:
            return self.script.popleft()
        except IndexError:
            return self.behaviour

    def judge(self, signal: str, body: bytes, headers: dict[str, str], how: Behaviour, ok: int | str) -> int | str:
        """Decode, decide, store; the status to answer with."""
        message: Any = REQUESTS[signal]()
        message.ParseFromString(body)
        spans = list(_spans(message)) if signal == "traces" else []
        items = {"traces": lambda: len(spans), "metrics": lambda: _points(message), "logs": lambda: _records(message)}[
            signal
        ]()
        status = how.status if how.status != 200 else ok
        if how.largest_bytes is not None and len(body) > how.largest_bytes:
            status = 413 if ok == 200 else "RESOURCE_EXHAUSTED"
        elif how.poison_name is not None and how.poison_name in {span.name for span in spans}:
            status = 400 if ok == 200 else "INVALID_ARGUMENT"
        with self._changed:
            self.requests.append(Request(signal, time.monotonic(), headers, len(body), items, status))
            if status == ok:
                kept = spans[: len(spans) - how.rejected_items]
                self.span_ids.update(span.span_id for span in kept)
                self.span_names.update(span.name for span in kept)
                kept_by: dict[str, list[Any]] = {"traces": self.traces, "metrics": self.metrics, "logs": self.logs}
                kept_by[signal].append(message)
            self._changed.notify_all()
        return status

    def wait_until(self, condition: Callable[[], bool], seconds: float = 10.0) -> bool:
        """Wait until ``condition`` holds, looking again whenever a request arrives or is answered."""
        with self._changed:
            return self._changed.wait_for(condition, seconds)

    @property
    def log_records(self) -> list[Any]:
        """Log records received, in the order of their coming."""
        return [
            record
            for message in list(self.logs)
            for resource in message.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    @property
    def spans(self) -> int:
        """Different spans received."""
        return len(self.span_ids)

    @property
    def doubled(self) -> int:
        """Spans received more than once, by the number of surplus copies."""
        return self.span_ids.total() - len(self.span_ids)

    def stats(self) -> dict[str, Any]:
        """The numbers, for another process."""
        return {
            "requests": len(self.requests),
            "spans": self.spans,
            "doubled": self.doubled,
            "names": dict(self.span_names),
            "statuses": dict(Counter(str(request.status) for request in self.requests)),
        }


def _spans(message: ExportTraceServiceRequest) -> Iterable[Any]:
    return (span for resource in message.resource_spans for scope in resource.scope_spans for span in scope.spans)


def _records(message: ExportLogsServiceRequest) -> int:
    return sum(len(scope.log_records) for resource in message.resource_logs for scope in resource.scope_logs)


def _points(message: ExportMetricsServiceRequest) -> int:
    return sum(
        len(getattr(metric, str(metric.WhichOneof("data"))).data_points)
        for resource in message.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )
