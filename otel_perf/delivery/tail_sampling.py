"""Sampling by what happened: a trace is kept or left out when it has ended, its errors and its length known.

Spans wait, encoded, per trace. A trace is decided when its local root has ended and a grace time has passed, for spans
that end late. Errors and slow traces are kept whole, of the others a share, chosen by trace id as OpenTelemetry's ratio
sampler does, so that several processes choose the same ones. Above the byte budget the oldest trace is decided early.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from otel_perf.core.records import ToolCall
from otel_perf.delivery.call_attributes import status_code
from otel_perf.delivery.span_request import EncodedSpan

if TYPE_CHECKING:
    from otel_perf.delivery.span_delivery import SpanOutlet

__all__ = ["TailPolicy", "TailSampler"]

REMEMBERED: Final = 50_000
"""Decisions kept for spans that end late, about 5 MB; a span that is later still is decided by its own facts."""
SPAN_OVERHEAD_BYTES: Final = 100
RATIO_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class TailPolicy:
    """What is kept.

    Attributes:
        slow_seconds: A trace whose local root took at least this long is kept.
        ratio: Share of the other traces that is kept, 0 to 1.
        grace_seconds: Wait for late spans after the local root has ended.
        max_bytes: Encoded bytes that may wait, all traces together.
    """

    slow_seconds: float
    ratio: float
    grace_seconds: float
    max_bytes: int


class _Trace:
    """Strictly private: a trace that is not decided."""

    __slots__ = ("ended_ns", "failed", "slow", "spans")

    def __init__(self) -> None:
        self.spans: list[EncodedSpan] = []
        self.failed = False
        self.slow = False
        self.ended_ns: int | None = None


class TailSampler:
    """Holds encoded spans per trace in front of all outlets. All methods run under the worker's lock.

    Attributes:
        decided_early: Traces that the byte budget forced a decision on before they had ended.
    """

    def __init__(self, outlets: "Sequence[SpanOutlet]", policy: TailPolicy) -> None:
        """Decide for ``outlets`` together."""
        self._outlets = tuple(outlets)
        self._policy = policy
        self._bound = round(policy.ratio * (1 << RATIO_BITS))
        self.decided_early = 0
        self.forget()

    def forget(self) -> None:
        """Start empty: after a fork the parent decides about what it holds."""
        self._traces: OrderedDict[int, _Trace] = OrderedDict()
        self._decisions: OrderedDict[int, bool] = OrderedDict()
        self._bytes = 0

    # -- what is known of a trace ------------------------------------------------------------------------------------

    def note_call(self, call: ToolCall, now_ns: int) -> None:
        """A call of ours ended; its span is about to be held."""
        context = call.context
        if context is None:
            return
        parent = None if call.parent is None else call.parent.get_span_context()
        is_root = parent is None or not parent.is_valid or parent.is_remote
        failed = status_code(call) == StatusCode.ERROR.value
        self._note(context.trace_id, failed=failed, root_ns=call.duration_ns if is_root else None, now_ns=now_ns)

    def note_span(self, span: ReadableSpan, now_ns: int) -> None:
        """A span of another library ended; it is about to be held."""
        if span.context is None:
            return
        is_root = span.parent is None or span.parent.is_remote
        duration_ns = (span.end_time or 0) - (span.start_time or 0)
        failed = span.status.status_code is StatusCode.ERROR
        self._note(span.context.trace_id, failed=failed, root_ns=duration_ns if is_root else None, now_ns=now_ns)

    def _note(self, trace_id: int, *, failed: bool, root_ns: int | None, now_ns: int) -> None:
        if trace_id in self._decisions:
            return
        trace = self._traces.get(trace_id)
        if trace is None:
            trace = self._traces[trace_id] = _Trace()
        trace.failed |= failed
        if root_ns is not None:
            trace.slow |= root_ns >= self._policy.slow_seconds * 1e9
            trace.ended_ns = now_ns

    # -- spans -------------------------------------------------------------------------------------------------------

    def hold(self, spans: Sequence[EncodedSpan]) -> None:
        """Take spans over; those of a decided trace follow its decision at once."""
        late: dict[bool, list[EncodedSpan]] = {True: [], False: []}
        held = 0
        for span in spans:
            decision = self._decisions.get(span.trace_id)
            if decision is not None:
                late[decision].append(span)
                continue
            self._traces.setdefault(span.trace_id, _Trace()).spans.append(span)
            self._bytes += span.size + SPAN_OVERHEAD_BYTES
            held += 1
        for outlet in self._outlets:
            outlet.account.accept(held + len(late[False]))
            outlet.account.leave_unsampled(len(late[False]))
            if late[True]:
                outlet.offer(late[True])
        while self._bytes > self._policy.max_bytes and self._traces:
            self.decided_early += 1
            self._decide(next(iter(self._traces)))

    def sweep(self, now_ns: int) -> None:
        """Decide the traces whose grace time has passed."""
        grace_ns = int(self._policy.grace_seconds * 1e9)
        due = [
            trace_id
            for trace_id, trace in self._traces.items()
            if trace.ended_ns is not None and now_ns - trace.ended_ns >= grace_ns
        ]
        for trace_id in due:
            self._decide(trace_id)

    def decide_all(self) -> None:
        """Decide everything now, by what is known: the process is about to end, or a flush was asked for."""
        for trace_id in list(self._traces):
            self._decide(trace_id)

    def _decide(self, trace_id: int) -> None:
        trace = self._traces.pop(trace_id)
        keep = trace.failed or trace.slow or (trace_id & ((1 << RATIO_BITS) - 1)) < self._bound
        self._decisions[trace_id] = keep
        if len(self._decisions) > REMEMBERED:
            self._decisions.popitem(last=False)
        if not trace.spans:
            return
        self._bytes -= sum(span.size + SPAN_OVERHEAD_BYTES for span in trace.spans)
        for outlet in self._outlets:
            if keep:
                outlet.account.hand_back(len(trace.spans))
                outlet.offer(trace.spans)
            else:
                outlet.account.leave_unsampled(len(trace.spans))
