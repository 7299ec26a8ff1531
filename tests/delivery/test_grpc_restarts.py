"""A gRPC receiver that comes and goes."""

import threading
import time

from tests.delivery.sending import sending_to, settled, spans, within
from tests.sinks.grpc_sink import GrpcSink
from tests.sinks.http_sink import free_port


def test_t18_a_grpc_server_that_restarts_five_times_gets_everything() -> None:
    """T-18, light: spans are offered all the while; none is lost, and each restart is over within 5 s."""
    port = free_port()
    sink = GrpcSink(port)
    received: set[bytes] = set()
    surplus = 0
    over = threading.Event()
    offered = 0
    with sending_to(f"127.0.0.1:{port}") as destination:

        def offer() -> None:
            nonlocal offered
            while not over.wait(0.002):
                destination.offer(spans(2))
                offered += 2

        thread = threading.Thread(target=offer)
        thread.start()
        try:
            for _ in range(5):
                assert sink.wait_until(lambda: sink.spans > 20)  # noqa: B023 -- called at once
                sink.close()
                received |= set(sink.span_ids)
                surplus += sink.doubled
                sink = GrpcSink(port)
                restarted = time.monotonic()
                assert sink.wait_until(lambda: sink.spans > 0)  # noqa: B023
                assert time.monotonic() - restarted <= 5
        finally:
            over.set()
            thread.join()
        assert destination.flush(within(10))
        received |= set(sink.span_ids)
        sink.close()
        assert settled(destination.account) == {"exported": offered}
        assert len(received) == offered
        assert surplus == 0
