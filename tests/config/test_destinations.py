"""Where each signal goes."""

from pathlib import Path

import pytest

from otel_perf.config.destinations import Destination
from otel_perf.config.load import Loaded, load


def urls(destinations: tuple[Destination, ...]) -> list[str]:
    """The addresses alone."""
    return [destination.url for destination in destinations]


def both(loaded: Loaded) -> tuple[list[str], list[str]]:
    """The addresses of traces and metrics."""
    return urls(loaded.destinations.traces), urls(loaded.destinations.metrics)


BASE = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"


@pytest.mark.parametrize(
    ("environ", "traces", "metrics"),
    [
        ({}, [], []),
        ({BASE: "http://h:4318"}, ["http://h:4318/v1/traces"], ["http://h:4318/v1/metrics"]),
        ({BASE: "HTTPS://H/"}, ["https://H/v1/traces"], ["https://H/v1/metrics"]),
        ({BASE: "http://h/otlp/"}, ["http://h/otlp/v1/traces"], ["http://h/otlp/v1/metrics"]),
        ({BASE: "http://h/v1/traces"}, ["http://h/v1/traces"], ["http://h/v1/metrics"]),
        ({BASE: "http://h?region=eu"}, ["http://h/v1/traces?region=eu"], ["http://h/v1/metrics?region=eu"]),
        ({BASE: "http://[::1]:4318"}, ["http://[::1]:4318/v1/traces"], ["http://[::1]:4318/v1/metrics"]),
        ({TRACES: "http://t/custom"}, ["http://t/custom"], []),
        ({TRACES: "http://t"}, ["http://t/"], []),
        ({BASE: "http://h", TRACES: "http://t/x"}, ["http://t/x"], ["http://h/v1/metrics"]),
        ({BASE: "http://h", TRACES: "nonsense"}, [], ["http://h/v1/metrics"]),
        ({BASE: "http://h", "OTEL_SDK_DISABLED": "true"}, [], []),
        ({BASE: "http://h", "OTEL_TRACES_EXPORTER": "none"}, [], ["http://h/v1/metrics"]),
        ({BASE: "http://h", "OTEL_METRICS_EXPORTER": "console"}, ["http://h/v1/traces"], []),
    ],
)
def test_http_addresses(environ: dict[str, str], traces: list[str], metrics: list[str]) -> None:
    """A general address gets the signal's path, one for a signal stays as it is, and none means none."""
    assert both(load({}, environ=environ)) == (traces, metrics)


@pytest.mark.parametrize(
    ("address", "target", "insecure"),
    [
        ("http://h:4317", "h:4317", True),
        ("http://h", "h:4317", True),
        ("https://h", "h:443", False),
        ("https://h:4317/ignored", "h:4317", False),
        ("http://[::1]:4317", "[::1]:4317", True),
        ("h:4317", "h:4317", False),
    ],
)
def test_grpc_targets(address: str, target: str, insecure: bool) -> None:
    """Over gRPC an address becomes host:port, in plain text when the scheme is http."""
    loaded = load({"protocol": "grpc", "endpoint": address}, environ={})
    assert loaded.problems == []
    (destination,) = loaded.destinations.traces
    assert (destination.url, destination.insecure, destination.name) == (target, insecure, f"grpc://{target}")


