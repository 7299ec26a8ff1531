"""An OTLP/gRPC receiver."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.sinks.received import Behaviour, Received

SERVICES = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.metrics.v1.MetricsService": "metrics",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
}


class GrpcSink(Received):
    """The receiver."""

    def __init__(self, port: int = 0, credentials: grpc.ServerCredentials | None = None) -> None:
        super().__init__()
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="grpc-sink")
        self._server = grpc.server(
            self._pool, options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 2**26)]
        )
        for service, signal in SERVICES.items():
            handler: Any = grpc.unary_unary_rpc_method_handler(self._handler(signal))
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": handler}),))
        address = f"127.0.0.1:{port}"
        self.port: int = (
            self._server.add_insecure_port(address)
            if credentials is None
            else self._server.add_secure_port(address, credentials)
        )
        self.url = f"127.0.0.1:{self.port}"
        self._server.start()

    def close(self) -> None:
        """Stop at once, cutting every call."""
        self.stopped.set()
        self._server.stop(0).wait(5)
        self._pool.shutdown()

    def _handler(self, signal: str) -> Any:
        def export(body: bytes, context: grpc.ServicerContext) -> bytes:
            how = self.next_behaviour()
            metadata = {name: str(value) for name, value in context.invocation_metadata()}
            if how.black_hole:
                self.judge(signal, body, metadata, Behaviour(status="UNAVAILABLE"), "OK")
                while context.is_active() and not self.stopped.wait(0.02):
                    pass
                context.abort(grpc.StatusCode.UNAVAILABLE, "stopping")
            self.stopped.wait(how.delay_seconds)
            status = str(self.judge(signal, body, metadata, how, "OK"))
            if how.drop_answer:
                context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
            if status != "OK":
                self._refuse(context, status, how)
            return _success(how, signal)

        return export

    def _refuse(self, context: grpc.ServicerContext, status: str, how: Behaviour) -> None:
        code = grpc.StatusCode[status]
        message = how.message or ("grpc: received message larger than max" if how.largest_bytes else "refused")
        if how.retry_info_seconds is not None:
            details = Status(code=code.value[0], message=message)
            delay = Duration()
            delay.FromNanoseconds(int(how.retry_info_seconds * 1e9))
            details.details.add().Pack(RetryInfo(retry_delay=delay))
            context.set_trailing_metadata((("grpc-status-details-bin", details.SerializeToString()),))
        context.abort(code, message)


def _success(how: Behaviour, signal: str) -> bytes:
    answer: Any
    if signal == "traces":
        answer = ExportTraceServiceResponse()
        answer.partial_success.rejected_spans = how.rejected_items
    elif signal == "logs":
        answer = ExportLogsServiceResponse()
        answer.partial_success.rejected_log_records = how.rejected_items
    else:
        answer = ExportMetricsServiceResponse()
        answer.partial_success.rejected_data_points = how.rejected_items
    answer.partial_success.error_message = how.message
    return bytes(answer.SerializeToString())


@contextmanager
def grpc_sink(port: int = 0, credentials: grpc.ServerCredentials | None = None) -> Iterator[GrpcSink]:
    """A receiver for the block."""
    sink = GrpcSink(port, credentials)
    try:
        yield sink
    finally:
        sink.close()
