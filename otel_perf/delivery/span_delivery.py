"""From records to encoded spans: each is encoded once and offered to every destination."""

from collections.abc import Sequence
from typing import Any, Protocol

from otel_perf.core import clock
from otel_perf.core.guard import guard
from otel_perf.core.ledger import DestinationAccount
from otel_perf.core.records import ToolCall
from otel_perf.delivery.foreign_spans import encode_foreign
from otel_perf.delivery.span_encoder import SpanEncoder
from otel_perf.delivery.span_request import EncodedSpan
from otel_perf.delivery.tail_sampling import TailSampler

__all__ = ["SpanDelivery", "SpanOutlet"]


class SpanOutlet(Protocol):
    """Where encoded spans go: a destination, or the tail sampler in front of one."""

    @property
    def account(self) -> DestinationAccount:
        """The account that every span offered is entered into."""
        ...

    def offer(self, spans: Sequence[EncodedSpan]) -> None:
        """Take spans over. Never blocks, does no I/O, and accounts for each."""
        ...


class SpanDelivery:
    """Encodes sampled calls and the spans of others. All methods but ``on_overflow`` run under the worker's lock."""

    def __init__(
        self, encoder: SpanEncoder, outlets: Sequence[SpanOutlet], tail_sampler: TailSampler | None = None
    ) -> None:
        """Offer what ``encoder`` makes to each of ``outlets``, or to the tail sampler in front of them."""
        self._encoder = encoder
        self._outlets = tuple(outlets)
        self._tail_sampler = tail_sampler

    def on_calls(self, calls: Sequence[ToolCall]) -> None:
        """Encode the sampled ones; those that an SDK span carries go the way of foreign spans."""
        group = self._encoder.group
        encode = self._encoder.encode
        encoded: list[EncodedSpan] = []
        carried: list[Any] = []
        failed = 0
        for call in calls:
            if not call.scope.sampled:
                continue
            if call.readable is not None:
                carried.append(call.readable)
                continue
            body = guard.call("encode", encode, call)
            if self._tail_sampler is not None:  # a root that cannot be encoded ends its trace as any other
                self._tail_sampler.note_call(call, clock.monotonic_ns())
            if body is None:
                failed += 1
                continue
            context = call.context
            encoded.append(EncodedSpan(group, body, 0 if context is None else context.trace_id))
        if encoded or failed:
            self._offer(encoded, failed)
        if carried:
            self.on_foreign(carried)

    def on_foreign(self, spans: Sequence[Any]) -> None:
        """Encode finished SDK spans; a poisonous one is rejected alone."""
        encoded, rejected = encode_foreign(spans)
        if self._tail_sampler is not None:
            for span in spans:
                self._tail_sampler.note_span(span, clock.monotonic_ns())
        self._offer(encoded, len(rejected))

    def on_overflow(self, call: ToolCall) -> None:  # noqa: ARG002 - the protocol
        """A sampled call was dropped before it was encoded: it is on every account."""
        for outlet in self._outlets:
            outlet.account.accept(1)
            outlet.account.drop(1, "queue_full")

    def _offer(self, encoded: Sequence[EncodedSpan], failed: int) -> None:
        for outlet in self._outlets:
            if failed:
                outlet.account.accept(failed)
                outlet.account.drop(failed, "encode_error")
            if encoded and self._tail_sampler is None:
                outlet.offer(encoded)
        if encoded and self._tail_sampler is not None:
            self._tail_sampler.hold(encoded)