def test_insecure_counts_only_without_a_scheme() -> None:
    """OTEL_EXPORTER_OTLP_INSECURE opens host:port in plain text, and never an https address."""
    environ = {"OTEL_EXPORTER_OTLP_INSECURE": "true", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    assert load({"endpoint": "h:1"}, environ=environ).destinations.traces[0].insecure is True
    assert load({"endpoint": "https://h:1"}, environ=environ).destinations.traces[0].insecure is False


def test_host_and_port_alone_need_grpc() -> None:
    """Over HTTP an address without a scheme is refused once for both signals."""
    loaded = load({"endpoint": "h:4318"}, environ={})
    assert len(loaded.problems) == 1
    assert str(loaded.problems[0]) == (
        'argument endpoint="h:4318": needs http:// or https:// in front, since the protocol is http/protobuf; '
        "nothing is sent there"
    )
    assert both(loaded) == ([], [])


def test_the_argument_wins_over_the_environment_completely() -> None:
    """Addresses of the environment, general or for a signal, get nothing when the application names its own."""
    environ = {BASE: "http://h", TRACES: "http://t", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://m"}
    assert both(load({"endpoint": "http://a"}, environ=environ)) == (["http://a/v1/traces"], ["http://a/v1/metrics"])
    assert both(load({"endpoint": []}, environ=environ)) == ([], [])


@pytest.mark.parametrize("endpoint", ["htp://a", 123, [None], "\udcff"])
def test_a_bad_address_never_falls_back_to_another(endpoint: object) -> None:
    """When the application's address is wrong, by form or by type, the data does not go to the environment's."""
    loaded = load({"endpoint": endpoint}, environ={BASE: "http://h", TRACES: "http://t"})
    assert both(loaded) == ([], [])
    assert len(loaded.problems) == 1


def test_several_addresses_each_get_a_destination() -> None:
    """Of a list the good ones are used, each once, the bad ones told."""
    loaded = load({"endpoint": ["http://a", "ftp://b", "http://c", "http://a"]}, environ={})
    assert both(loaded)[0] == ["http://a/v1/traces", "http://c/v1/traces"]
    assert [problem.where for problem in loaded.problems] == ['argument endpoint="ftp://b"']


def test_a_destination_carries_its_signals_settings() -> None:
    """Headers, time limit, compression and protocol are those of the signal."""
    environ = {
        BASE: "http://h:4317",
        "OTEL_EXPORTER_OTLP_HEADERS": "a=1",
        "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "b=2",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "none",
        "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "3",
    }
    loaded = load({}, environ=environ)
    (traces,), (metrics,) = loaded.destinations.traces, loaded.destinations.metrics
    assert (traces.headers, traces.compression, traces.timeout_seconds) == ({"a": "1"}, "none", 10)
    assert (metrics.headers, metrics.compression, metrics.timeout_seconds) == ({"b": "2"}, "gzip", 3)
    assert (traces.protocol, metrics.protocol, metrics.url) == ("http/protobuf", "grpc", "h:4317")


def test_missing_tls_files_withhold_the_signal(tmp_path: Path) -> None:
    """A certificate that cannot be read stops its signal, with one line, instead of weakening its trust."""
    good = tmp_path / "ca.pem"
    good.write_text("x")
    environ = {BASE: "https://h", "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": "/no/ca.pem"}
    loaded = load({}, environ=environ)
    assert both(loaded) == ([], ["https://h/v1/metrics"])
    assert [str(problem) for problem in loaded.problems] == [
        'OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE="/no/ca.pem": cannot be read; it must be a PEM file; nothing is sent'
    ]
    loaded = load({"endpoint": "https://h", "certificate": str(good)}, environ={})
    assert loaded.problems == []
    assert loaded.destinations.metrics[0].certificate == good
    assert len(load({"certificate": "/no/ca.pem", "endpoint": "https://h"}, environ={}).problems) == 1


def test_a_path_too_long_for_the_system_is_unreadable() -> None:
    """A certificate's path that the system itself refuses is told like a missing file."""
    loaded = load({"endpoint": "https://h", "certificate": "a" * 5000}, environ={})
    assert [problem.rule for problem in loaded.problems] == ["cannot be read; it must be a PEM file"]


@pytest.mark.parametrize("field", ["client_key", "client_certificate"])
def test_mutual_tls_needs_both_files(field: str, tmp_path: Path) -> None:
    """A key without its certificate, or the other way round, is told and nothing is sent."""
    file = tmp_path / "half.pem"
    file.write_text("x")
    loaded = load({"endpoint": "https://h", field: file}, environ={})
    assert both(loaded) == ([], [])
    assert len(loaded.problems) == 1
    assert load({field: file}, environ={}).problems == []
    whole = load({"endpoint": "https://h", "client_key": file, "client_certificate": file}, environ={})
    assert whole.problems == []
